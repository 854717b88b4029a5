import { expect, test } from 'vitest';
import { drawMarker, markerBox, type Picture } from './drawMarker.ts';
import { markerSet } from './markerSet.ts';

const blank = (channels: 1 | 3 | 4 = 1): Picture => ({
  data: new Uint8Array(100 * 80 * channels).fill(128),
  width: 100,
  height: 80,
  channels,
});
const markerB = markerSet.markers[1]!;
const darkness = (picture: Picture, weight: (x: number, y: number) => number) =>
  [...picture.data].reduce((sum, value, at) => sum + (255 - value) * weight(at % 100, Math.floor(at / 100)), 0);

test('position and area are right to a hundredth of a pixel', () => {
  const picture = blank();
  picture.data.fill(255);
  const placement = { centreX: 47.3, centreY: 38.6, diameter: 40.5, quietZoneRadius: 1.5 };
  drawMarker(picture, markerB, placement);
  const total = darkness(picture, () => 1);
  const share = 1 - 0.76 ** 2 + 0.56 ** 2 - 0.4 ** 2;
  expect(total / 255 / (Math.PI * 20.25 ** 2 * share)).toBeCloseTo(1, 2);
  expect(darkness(picture, (x) => x + 0.5) / total).toBeCloseTo(47.3, 1);
  expect(darkness(picture, (_, y) => y + 0.5) / total).toBeCloseTo(38.6, 1);
});

test('outside its quiet zone nothing changes, and a part outside the picture is cut off', () => {
  const picture = blank();
  drawMarker(picture, markerB, { centreX: 5, centreY: 5, diameter: 20, quietZoneRadius: 1.5 });
  expect(picture.data[5 * 100 + 25]).toBe(128);
  expect(picture.data[5 * 100 + 18]).toBe(255);
  expect(picture.data[5 * 100 + 14]).toBe(0);
});

test('RGBA becomes opaque, with equal colours', () => {
  const picture = blank(4);
  drawMarker(picture, markerB, { centreX: 50, centreY: 40, diameter: 40, quietZoneRadius: 1.5, white: 200 });
  expect([...picture.data.subarray((40 * 100 + 50) * 4, (40 * 100 + 50) * 4 + 4)]).toEqual([200, 200, 200, 255]);
});

test('the box of a tilted marker is that of its ellipse', () => {
  const box = markerBox({ centreX: 0, centreY: 0, diameter: 2, quietZoneRadius: 1.5, tilt: Math.PI / 3, tiltAxis: 0 });
  expect(box.x2).toBeCloseTo(1);
  expect(box.y2).toBeCloseTo(0.5);
});
