import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import { describe, expect, test } from 'vitest';

const root = new URL('../../', import.meta.url);
const example = readFileSync(fileURLToPath(new URL('.env.example', root)), 'utf8');
/** `NAME=value`, and `# NAME=value` for what is off by default. */
const written = new Set([...example.matchAll(/^(?:# )?([A-Z][A-Z0-9_]*)=/gm)].map(([, name]) => name!));

/** Of set-up, and of libraries that read the environment themselves. */
const alsoRead = new Set(['FFMPEG_BIN', 'CHROMIUM_BIN', 'OTEL_EXPORTER_OTLP_ENDPOINT']);

interface ConfigModule {
  environmentSchema: {
    shape: Record<string, unknown>;
    safeParse(value: unknown): { success: boolean; error?: unknown };
  };
}

// By a computed path: deploy imports no package of the product (docs/ARCHITECTURE.md), it only reads their schema here.
const schemas = await Promise.all(
  ['server/src', 'sfu/src', 'sfu/src/hls', 'inference/src'].map(async (name) => {
    const module = (await import(new URL(`${name}/config.ts`, root).href)) as ConfigModule;
    return { name, schema: module.environmentSchema };
  }),
);

describe.each(schemas)('$name', ({ schema }) => {
  test('every variable that it reads is in .env.example', () => {
    expect(Object.keys(schema.shape).filter((name) => !written.has(name))).toEqual([]);
  });

  test('takes .env.example as it is, as the launcher passes it on', () => {
    const values = Object.fromEntries(Object.entries(parseEnv(example)).filter(([, value]) => value));
    const parsed = schema.safeParse({ NODE_SECRET: 'x'.repeat(64), SERVER_URL: 'http://127.0.0.1:8080', ...values });
    expect(parsed.error).toBeUndefined();
  });
});

test('.env.example has no variable that nobody reads', () => {
  const read = new Set([...alsoRead, ...schemas.flatMap(({ schema }) => Object.keys(schema.shape))]);
  expect([...written].filter((name) => !read.has(name))).toEqual([]);
});
