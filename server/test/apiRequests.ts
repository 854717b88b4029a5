import fc from 'fast-check';
import type { ApiDocument, ApiOperation, ApiParameter, MediaType } from '../src/http/openapi/apiDocument.ts';
import { exampleOf } from '../src/http/openapi/exampleOf.ts';
import type { JsonSchema } from '../src/http/openapi/hoistComponents.ts';

/** One request as it goes on the wire. */
export interface ApiRequest {
  method: string;
  /** With its query, percent-encoded; sent as it stands. */
  path: string;
  headers: Record<string, string>;
  body: Buffer | undefined;
  /** The path may lead to another route, or to none: only what holds for every answer can be asked of it. */
  strays: boolean;
}

type Components = ApiDocument['components']['schemas'];

/** What no schema of ours takes, or what takes care to take. */
const hostileText = fc.constantFrom(
  ...[
    '',
    ' ',
    '\0',
    'a\0b',
    '../../etc/passwd',
    '..',
    '%00',
    '__proto__',
    "' OR 1=1 --",
    '<script>',
    '🎥\u202Egnp.exe',
  ],
  ...[
    '\ud800',
    '\u200b',
    'NaN',
    '-1',
    '1e999',
    '9'.repeat(400),
    'x'.repeat(5_000),
    'ä'.repeat(300),
    '2026-13-45T99:99Z',
  ],
  ...['0000-00-00T00:00:00Z', '+275760-09-13T00:00:00Z', 'null', 'true', '[]', '{}', 'constructor', '\r\nX: y'],
);
const hostileValue: fc.Arbitrary<unknown> = fc.oneof(
  hostileText,
  fc.constantFrom<unknown>(null, true, -1, 0, 0.5, 1e308, -(2 ** 53), 2 ** 53, 2 ** 31, 1e-320, [], {}, [[]], [null]),
  fc.constantFrom<unknown>(
    { __proto__: null, constructor: 1 },
    { toString: 1 },
    Array.from({ length: 3_000 }, () => 1),
  ),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.jsonValue({ maxDepth: 3 }),
);

/** What this schema takes, as far as it says so. */
export function validOf(schema: JsonSchema, components: Components, name = ''): fc.Arbitrary<unknown> {
  const inner = (one: JsonSchema, as: string) => validOf(one, components, as);
  if (schema.$ref) return inner(components[schema.$ref.split('/').at(-1)!]!, name);
  const choices = (schema.oneOf ?? schema.anyOf) as JsonSchema[] | undefined;
  if (choices) return fc.oneof(...choices.map((one) => inner(one, name)));
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  const example = fc.constant(exampleOf(schema, components, name));
  const types = Array.isArray(schema.type) ? schema.type : [schema.type];
  const made = types.map((type) => {
    if (type === 'null') return fc.constant(null);
    if (type === 'boolean') return fc.boolean();
    if (type === 'integer' || type === 'number') return numberOf(schema, type);
    if (type === 'array') return arrayOf(schema, inner, name);
    if (type === 'object' && schema.properties) return objectOf(schema, inner);
    if (type === 'string' && !schema.pattern && !schema.format) {
      const { minLength = 0, maxLength = 200 } = schema as { minLength?: number; maxLength?: number };
      return fc.oneof(example, fc.string({ minLength, maxLength: Math.min(maxLength, minLength + 40) }));
    }
    return example;
  });
  return fc.oneof(...made);
}

type Inner = (schema: JsonSchema, name: string) => fc.Arbitrary<unknown>;

function numberOf({ minimum, maximum, exclusiveMinimum }: JsonSchema, type: string): fc.Arbitrary<number> {
  const min = Number(minimum ?? exclusiveMinimum ?? -1_000);
  const max = Math.min(Number(maximum ?? 1_000_000), 2 ** 53 - 1);
  if (type === 'integer') return fc.oneof(fc.integer({ min, max: Math.min(max, min + 1_000) }), fc.constant(max));
  return fc.double({ min, max, noNaN: true, minExcluded: exclusiveMinimum !== undefined });
}

function arrayOf(schema: JsonSchema, inner: Inner, name: string): fc.Arbitrary<unknown> {
  const {
    items,
    prefixItems,
    minItems = 0,
    maxItems = 3,
  } = schema as {
    items?: JsonSchema;
    prefixItems?: JsonSchema[];
    minItems?: number;
    maxItems?: number;
  };
  if (prefixItems) return fc.tuple(...prefixItems.map((one) => inner(one, name)));
  return fc.array(inner(items ?? {}, name), {
    minLength: minItems,
    maxLength: Math.max(minItems, Math.min(maxItems, 3)),
  });
}

function objectOf({ properties, required = [] }: JsonSchema, inner: Inner): fc.Arbitrary<unknown> {
  const model = Object.fromEntries(Object.entries(properties!).map(([name, one]) => [name, inner(one, name)]));
  return fc.record(model, { requiredKeys: required as never[], noNullPrototype: true });
}

/** A value with something wrong somewhere in it. */
function brokenOf(valid: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc.tuple(valid, hostileValue, fc.nat(1_000), fc.nat(5)).map(([value, hostile, where, how]) => {
    const root = { value: structuredClone(value) };
    const places: [Record<string, unknown>, string][] = [];
    const visit = (holder: Record<string, unknown>) => {
      for (const key of Object.keys(holder)) {
        places.push([holder, key]);
        const inside = holder[key];
        if (inside && typeof inside === 'object') visit(inside as Record<string, unknown>);
      }
    };
    visit(root);
    const [holder, key] = places[where % places.length]!;
    if (how === 0 && holder !== root) delete holder[key];
    else if (how === 1 && holder !== root && !Array.isArray(holder)) holder[`${key}x`] = hostile;
    else holder[key] = hostile;
    return root.value;
  });
}

const json = (value: unknown) => Buffer.from(JSON.stringify(value) ?? '');
const notJson = fc.constantFrom(
  ...['', '{', '{"name":', '\ufeff{}', '[1,2', 'nul', '\0', '{"a":1}}', 'a=b&c=d'].map((text) => Buffer.from(text)),
  Buffer.from('['.repeat(20_000)),
  Buffer.from(`${'{"a":'.repeat(2_000)}1${'}'.repeat(2_000)}`),
  Buffer.from([0xff, 0xfe, 0x00, 0x80]),
  Buffer.alloc(200_000, 0x20),
);
const mediaTypes = [
  'text/plain',
  'application/xml',
  'multipart/form-data',
  'application/json; charset=utf-16',
  'x',
  '',
];

/** Requests of one operation: some valid, most of them with something wrong in one place. */
export function requestsOf(
  document: ApiDocument,
  { method, path, operation }: { method: string; path: string; operation: ApiOperation },
  idsOf: (parameter: ApiParameter) => readonly string[],
): fc.Arbitrary<ApiRequest> {
  const { schemas } = document.components;
  const parameters = operation.parameters ?? [];
  const valid = (parameter: ApiParameter) => {
    const ids = idsOf(parameter);
    const value = ids.length > 0 ? fc.constantFrom(...ids) : validOf(parameter.schema ?? {}, schemas, parameter.name);
    return value.map(String);
  };
  const values = fc.record(
    Object.fromEntries(
      parameters.map((one) => [`${one.in} ${one.name}`, one.required ? valid(one) : fc.option(valid(one))]),
    ),
  );
  const broken = fc.constantFrom('nothing', 'nothing', 'path', 'query', 'body', 'body', 'body', 'mediaType');
  return fc
    .tuple(values, broken, hostileText, fc.nat(1_000), bodyOf(operation, schemas))
    .map(([given, what, hostile, which, body]): ApiRequest => {
      const set = { ...given } as Record<string, string | null>;
      const candidates = Object.keys(set).filter((key) => key.startsWith(what));
      const target = candidates[which % Math.max(1, candidates.length)];
      if (target) set[target] = hostile;
      const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encode(set[`path ${name}`] ?? ''));
      const query = parameters
        .filter((one) => one.in === 'query' && set[`query ${one.name}`] != null)
        .map((one) => `${encode(one.name)}=${encode(set[`query ${one.name}`]!)}`);
      if (what === 'query' && which % 3 === 0) query.push('%ff=%zz', '__proto__=1', 'limit=1&limit=2');
      const sent = what === 'body' ? body.broken : body.valid;
      const type = what === 'mediaType' ? mediaTypes[which % mediaTypes.length]! : sent?.type;
      return {
        method: method.toUpperCase(),
        path: filled + (query.length > 0 ? `?${query.join('&')}` : ''),
        headers: type && sent ? { 'content-type': type } : {},
        body: sent?.bytes,
        strays: what === 'path' && (/^\.*$/.test(hostile) || /[/\\\r\n\t]/.test(hostile)),
      };
    });
}

interface Body {
  type: string;
  bytes: Buffer;
}

function bodyOf(operation: ApiOperation, components: Components): fc.Arbitrary<{ valid?: Body; broken?: Body }> {
  const [entry] = Object.entries(operation.requestBody?.content ?? {});
  if (!entry) return notJson.map((bytes) => ({ broken: { type: 'application/json', bytes } }));
  const [type, media] = entry;
  const as = (bytes: fc.Arbitrary<Buffer>) => bytes.map((one) => ({ type, bytes: one }));
  if (type !== 'application/json') {
    const text = typeof media.example === 'string' ? media.example : 'no such bytes';
    return fc.record({ valid: as(fc.constant(Buffer.from(text))), broken: as(notJson) });
  }
  const valid = validOf(media.schema ?? {}, components);
  return fc.record({ valid: as(validBody(media, valid)), broken: as(fc.oneof(notJson, brokenOf(valid).map(json))) });
}

const validBody = ({ example }: MediaType, valid: fc.Arbitrary<unknown>) =>
  fc.oneof(valid, fc.constant(example)).map(json);

/** Like encodeURIComponent, also for half a surrogate pair; `%` stays as it is now and then, as careless callers send it. */
const encode = (text: string) => (/^%|^\.\.$/.test(text) ? text : encodeURIComponent(text.toWellFormed()));
