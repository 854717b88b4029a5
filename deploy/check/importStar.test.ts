import { ESLint } from 'eslint';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { crossing } from './importStar.mjs';

const root = resolve(fileURLToPath(new URL('../..', import.meta.url)));

test.each([
  ['client/src/rtc/A.ts', '@framelock/server/protocol'],
  ['sfu/src/A.ts', '@framelock/server/protocol'],
  ['inference/src/A.ts', '@framelock/server/protocol'],
  ['inference/src/A.ts', '@framelock/server/protocol/tap'],
  ['sfu/src/A.ts', '@framelock/server/protocol/node'],
  ['sfu/src/A.ts', '@framelock/server/protocol/tap'],
  ['sfu/src/A.test.ts', '@framelock/server/protocol/tap/testing'],
  ['server/src/A.ts', '@framelock/db'],
  ['server/src/A.ts', './protocol/index.ts'],
  ['sfu/src/A.ts', 'mediasoup'],
  ['sfu/src/A.ts', 'mediasoup/types'],
  ['db/src/A.ts', 'drizzle-orm/pg-core'],
  ['client/src/A.ts', '@roamhq/wrtc'],
  ['server/src/protocol/ids.ts', 'zod'],
  ['server/src/protocol/a.test.ts', 'vitest'],
  ['deploy/bench/bench.ts', '../../client/e2e/harness/Product.ts'],
  ['eslint.config.js', './deploy/check/importStar.mjs'],
])('%s may import %s', (file, specifier) => {
  expect(crossing(file, specifier)).toBeUndefined();
});

test.each([
  ['client/src/rtc/A.ts', '@framelock/db'],
  ['client/src/rtc/A.ts', '../../../server/src/protocol/index.ts'],
  ['client/src/rtc/A.ts', '@framelock/server/protocol/tap'],
  ['client/src/rtc/A.ts', '@framelock/server/protocol/node'],
  ['client/src/rtc/A.ts', 'mediasoup'],
  ['sfu/src/A.ts', '@framelock/inference'],
  ['sfu/src/A.ts', 'drizzle-orm'],
  ['inference/src/A.ts', '../../sfu/src/A.ts'],
  ['inference/src/A.ts', 'hono'],
  ['server/src/A.ts', '@framelock/sfu'],
  ['server/src/A.ts', 'onnxruntime-node'],
  ['server/src/A.ts', '../../db/src/index.ts'],
  ['server/src/A.ts', '../../deploy/setup/folders.mjs'],
  ['db/src/A.ts', '@framelock/server/protocol'],
  ['db/src/A.ts', '@hono/node-server'],
  ['server/src/protocol/ids.ts', 'pino'],
  ['server/src/protocol/ids.ts', '../config.ts'],
  ['deploy/launcher/a.mjs', '../../server/src/config.ts'],
  ['deploy/bench/bench.ts', '../../sfu/src/SfuNode.ts'],
])('%s must not import %s', (file, specifier) => {
  expect(crossing(file, specifier)).toBeTypeOf('string');
});

test('the configured lint reports it, for every way to import', { timeout: 60_000 }, async () => {
  const eslint = new ESLint({ cwd: root });
  const code = [
    `import { drizzle } from 'drizzle-orm';`,
    `export * from '@framelock/db';`,
    `export const later = () => import('mediasoup');`,
    `export { drizzle };`,
  ].join('\n');
  // A .js name: rules that need types would want the file on the disk.
  const [result] = await eslint.lintText(code, { filePath: join(root, 'inference/src/bad.js') });
  const found = result!.messages.filter((message) => message.ruleId === 'framelock/import-star');
  expect(found.map((message) => message.line)).toEqual([1, 2, 3]);
  expect(found.every((message) => message.severity === 2)).toBe(true);
});

test('cycles and lost promises are errors in TypeScript', { timeout: 60_000 }, async () => {
  const eslint = new ESLint({ cwd: root });
  const config = (await eslint.calculateConfigForFile(join(root, 'server/src/protocol/index.ts'))) as {
    rules: Record<string, [number]>;
  };
  for (const rule of [
    'framelock/import-star',
    'import-x/no-cycle',
    '@typescript-eslint/no-floating-promises',
    '@typescript-eslint/no-misused-promises',
    '@typescript-eslint/switch-exhaustiveness-check',
    '@typescript-eslint/consistent-type-imports',
  ])
    expect(config.rules[rule]?.[0], rule).toBe(2);
});
