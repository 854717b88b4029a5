import type { OpenAPIHono } from '@hono/zod-openapi';
import { sessionCookie } from '../../access/Access.ts';
import { sessionRequestHeader } from '../../protocol/index.ts';
import { componentSchemas, withPlainPatterns } from './componentSchemas.ts';
import { exampleOf, type Components } from './exampleOf.ts';
import { byOperation } from './exampleValues.ts';
import { ComponentHoist, type Direction, type JsonSchema } from './hoistComponents.ts';
import { type Door, rowOf, tags } from './operations.ts';

export interface MediaType {
  schema?: JsonSchema;
  example?: unknown;
}
export interface ApiAnswer {
  description?: string;
  headers?: Record<string, unknown>;
  content?: Record<string, MediaType>;
}
export interface ApiParameter {
  name: string;
  in: 'path' | 'query' | 'header' | 'cookie';
  required?: boolean;
  description?: string;
  schema?: JsonSchema;
  example?: unknown;
}
export interface ApiOperation {
  operationId: string;
  tags: string[];
  summary?: string;
  description?: string;
  security: Record<string, string[]>[];
  parameters?: ApiParameter[];
  requestBody?: { required?: boolean; content: Record<string, MediaType> };
  responses: Record<string, ApiAnswer>;
}
export interface ApiDocument {
  openapi: string;
  info: { title: string; version: string; description: string };
  tags: { name: string; description: string }[];
  paths: Record<string, Record<string, ApiOperation>>;
  components: { schemas: Components; securitySchemes: Record<string, { description?: string }> };
}

const description = `Live video analytics: each box on the exact frame it was computed on.

Errors are \`{"error": {"code", "message", "details"?}}\`; \`code\` is for programs, \`message\` for people. Where more could
be done later, \`Retry-After\` says when. Lists with \`nextCursor\` go on with \`?cursor=\`, until it is null. Bodies are JSON
unless said otherwise; times are ISO 8601 in UTC; boxes are shares of the picture, 0..1.`;

const information = {
  openapi: '3.1.0',
  info: {
    title: 'Framelock API',
    version: '1',
    description,
    license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
  },
  servers: [{ url: '/', description: 'this server' }],
};

const securitySchemes = {
  token: {
    ...{ type: 'http', scheme: 'bearer' },
    description:
      'An API token, the ADMIN_TOKEN, or the token of a share link. On loopback without users none is needed.',
  },
  session: {
    ...{ type: 'apiKey', in: 'cookie', name: sessionCookie },
    description: `From a sign-in; what changes something needs the header ${sessionRequestHeader}: 1 as well.`,
  },
  streamKey: { type: 'http', scheme: 'bearer', description: 'The key of the Stream that the request is about.' },
  queryToken: { type: 'apiKey', in: 'query', name: 'token', description: 'For links and players that send no header.' },
} as const;
type Scheme = keyof typeof securitySchemes;

const securityOf: Record<Door | 'member', Scheme[]> = {
  public: [],
  member: ['token', 'session'],
  streamKey: ['token', 'session', 'streamKey'],
  query: ['token', 'session', 'queryToken'],
};

const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];

/**
 * The OpenAPI document of an app: what its routes say, with operationIds and tags of `operations.ts`, the schemas of
 * `server/src/protocol/` by name, and an example for everything that is JSON or text.
 */
export function apiDocument(app: OpenAPIHono): ApiDocument {
  const raw = withPlainPatterns(app.getOpenAPI31Document(information)) as unknown as ApiDocument;
  const hoist = new ComponentHoist(componentSchemas());
  const { document: paths, schemas } = hoist.finish(mapPaths(raw.paths, hoist));
  const used = new Set<string>();
  for (const [path, operations] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      addFacts(operation, method, path);
      addExamples(operation, schemas);
      for (const tag of operation.tags) used.add(tag);
    }
  }
  for (const [name, schema] of Object.entries(schemas)) {
    if (schema.type === 'object') schema.examples = [exampleOf({ $ref: `#/components/schemas/${name}` }, schemas)];
  }
  const order = Object.keys(tags);
  const sorted = Object.entries(paths).sort(([, a], [, b]) => order.indexOf(tagOf(a)) - order.indexOf(tagOf(b)));
  return {
    ...information,
    tags: Object.entries(tags)
      .filter(([name]) => used.has(name))
      .map(([name, text]) => ({ name, description: text })),
    paths: Object.fromEntries(sorted),
    components: { schemas, securitySchemes },
  };
}

const tagOf = (operations: Record<string, ApiOperation>) => Object.values(operations)[0]?.tags[0] ?? '';

/** A copy whose schemas are references where they can be. */
function mapPaths(paths: ApiDocument['paths'], hoist: ComponentHoist): ApiDocument['paths'] {
  const mapContent = (content: Record<string, MediaType>, direction: Direction) => {
    for (const media of Object.values(content)) if (media.schema) media.schema = hoist.hoist(media.schema, direction);
  };
  const copy = structuredClone(paths);
  for (const item of Object.values(copy)) {
    for (const [method, operation] of Object.entries(item)) {
      if (!methods.includes(method)) continue;
      for (const one of operation.parameters ?? []) if (one.schema) one.schema = hoist.hoist(one.schema, 'in');
      if (operation.requestBody) mapContent(operation.requestBody.content, 'in');
      for (const answer of Object.values(operation.responses)) if (answer.content) mapContent(answer.content, 'out');
    }
  }
  return copy;
}

function addFacts(operation: ApiOperation, method: string, path: string): void {
  const [operationId, tag, door = 'member'] = rowOf(method, path);
  operation.operationId ??= operationId;
  operation.tags ??= [tag];
  operation.security = securityOf[door].map((scheme) => ({ [scheme]: [] }));
}

const isBinary = ({ schema }: MediaType, type: string) =>
  schema?.format === 'binary' || /^(?:image|video|audio|multipart)\/|octet-stream/.test(type);

/** What text answers look like; JSON says it by its schema. */
const textExamples: Readonly<Record<string, string>> = {
  'text/csv': 'a,b\r\n1,2\r\n',
  'text/html': '<!doctype html>',
  'text/plain': 'framelock_viewers 3\n',
  'text/event-stream': 'id: 7\nevent: entered\ndata: {"kind":"entered"}\n\n',
  'application/sdp': 'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n',
  'application/trickle-ice-sdpfrag': 'a=ice-ufrag:8hhY\r\na=ice-pwd:asd88fgpdd777uzjYhagZg\r\n',
  'application/vnd.apple.mpegurl': '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=2500000\np7Rw1cYzK9/live.m3u8\n',
};

function addExamples(operation: ApiOperation, components: Components): void {
  for (const one of operation.parameters ?? []) {
    if (one.example === undefined && one.schema) one.example = exampleOf(one.schema, components, one.name);
  }
  const textOf = (type: string) =>
    type.endsWith('json') ? undefined : (byOperation[operation.operationId] ?? textExamples[type]);
  const add = (content: Record<string, MediaType>) => {
    for (const [type, media] of Object.entries(content)) {
      if (media.example !== undefined || !media.schema || isBinary(media, type)) continue;
      media.example = textOf(type) ?? exampleOf(media.schema, components);
    }
  };
  if (operation.requestBody) add(operation.requestBody.content);
  for (const [status, { content }] of Object.entries(operation.responses)) {
    if (!content) continue;
    const json = content['application/json'];
    if (json?.schema?.$ref === '#/components/schemas/Error') json.example = errorExamples[status] ?? undefined;
    add(content);
  }
}

const refused = (code: string, message: string) => ({ error: { code, message } });
const errorExamples: Readonly<Record<string, unknown>> = {
  400: refused('badRequest', 'the request is not valid: name: a Stream needs a name'),
  401: refused('unauthorized', 'this needs a token or a sign-in'),
  403: refused('forbidden', 'this needs the right to manage'),
  404: refused('notFound', 'there is no such Stream'),
  405: refused('methodNotAllowed', '/api/v1/streams takes GET, HEAD, POST'),
  406: refused('notAcceptable', 'the answer is application/sdp: accept it'),
  409: refused('conflict', 'only a live Stream has a poster'),
  411: refused('lengthRequired', 'the request has no body: say its Content-Length and send it'),
  412: refused('preconditionFailed', 'the session was changed by somebody else'),
  413: refused('tooLarge', 'a body here has at most 65536 bytes'),
  415: refused('unsupportedMediaType', 'this takes application/json'),
  422: refused('unsupported', 'this is no picture that can be read'),
  428: refused('preconditionRequired', 'say If-Match'),
  429: refused('rateLimited', 'too many requests from this address: wait a little'),
  503: refused('unavailable', 'no inference node answers'),
};
