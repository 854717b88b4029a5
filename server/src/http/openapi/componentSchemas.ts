import { OpenAPIHono, type z } from '@hono/zod-openapi';
import * as access from '../../protocol/access.ts';
import * as api from '../../protocol/api.ts';
import * as brands from '../../protocol/brands.ts';
import * as doctor from '../../protocol/doctor.ts';
import * as errors from '../../protocol/errors.ts';
import * as events from '../../protocol/events.ts';
import * as exposure from '../../protocol/exposure.ts';
import * as historyApi from '../../protocol/historyApi.ts';
import * as hls from '../../protocol/hls.ts';
import * as model from '../../protocol/model.ts';
import * as rules from '../../protocol/rules.ts';
import * as signaling from '../../protocol/signaling.ts';
import * as source from '../../protocol/source.ts';
import * as system from '../../protocol/system.ts';
import * as visualProperties from '../../protocol/visualProperties.ts';
import * as zones from '../../protocol/zones.ts';
import type { JsonSchema } from './hoistComponents.ts';

/** Of schemas that mean the same where they look the same, the first one gives the name. */
const modules = [
  errors,
  access,
  api,
  source,
  brands,
  exposure,
  hls,
  model,
  zones,
  events,
  rules,
  historyApi,
  system,
  visualProperties,
];
const lateModules = [doctor, signaling];

/** What has another name in the API than in our code. */
const otherNames: Readonly<Record<string, string>> = { ErrorBody: 'Error', Refusal: 'ErrorDetail' };

/**
 * The schemas of `server/src/protocol/` under the names that they have in the API: `streamViewSchema` is `Stream`. Objects,
 * unions and enumerations; an id or a number needs no name.
 */
export function componentSchemas(): Record<string, JsonSchema> {
  const exported = [...modules, ...lateModules].flatMap((module) => Object.entries(module));
  const schemas = exported.filter((entry): entry is [string, z.ZodType] => {
    const [name, value] = entry as [string, { def?: { type?: string } } | undefined];
    return name.endsWith('Schema') && ['object', 'union', 'enum'].includes(value?.def?.type ?? '');
  });
  const named = new Map<string, z.ZodType>();
  const pascal = schemas.map(([name, schema]) => [name[0]!.toUpperCase() + name.slice(1, -6), schema] as const);
  const taken = new Set(pascal.map(([name]) => name));
  for (const [name, schema] of pascal) {
    const short = otherNames[name] ?? name.replace(/View$/, '');
    const chosen = short !== name && taken.has(short) ? name : short;
    if (!named.has(chosen)) named.set(chosen, schema);
  }
  return Object.fromEntries(
    [...named].flatMap(([name, schema]) => {
      const json = jsonSchemaOf(name, schema);
      return json ? [[name, json]] : [];
    }),
  );
}

/** Undefined for what is never JSON: some schemas are of MessagePack, with bytes in them. */
function jsonSchemaOf(name: string, schema: z.ZodType): JsonSchema | undefined {
  const scratch = new OpenAPIHono();
  // A schema made before the library was loaded has none of its methods; a copy made now has.
  scratch.openAPIRegistry.register(name, schema.clone());
  try {
    const { components } = scratch.getOpenAPI31Document({ openapi: '3.1.0', info: { title: '', version: '' } });
    return withPlainPatterns(components?.schemas?.[name] as JsonSchema);
  } catch {
    return undefined;
  }
}

/** The generator leaves the flags of a RegExp in its pattern. JSON Schema's patterns are of Unicode always. */
export function withPlainPatterns<T>(schema: T): T {
  return JSON.parse(JSON.stringify(schema), (key, value: unknown) =>
    key === 'pattern' && typeof value === 'string' ? value.replace(/\/[a-z]+$/, '') : value,
  ) as T;
}
