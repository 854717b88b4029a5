import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { modelCard } from './buildMarkerModel.ts';
import { markerSheet } from './buildMarkerSheet.ts';
import { markerGraph } from './markerGraph.ts';
import { markerSet } from './markerSet.ts';

const committed = (name: string) => readFileSync(new URL(name, import.meta.url));

test('the committed model is what its script builds, byte for byte', () => {
  const bytes = markerGraph(markerSet);
  expect(Buffer.compare(Buffer.from(bytes), committed('marker.onnx'))).toBe(0);
  expect(JSON.parse(committed('model.json').toString())).toEqual(modelCard(bytes));
  expect(bytes.length).toBeLessThan(200_000);
});

test('the committed print sheet is what its script builds', () => {
  expect(committed('markers.svg').toString()).toBe(markerSheet(markerSet));
});

test('discs say the same as the bands that the model is built from', () => {
  for (const marker of markerSet.markers) {
    for (const [name, [inner, outer]] of Object.entries(markerSet.radii)) {
      const middle = (inner + outer) / 2;
      const painted = marker.discs.filter((disc) => middle < disc.radius).at(-1)?.colour;
      const fixed = { outerRing: 'black', whiteRing: 'white', innerRing: 'black' } as Record<string, string>;
      expect(painted, `${marker.name} ${name}`).toBe(fixed[name] ?? marker[name as 'codeRing' | 'codeDisc']);
    }
  }
});
