import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { renderSprite } from './renderSprite.ts';
import { markers, quietZoneRadius, sprites } from './sprites.ts';

describe('the committed sprites', () => {
  test.each(Object.entries(sprites))('%s is what is drawn', async (name, draw) => {
    const committed = readFileSync(join(import.meta.dirname, name));
    expect(committed.equals(await renderSprite(draw()))).toBe(true);
  });

  test('markers are those that the bundled model knows', () => {
    const file = join(import.meta.dirname, '../../../../inference/models/marker/markers.json');
    const known = JSON.parse(readFileSync(file, 'utf8')) as {
      quietZoneRadius: number;
      markers: { name: string; discs: { radius: number; colour: string }[] }[];
    };
    expect(quietZoneRadius).toBe(known.quietZoneRadius);
    for (const [name, radii] of Object.entries(markers)) {
      const discs = radii.map((radius, i) => ({ radius, colour: i % 2 === 0 ? 'black' : 'white' }));
      expect(known.markers.find((one) => one.name === name)!.discs).toEqual(discs);
    }
  });
});
