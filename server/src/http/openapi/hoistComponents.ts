/** JSON Schema 2020-12, as far as it is looked at here. */
export interface JsonSchema {
  [key: string]: unknown;
  $ref?: string;
  type?: string | string[];
  properties?: Record<string, JsonSchema>;
  required?: string[];
  enum?: unknown[];
}

/** A schema of a request leaves out what has a default; an answer has it always. */
export type Direction = 'in' | 'out';

const prefix = '#/components/schemas/';
/** What a use of a schema says beside the schema itself. */
const annotations = ['description', 'default', 'example', 'examples'];
const listKeys = ['anyOf', 'oneOf', 'allOf', 'prefixItems'] as const;
const schemaKeys = ['items', 'additionalProperties', 'not', 'propertyNames'] as const;

/**
 * Gives inline schemas the names that they have in `server/src/protocol/`: wherever a schema of the document looks like a
 * named one, there is a `$ref` afterwards. Routes then need not know of it, and generated clients have names.
 */
export class ComponentHoist {
  readonly #names: Record<Direction, Map<string, string>> = { in: new Map(), out: new Map() };
  readonly #bodies: Record<Direction, Map<string, JsonSchema>> = { in: new Map(), out: new Map() };

  constructor(named: Readonly<Record<string, JsonSchema>>) {
    // Small ones first: they are the parts of the larger ones.
    const bySize = Object.entries(named)
      .map(([name, schema], order) => ({ name, schema, order, size: JSON.stringify(schema).length }))
      .sort((a, b) => a.size - b.size || a.order - b.order);
    for (const direction of ['in', 'out'] as const) {
      for (const { name, schema } of bySize) {
        const body = this.#hoistParts(schema, direction);
        const key = canonical(body);
        if (!this.#names[direction].has(key)) this.#names[direction].set(key, name);
        this.#bodies[direction].set(name, body);
      }
    }
  }

  /** The same schema by references, which `finish` gives their last form. */
  hoist(schema: JsonSchema, direction: Direction): JsonSchema {
    const hoisted = this.#hoistParts(schema, direction);
    const found = this.#names[direction].get(canonical(hoisted));
    if (found) return { $ref: `${prefix}${direction}:${found}`, ...kept(hoisted, annotations) };
    const bare = withoutNull(hoisted);
    const nullable = bare && this.#names[direction].get(canonical(bare));
    if (!nullable) return hoisted;
    const anyOf = [{ $ref: `${prefix}${direction}:${nullable}` }, { type: 'null' }];
    return { anyOf, ...kept(hoisted, annotations) };
  }

  /** Rewrites the references inside `document`, and answers the components that they lead to. */
  finish<T>(document: T): { document: T; schemas: Record<string, JsonSchema> } {
    const used = new Set<string>();
    const reach = (value: unknown) => {
      for (const ref of refsOf(value)) {
        if (used.has(ref)) continue;
        used.add(ref);
        reach(this.#bodyOf(ref));
      }
    };
    reach(document);
    const lastName = (ref: string) => {
      const [direction, name] = split(ref);
      const needsOwn = direction === 'in' && used.has(`out:${name}`) && !this.#isOneForBoth(name, new Set());
      return needsOwn ? `${name}Input` : name;
    };
    const rename = <V>(value: V): V =>
      JSON.parse(JSON.stringify(value), (key, one: unknown) =>
        key === '$ref' && typeof one === 'string' && one.startsWith(prefix)
          ? prefix + lastName(one.slice(prefix.length))
          : one,
      ) as V;
    const schemas = [...used].map((ref) => [lastName(ref), rename(this.#bodyOf(ref))] as const);
    schemas.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    return { document: rename(document), schemas: Object.fromEntries(schemas) };
  }

  #bodyOf(ref: string): JsonSchema {
    const [direction, name] = split(ref);
    return this.#bodies[direction].get(name)!;
  }

  #isOneForBoth(name: string, asked: Set<string>): boolean {
    if (asked.has(name)) return true;
    asked.add(name);
    const [into, out] = [this.#bodies.in.get(name)!, this.#bodies.out.get(name)!];
    const same = (schema: JsonSchema) => canonical(schema).replaceAll(`${prefix}in:`, `${prefix}out:`);
    return same(into) === same(out) && refsOf(out).every((ref) => this.#isOneForBoth(split(ref)[1], asked));
  }

  #hoistParts(schema: JsonSchema, direction: Direction): JsonSchema {
    const result: JsonSchema = { ...schema };
    if (direction === 'out') delete result.default;
    if (schema.properties) {
      const entries = Object.entries(schema.properties);
      if (direction === 'out') {
        const certain = entries.filter(([, property]) => 'default' in property).map(([name]) => name);
        const required = new Set([...(schema.required ?? []), ...certain]);
        if (required.size > 0) result.required = entries.map(([name]) => name).filter((name) => required.has(name));
      }
      result.properties = Object.fromEntries(
        entries.map(([name, property]) => [name, this.hoist(property, direction)]),
      );
    }
    for (const key of listKeys) {
      const list = schema[key];
      if (Array.isArray(list)) result[key] = list.map((one: JsonSchema) => this.hoist(one, direction));
    }
    for (const key of schemaKeys) {
      const one = schema[key];
      if (one && typeof one === 'object') result[key] = this.hoist(one as JsonSchema, direction);
    }
    return result;
  }
}

function split(ref: string): [Direction, string] {
  const [direction, name] = ref.split(':');
  return [direction as Direction, name!];
}

/** What a schema is, whatever the order of its keys and whatever is said about it. */
function canonical(schema: JsonSchema): string {
  const sorted = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(sorted);
    if (!value || typeof value !== 'object') return value;
    return Object.fromEntries(
      Object.entries(value)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, one]) => [key, sorted(one)]),
    );
  };
  return JSON.stringify(
    sorted(Object.fromEntries(Object.entries(schema).filter(([key]) => !annotations.includes(key)))),
  );
}

function kept(schema: JsonSchema, keys: readonly string[]): JsonSchema {
  return Object.fromEntries(Object.entries(schema).filter(([key]) => keys.includes(key)));
}

/** The schema of what is not null; undefined where null is no part of it. */
function withoutNull(schema: JsonSchema): JsonSchema | undefined {
  if (!Array.isArray(schema.type) || !schema.type.includes('null')) return undefined;
  const others = schema.type.filter((one) => one !== 'null');
  const result: JsonSchema = { ...schema, type: others.length === 1 ? others[0]! : others };
  if (schema.enum) result.enum = schema.enum.filter((one) => one !== null);
  return result;
}

function refsOf(value: unknown): string[] {
  const found: string[] = [];
  JSON.stringify(value, (key, one: unknown) => {
    if (key === '$ref' && typeof one === 'string' && one.startsWith(prefix)) found.push(one.slice(prefix.length));
    return one;
  });
  return found;
}
