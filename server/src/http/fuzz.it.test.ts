import { request as httpRequest } from 'node:http';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiRequest, requestsOf } from '../../test/apiRequests.ts';
import { createFakeInference, createFakeSfu, type FakeInference, type FakeSfu } from '../../test/fakeNodes.ts';
import { nodeSecret, TestServer } from '../../test/TestServer.ts';
import { errorBodySchema } from '../protocol/index.ts';
import type { HttpContext } from './context.ts';
import { createApp } from './createApp.ts';
import { apiDocument, type ApiOperation } from './openapi/apiDocument.ts';

/**
 * Every operation of the document, with requests that are valid and ones that are not, as administrator and as nobody:
 * whatever comes, the answer is one that the document has.
 */
/** A longer search: `FUZZ_CASES=1000 FUZZ_SEED=7`. */
const seed = Number(process.env.FUZZ_SEED ?? 20_261_122);
const cases = Number(process.env.FUZZ_CASES ?? 60);
const casesOf = { admin: cases, nobody: Math.ceil(cases / 5) } as const;
const adminToken = 'the-admin-token-of-the-fuzz';

const document = apiDocument(createApp({ whipPostsPerMinute: 1 } as HttpContext));
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ id: operation.operationId, method, path, operation })),
);

let server: TestServer;
let sfu: FakeSfu;
let inference: FakeInference;

beforeAll(async () => {
  server = await TestServer.create({ host: '0.0.0.0', adminToken, whipPostsPerMinute: 100_000 });
  sfu = await createFakeSfu(nodeSecret);
  inference = await createFakeInference(nodeSecret);
  await server.attach(sfu);
  await server.attach(inference);
});
afterAll(async () => {
  await server.close();
  await sfu.close();
  await inference.close();
});

interface Answer {
  status: number;
  type: string;
  text: string;
}

/** As it stands on the wire: fetch would tidy the path up. Of what goes on for ever, the head. */
function send({ method, path, headers, body }: ApiRequest, token: string | undefined): Promise<Answer> {
  const { hostname, port } = new URL(server.url);
  const authorization = token ? { authorization: `Bearer ${token}` } : {};
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { hostname, port, path, method, headers: { ...headers, ...authorization, 'content-length': body?.length ?? 0 } },
      (response) => {
        const type = response.headers['content-type']?.split(';', 1)[0] ?? '';
        const pieces: Buffer[] = [];
        const done = () => resolve({ status: response.statusCode!, type, text: Buffer.concat(pieces).toString() });
        if (type === 'text/event-stream') return (void done(), request.destroy());
        response.on('data', (piece: Buffer) => pieces.push(piece));
        response.on('end', done);
        response.on('error', reject);
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

const ajv = new Ajv2020({ strict: false });
addFormats.default(ajv);
ajv.addSchema({ $id: 'document', components: document.components });
const validators = new Map<string, ValidateFunction>();

function problemsOf(operation: ApiOperation, { status, type, text }: Answer): string[] {
  const problems: string[] = [];
  if (status >= 500 && !(status === 503 && operation.responses[503])) problems.push(`a fault: ${status}`);
  if (/\bat .+\.[tj]s:\d+|node_modules|\/work\//.test(text)) problems.push('tells of our insides');
  if (status >= 400 && status !== 503) {
    const isError = type === 'application/json' && errorBodySchema.safeParse(JSON.parse(text || 'null')).success;
    if (!isError && text !== '') problems.push(`an error of another shape: ${type}`);
  }
  const documented = operation.responses[status];
  if (!documented) return [...problems, `${status} is not in the document`];
  if (text === '') return problems;
  const { schema } = documented.content?.[type] ?? {};
  if (type !== 'application/json') return problems;
  if (!schema) return [...problems, `JSON of ${status} is not in the document`];
  const key = JSON.stringify(schema).replaceAll('"#/components', '"document#/components');
  const validate = validators.get(key) ?? ajv.compile(JSON.parse(key) as object);
  validators.set(key, validate);
  if (validate(JSON.parse(text))) return problems;
  return [...problems, `not as documented: ${ajv.errorsText(validate.errors)}`];
}

describe('whatever is asked', () => {
  it.each(operations)('$id: $method $path', async (one) => {
    const { operation, path } = one;
    const stream = await server.createStream('fuzz', adminToken);
    const ofStream = /^\/(?:api\/v1\/streams|hls|whip|whep)\//.test(path);
    const requests = requestsOf(document, one, ({ name, in: where }) => {
      if (name === 'streamId' || (name === 'id' && ofStream)) return [stream.id, stream.id, 'none'];
      return where === 'path' ? ['none', exampleId] : [];
    });
    const found: unknown[] = [];
    const statuses = new Map<number, number>();
    for (const who of ['nobody', 'admin'] as const) {
      for (const request of fc.sample(requests, { seed, numRuns: casesOf[who] })) {
        const answer = await send(request, who === 'admin' ? adminToken : undefined).catch((error: unknown) => error);
        const facts = { who, ...request, body: request.body?.toString().slice(0, 300) };
        if (answer instanceof Error) found.push({ ...facts, problems: [`no answer: ${answer.message}`] });
        else {
          const { status, text } = answer as Answer;
          if (who === 'admin') statuses.set(status, (statuses.get(status) ?? 0) + 1);
          const problems = problemsOf(operation, answer as Answer).filter(
            (problem) => !request.strays || /^a fault|tells/.test(problem),
          );
          if (who === 'nobody' && status < 300 && operation.security.length > 0 && !request.strays)
            problems.push('nobody may');
          if (problems.length > 0) found.push({ ...facts, status, text: text.slice(0, 400), problems });
        }
      }
    }
    if (process.env.FUZZ_CASES) console.log(one.id, Object.fromEntries(statuses));
    expect(found).toEqual([]);
  });

  it('the server is well afterwards, and logged no fault', async () => {
    expect((await server.request('/healthz')).status).toBe(200);
    expect((await server.request('/api/v1/streams', { token: adminToken })).status).toBe(200);
    const { text } = await server.request('/metrics', { token: adminToken });
    expect(text.split('\n').filter((line) => line.includes('code="internal"'))).toEqual([]);
  });
});

const exampleId = 'Vq3kT8xLm2';
