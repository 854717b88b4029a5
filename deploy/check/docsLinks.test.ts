import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { brokenLinks } from './docsLinks.mjs';

const file = resolve(fileURLToPath(new URL('../../docs/made-up.md', import.meta.url)));

test('finds links that lead to nothing', () => {
  expect(brokenLinks(file, '[a](missing.md) ![b](../no/picture.png "title")\n\n[c]: gone.txt\n')).toEqual([
    'docs/made-up.md: missing.md leads to nothing',
    'docs/made-up.md: ../no/picture.png leads to nothing',
    'docs/made-up.md: gone.txt leads to nothing',
  ]);
});

test('finds anchors without a heading', () => {
  expect(brokenLinks(file, '[a](SETUP.md#no-such-heading)')).toEqual([
    'docs/made-up.md: SETUP.md#no-such-heading has no such heading',
  ]);
});

test('lets good links, the web, and code pass', () => {
  const text = [
    '[a](../LICENSE) [b](https://example.org/x.md) [c](mailto:a@example.org) [d](SETUP.md#where-things-are)',
    '`[e](missing.md)`',
    '```',
    '[f](missing.md)',
    '```',
  ].join('\n');
  expect(brokenLinks(file, text)).toEqual([]);
});
