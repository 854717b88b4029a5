import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { Refusal } from './errors.ts';
import { type RequestHandlers, RpcCallee, RpcCaller } from './rpc.ts';
import { sfuControlContract } from './sfuControl.ts';
import { signalingContract } from './signaling.ts';

const seed = { seed: 20_261_120, numRuns: 500 };

const contract = {
  requests: {
    add: { params: z.object({ a: z.number(), b: z.number() }), result: z.object({ sum: z.number() }) },
    nothing: { params: z.object({}), result: z.object({}) },
  },
  events: { told: z.object({ what: z.string() }) },
} as const;
type TestContract = typeof contract;

const handlers: RequestHandlers<TestContract> = { add: ({ a, b }) => ({ sum: a + b }), nothing: () => ({}) };

function makeCallee(options: { handlers?: RequestHandlers<TestContract>; maxInFlight?: number } = {}) {
  const sent: string[] = [];
  const malformed: string[] = [];
  const refused: [string, unknown][] = [];
  const callee = new RpcCallee(contract, {
    send: (text) => sent.push(text),
    handlers: options.handlers ?? handlers,
    ...(options.maxInFlight === undefined ? {} : { maxInFlight: options.maxInFlight }),
    onMalformed: (reason) => malformed.push(reason),
    onRefused: (method, error) => refused.push([method, error]),
  });
  const answers = () => sent.map((text) => JSON.parse(text) as Record<string, unknown>);
  return { callee, sent, malformed, refused, answers };
}

function makeCaller(options: { timeoutMs?: number } = {}) {
  const sent: { id: number; method: string; params: unknown }[] = [];
  const malformed: string[] = [];
  const told: string[] = [];
  const caller = new RpcCaller(contract, {
    ...options,
    send: (text) => sent.push(JSON.parse(text) as (typeof sent)[number]),
    on: { told: ({ what }) => told.push(what) },
    onMalformed: (reason) => malformed.push(reason),
  });
  return { caller, sent, malformed, told };
}

/** Text that is nearly a message: what a hostile or broken peer would send. */
const hostileText = fc.oneof(
  fc.string({ maxLength: 200 }),
  fc.json({ maxDepth: 4 }),
  fc
    .record(
      {
        id: fc.oneof(fc.integer(), fc.double(), fc.string(), fc.constant(null), fc.array(fc.integer())),
        method: fc.oneof(
          fc.constantFrom('__proto__', 'constructor', 'toString', 'hasOwnProperty', 'add', 'nothing', ''),
          fc.string(),
          fc.integer(),
        ),
        params: fc.jsonValue(),
        event: fc.oneof(fc.constantFrom('__proto__', 'told', 'constructor'), fc.string(), fc.integer()),
        data: fc.jsonValue(),
        error: fc.jsonValue(),
        result: fc.jsonValue(),
      },
      { requiredKeys: [] },
    )
    .map((value) => JSON.stringify(value)),
);

describe('RpcCallee', () => {
  it('answers a request', async () => {
    const { callee, answers } = makeCallee();
    await callee.receive('{"id":7,"method":"add","params":{"a":1,"b":2}}');
    expect(answers()).toEqual([{ id: 7, result: { sum: 3 } }]);
  });

  it('takes no params as {}', async () => {
    const { callee, answers } = makeCallee();
    await callee.receive('{"id":1,"method":"nothing"}');
    expect(answers()).toEqual([{ id: 1, result: {} }]);
  });

  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf', 'unknown'])(
    'refuses the method %s',
    async (method) => {
      const { callee, answers, refused } = makeCallee();
      await callee.receive(JSON.stringify({ id: 1, method, params: {} }));
      expect(answers()).toMatchObject([{ id: 1, error: { code: 'badRequest' } }]);
      expect(refused).toHaveLength(1);
    },
  );

  it('does not let __proto__ in params through', async () => {
    let got: object | undefined;
    const { callee } = makeCallee({ handlers: { ...handlers, add: (params) => ((got = params), { sum: 0 }) } });
    await callee.receive('{"id":1,"method":"add","params":{"a":1,"b":2,"__proto__":{"polluted":true}}}');
    expect((got as { polluted?: boolean }).polluted).toBeUndefined();
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it('tells nothing of a bug in a handler but that there was one', async () => {
    const bug = new Error('secret /etc/passwd');
    const { callee, sent, refused } = makeCallee({
      handlers: { ...handlers, nothing: () => Promise.reject(bug) },
    });
    await callee.receive('{"id":1,"method":"nothing"}');
    expect(sent[0]).toContain('"internal"');
    expect(sent[0]).not.toContain('secret');
    expect(refused).toEqual([['nothing', bug]]);
  });

  it('refuses one request more than it may have in flight, and goes on when there is room', async () => {
    let finish: () => void = () => undefined;
    const blocked = new Promise<void>((resolve) => (finish = resolve));
    const { callee, answers } = makeCallee({
      maxInFlight: 2,
      handlers: { ...handlers, nothing: () => blocked.then(() => ({})) },
    });
    const running = [1, 2].map((id) => callee.receive(JSON.stringify({ id, method: 'nothing' })));
    await callee.receive('{"id":3,"method":"nothing"}');
    expect(answers()).toMatchObject([{ id: 3, error: { code: 'rateLimited' } }]);
    finish();
    await Promise.all(running);
    await callee.receive('{"id":4,"method":"add","params":{"a":1,"b":1}}');
    expect(answers().map(({ id }) => id)).toEqual([3, 1, 2, 4]);
  });

  it('says nothing after it was closed', async () => {
    const { callee, sent } = makeCallee();
    callee.close();
    callee.emit('told', { what: 'x' });
    await callee.receive('{"id":1,"method":"nothing"}');
    expect(sent).toEqual([]);
  });

  it('never throws, and answers or counts whatever comes', async () => {
    await fc.assert(
      fc.asyncProperty(hostileText, async (text) => {
        const { callee, malformed, answers } = makeCallee();
        await callee.receive(text);
        expect(malformed.length + answers().length).toBe(1);
        for (const answer of answers()) {
          const sum = (answer.result as { sum?: unknown } | undefined)?.sum;
          if (answer.error === undefined && sum !== undefined)
            expect(typeof sum === 'number' || sum === null).toBe(true);
        }
      }),
      seed,
    );
  });
});

describe('RpcCaller', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('matches answers with requests in any order', async () => {
    const { caller, sent } = makeCaller();
    const first = caller.request('add', { a: 1, b: 1 });
    const second = caller.request('add', { a: 2, b: 2 });
    caller.receive(JSON.stringify({ id: sent[1]!.id, result: { sum: 4 } }));
    caller.receive(JSON.stringify({ id: sent[0]!.id, result: { sum: 2 } }));
    expect(await first).toEqual({ sum: 2 });
    expect(await second).toEqual({ sum: 4 });
  });

  it('rejects with the refusal of the callee', async () => {
    const { caller, sent } = makeCaller();
    const request = caller.request('nothing', {});
    caller.receive(JSON.stringify({ id: sent[0]!.id, error: { code: 'conflict', message: 'no', details: [1] } }));
    await expect(request).rejects.toMatchObject({ code: 'conflict', message: 'no', details: [1] });
  });

  it('gives up after its timeout, and counts the answer that comes later', async () => {
    const { caller, sent, malformed } = makeCaller({ timeoutMs: 100 });
    const request = expect(caller.request('nothing', {})).rejects.toMatchObject({ code: 'timeout' });
    vi.advanceTimersByTime(100);
    await request;
    caller.receive(JSON.stringify({ id: sent[0]!.id, result: {} }));
    expect(malformed).toEqual(['unknownId']);
  });

  it('lets one request have a timeout of its own', async () => {
    const { caller, sent } = makeCaller({ timeoutMs: 100 });
    const request = caller.request('nothing', {}, 5_000);
    vi.advanceTimersByTime(4_000);
    caller.receive(JSON.stringify({ id: sent[0]!.id, result: {} }));
    expect(await request).toEqual({});
  });

  it('rejects all that waits when it is closed, and all that comes after', async () => {
    const { caller } = makeCaller();
    const waiting = [caller.request('nothing', {}), caller.request('nothing', {})];
    caller.close('gone');
    caller.close('again');
    for (const request of waiting) await expect(request).rejects.toMatchObject({ code: 'unavailable' });
    await expect(caller.request('nothing', {})).rejects.toMatchObject({ code: 'unavailable' });
    expect(vi.getTimerCount()).toBe(0);
  });

  it('rejects when sending throws', async () => {
    const caller = new RpcCaller(contract, {
      send: () => {
        throw new Error('socket is closed');
      },
    });
    await expect(caller.request('nothing', {})).rejects.toMatchObject({ code: 'unavailable' });
    expect(vi.getTimerCount()).toBe(0);
  });

  it('does not believe an answer of the wrong shape', async () => {
    const { caller, sent, malformed } = makeCaller();
    const request = caller.request('add', { a: 1, b: 1 });
    caller.receive(JSON.stringify({ id: sent[0]!.id, result: { sum: 'two' } }));
    await expect(request).rejects.toMatchObject({ code: 'internal' });
    expect(malformed).toEqual(['badResult']);
  });

  it('tells events, and counts those that are none', () => {
    const { caller, told, malformed } = makeCaller();
    caller.receive('{"event":"told","data":{"what":"x"}}');
    caller.receive('{"event":"told","data":{"what":1}}');
    caller.receive('{"event":"__proto__","data":{}}');
    caller.receive('{"event":"constructor"}');
    expect(told).toEqual(['x']);
    expect(malformed).toEqual(['badEvent', 'unknownEvent', 'unknownEvent']);
  });

  it('never throws whatever comes, and resolves nothing with what is not valid', () => {
    fc.assert(
      fc.property(hostileText, (text) => {
        const { caller, malformed, told, sent } = makeCaller();
        const settled: unknown[] = [];
        caller.request('add', { a: 1, b: 1 }).then(
          (result) => settled.push(result),
          (error: unknown) => expect(error).toBeInstanceOf(Refusal),
        );
        caller.receive(text);
        expect(sent).toHaveLength(1);
        expect(malformed.length + told.length).toBeLessThanOrEqual(1);
        caller.close('end');
      }),
      seed,
    );
  });
});

describe('caller and callee together', () => {
  it('carry any valid params there and the answer back', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.integer(), async (a, b) => {
        const callee = new RpcCallee(contract, { send: (text) => caller.receive(text), handlers });
        const caller: RpcCaller<TestContract> = new RpcCaller(contract, { send: (text) => void callee.receive(text) });
        expect(await caller.request('add', { a, b })).toEqual({ sum: a + b });
      }),
      { ...seed, numRuns: 100 },
    );
  });
});

/** The doors that the product has: nothing that comes may pass a schema by accident of a prototype. */
describe.each([
  ['signalling', signalingContract],
  ['sfu control', sfuControlContract],
])('%s contract', (_name, door) => {
  it('never throws on hostile params of any of its methods', async () => {
    const called: string[] = [];
    const doorHandlers = Object.fromEntries(
      Object.keys(door.requests).map((method) => [method, () => (called.push(method), {})]),
    );
    const answers: { id: number; error?: unknown }[] = [];
    const callee = new RpcCallee(door, {
      send: (text) => answers.push(JSON.parse(text) as (typeof answers)[number]),
      handlers: doorHandlers as never,
    });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...Object.keys(door.requests)), fc.jsonValue(), async (method, params) => {
        const before = answers.length;
        await callee.receive(JSON.stringify({ id: 1, method, params }));
        expect(answers.length).toBe(before + 1);
      }),
      seed,
    );
  });
});
