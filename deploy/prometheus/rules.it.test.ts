import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

/** check.mjs found no promtool and could not fetch one; it says why. */
const notChecked = 3;

test('promtool takes the alert rules, their tests and every expression of the dashboard', (context) => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [fileURLToPath(new URL('check.mjs', import.meta.url))],
    {
      encoding: 'utf8',
    },
  );
  if (status === notChecked) context.skip(stdout.trim());
  expect(status, `${stdout}\n${stderr}`).toBe(0);
}, 180_000);
