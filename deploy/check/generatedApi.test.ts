import { expect, test } from 'vitest';
import { generateApi, readGenerated } from '../generateApi.ts';

test('client/src/api/generated is what the routes say: `npm run generate:api` writes it', async () => {
  expect((await readGenerated()) === (await generateApi())).toBe(true);
}, 60_000);
