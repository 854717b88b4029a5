import { byComponent, byName } from './exampleValues.ts';
import type { JsonSchema } from './hoistComponents.ts';

/** Looks up `#/components/schemas/<name>`. */
export type Components = Readonly<Record<string, JsonSchema>>;

const componentPrefix = '#/components/schemas/';
/** Of schemas; none of ours refers to itself. */
const deepest = 60;

/** A value that this schema takes and that reads like a real one. */
export function exampleOf(schema: JsonSchema, components: Components, name = '', depth = 0): unknown {
  if (schema.example !== undefined) return schema.example;
  if (depth > deepest) return null;
  const inner = (one: JsonSchema, as: string) => exampleOf(one, components, as, depth + 1);
  if (schema.$ref) {
    const component = schema.$ref.slice(componentPrefix.length);
    return (
      byComponent[component] ?? byComponent[component.replace(/Input$/, '')] ?? inner(components[component] ?? {}, name)
    );
  }
  const types = typesOf(schema);
  const known = byName[name];
  if (known !== undefined && takes(schema, types, known)) return known;
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[0];
  const [first] = (schema.oneOf ?? schema.anyOf ?? []) as JsonSchema[];
  if (first) return inner(first, name);
  const all = schema.allOf as JsonSchema[] | undefined;
  if (all) return Object.assign({}, ...all.map((one) => inner(one, name))) as unknown;
  const [type] = types;
  if (type === 'object') return exampleObject(schema, inner);
  if (type === 'array') return exampleArray(schema, name, inner);
  if (type === 'string') return exampleText(schema);
  if (type === 'number' || type === 'integer') return exampleNumber(schema);
  return type === 'boolean' ? true : null;
}

type Inner = (schema: JsonSchema, name: string) => unknown;

function exampleObject({ properties, additionalProperties }: JsonSchema, inner: Inner): unknown {
  if (properties) {
    return Object.fromEntries(Object.entries(properties).map(([name, one]) => [name, inner(one, name)]));
  }
  if (!additionalProperties || typeof additionalProperties !== 'object') return {};
  return { person: inner(additionalProperties as JsonSchema, 'person') };
}

function exampleArray({ items, prefixItems, minItems, maxItems }: JsonSchema, name: string, inner: Inner): unknown {
  if (Array.isArray(prefixItems)) return prefixItems.map((one: JsonSchema) => inner(one, name));
  if (maxItems === 0 || !items || typeof items !== 'object') return [];
  const one = inner(items as JsonSchema, name.replace(/s$/, ''));
  return Array.from({ length: Math.max(1, Number(minItems ?? 0)) }, () => one);
}

function exampleText({ format, pattern, minLength }: JsonSchema): string {
  if (format === 'date-time') return '2026-11-22T08:41:07.250Z';
  if (format === 'uri') return 'https://framelock.example';
  const candidates = ['text', 'Vq3kT8xLm2', 'MTIz', 'https://framelock.example/hook', '#e85d04'];
  const fits = (text: string) => !pattern || new RegExp(pattern as string, 'u').test(text);
  return candidates.find((text) => text.length >= Number(minLength ?? 0) && fits(text)) ?? '';
}

function exampleNumber({ type, minimum, maximum, exclusiveMinimum }: JsonSchema): number {
  const isWhole = type === 'integer' || (Array.isArray(type) && type.includes('integer'));
  const low = Number(minimum ?? exclusiveMinimum ?? 0);
  const high = Number(maximum ?? Number.MAX_SAFE_INTEGER);
  const wanted = isWhole ? 3 : 0.5;
  return Math.min(high, Math.max(low + (exclusiveMinimum === undefined ? 0 : isWhole ? 1 : 0.1), wanted));
}

function typesOf({ type, properties }: JsonSchema): string[] {
  if (Array.isArray(type)) return type.filter((one) => one !== 'null');
  return type ? [type] : properties ? ['object'] : [];
}

/** Whether a schema of one of these types takes this well-known value; rules that no example breaks are left out. */
function takes(schema: JsonSchema, types: string[], value: unknown): boolean {
  const type = Array.isArray(value) ? 'array' : typeof value;
  const isOfType = types.includes(type) || (type === 'number' && types.includes('integer') && Number.isInteger(value));
  if (!isOfType || schema.const !== undefined) return false;
  if (schema.enum) return schema.enum.includes(value);
  if (typeof value === 'string') return takesText(schema, value);
  if (typeof value === 'number') {
    const { minimum = -Infinity, maximum = Infinity } = schema;
    return value >= Number(minimum) && value <= Number(maximum);
  }
  if (Array.isArray(value)) return value.length <= Number(schema.maxItems ?? Infinity) && isListOf(schema, value[0]);
  return !schema.properties;
}

function takesText({ format, pattern, maxLength, minLength }: JsonSchema, value: string): boolean {
  if (value.length > Number(maxLength ?? Infinity) || value.length < Number(minLength ?? 0)) return false;
  if (format === 'date-time' && Number.isNaN(Date.parse(value))) return false;
  return !pattern || new RegExp(pattern as string, 'u').test(value);
}

function isListOf({ items }: JsonSchema, first: unknown): boolean {
  const { type, $ref } = (items ?? {}) as JsonSchema;
  return $ref !== undefined || type === undefined || type === typeof first;
}
