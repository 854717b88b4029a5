import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { Refusal } from '../errors.ts';
import { RpcCallee, RpcCaller } from '../rpc.ts';
import { answersInTrace, startTracing, tellTrace, traced, tracedCall } from './index.ts';

const contract = {
  requests: {
    double: { params: z.object({ n: z.number() }), result: z.object({ n: z.number() }) },
    fail: { params: z.object({}), result: z.object({}) },
    clock: { params: z.object({}), result: z.object({}) },
  },
  events: {},
} as const;

interface SentSpan {
  name: string;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  kind: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  status: { code?: number; message?: string };
  attributes: { key: string; value: Record<string, unknown> }[];
}

let collector: Server;
const bodies: string[] = [];
const before = process.env['OTEL_EXPORTER_OTLP_ENDPOINT'];

beforeAll(async () => {
  collector = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      bodies.push(body);
      response.setHeader('content-type', 'application/json').end('{}');
    });
  }).listen(0, '127.0.0.1');
  await once(collector, 'listening');
  process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`;
});

afterAll(() => {
  collector.close();
  if (before === undefined) delete process.env['OTEL_EXPORTER_OTLP_ENDPOINT'];
  else process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = before;
});

/** A caller and a callee as in two processes, but with one SDK. */
function connected() {
  const caller: RpcCaller<typeof contract> = new RpcCaller(contract, { send: (text) => void callee.receive(text) });
  const callee: RpcCallee<typeof contract> = new RpcCallee(contract, {
    send: (text) => caller.receive(text),
    around: answersInTrace('node'),
    handlers: {
      double: ({ n }) => ({ n: 2 * n }),
      fail: () => {
        throw new Refusal('conflict', 'not now');
      },
      clock: () => ({}),
    },
  });
  return caller;
}

const call = (caller: RpcCaller<typeof contract>, method: 'double' | 'fail') =>
  tracedCall(`sfu ${method}`, { 'rpc.method': method }, (traceparent) =>
    caller.request(method, { n: 21 } as never, undefined, traceparent),
  );

it('without an endpoint loads nothing, and everything works as before', async () => {
  const tracing = await startTracing('test', () => undefined, {});
  const caller = connected();
  expect(await traced('outer', {}, () => call(caller, 'double'))).toEqual({ n: 42 });
  tellTrace('frame', {}, [['decode', 1, 2]]);
  await tracing.close();
  expect(bodies).toEqual([]);
});

it('sends one trace over the border of two processes, and times of what is over', async () => {
  const problems: string[] = [];
  const tracing = await startTracing('framelock-test', (problem) => problems.push(problem));
  const caller = connected();
  expect(await traced('outer', { a: 1 }, () => call(caller, 'double'))).toEqual({ n: 42 });
  await expect(call(caller, 'fail')).rejects.toThrow('not now');
  await caller.request('clock', {});
  tellTrace('frame', { 'framelock.rtp_timestamp': 90_000 }, [
    ['decode', 1_000_000, 1_000_004.5],
    ['inference', 1_000_004.5, 1_000_020],
  ]);
  await tracing.close();
  expect(problems).toEqual([]);

  const sent = bodies.map(
    (body) =>
      JSON.parse(body) as {
        resourceSpans: { resource: { attributes: object[] }; scopeSpans: { spans: SentSpan[] }[] }[];
      },
  );
  const resources = sent.flatMap(({ resourceSpans }) => resourceSpans);
  expect(resources[0]!.resource.attributes).toContainEqual({
    key: 'service.name',
    value: { stringValue: 'framelock-test' },
  });
  const spans = resources.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans));
  const named = (name: string) => spans.find((span) => span.name === name)!;
  expect(spans.map(({ name }) => name).sort()).toEqual(
    ['outer', 'sfu double', 'node double', 'sfu fail', 'node fail', 'frame', 'decode', 'inference'].sort(),
  );
  expect(named('sfu double').parentSpanId).toBe(named('outer').spanId);
  expect(named('node double').parentSpanId).toBe(named('sfu double').spanId);
  expect(new Set(['outer', 'sfu double', 'node double'].map((name) => named(name).traceId)).size).toBe(1);
  expect(named('sfu fail').traceId).not.toBe(named('outer').traceId);
  expect(named('node fail').status).toEqual({ code: 2, message: 'not now' });
  expect(named('sfu fail').attributes).toContainEqual({ key: 'error.type', value: { stringValue: 'conflict' } });
  expect(named('inference').parentSpanId).toBe(named('frame').spanId);
  expect(BigInt(named('frame').endTimeUnixNano) - BigInt(named('frame').startTimeUnixNano)).toBe(20_000_000n);
  expect(BigInt(named('decode').endTimeUnixNano) - BigInt(named('decode').startTimeUnixNano)).toBe(4_500_000n);
});
