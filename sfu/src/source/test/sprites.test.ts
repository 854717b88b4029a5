import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inflateSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { Canvas } from './Canvas.ts';
import { markers, quietZoneRadius, sprites } from './sprites.ts';

/** The pixels of a PNG as Canvas writes it. */
function readPng(png: Buffer): { width: number; height: number; rgba: Buffer } {
  const data: Buffer[] = [];
  for (let at = 8; at < png.length; at += 12 + png.readUInt32BE(at)) {
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT')
      data.push(png.subarray(at + 8, at + 8 + png.readUInt32BE(at)));
  }
  const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)];
  const rows = inflateSync(Buffer.concat(data));
  const line = (y: number): Buffer => rows.subarray(y * (width * 4 + 1) + 1, (y + 1) * (width * 4 + 1));
  return { width, height, rgba: Buffer.concat(Array.from({ length: height }, (_, y) => line(y))) };
}

describe('the committed sprites', () => {
  test.each(Object.entries(sprites))('%s is what is drawn', { timeout: 60_000 }, (name, draw) => {
    const { width, height, rgba }: Canvas = draw();
    const committed = readPng(readFileSync(join(import.meta.dirname, name)));
    expect([committed.width, committed.height]).toEqual([width, height]);
    expect(committed.rgba.equals(rgba)).toBe(true);
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
