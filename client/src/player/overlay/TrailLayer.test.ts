import { expect, it } from 'vitest';
import type { DrawnBox } from './DrawnRecord.ts';
import { TrailLayer } from './TrailLayer.ts';

const box = (trackId: number, x: number): DrawnBox => ({
  ...{ trackId, labelIndex: 0, label: 'a', score: 1, x, y: 0.2, w: 0.1, h: 0.2, color: '#fff', predicted: false },
});
const rect = { x: 0, y: 0, width: 100, height: 100 };

/** Points that a trail is drawn through, and how opaque each stroke is. */
function drawn(layer: TrailLayer) {
  const points: [number, number][] = [];
  const alphas: number[] = [];
  const context = {
    ...{ save() {}, restore() {}, beginPath() {}, rect() {}, clip() {}, globalAlpha: 1 },
    moveTo: (x: number, y: number) => points.push([Math.round(x), Math.round(y)]),
    lineTo: (x: number, y: number) => points.push([Math.round(x), Math.round(y)]),
    stroke: () => alphas.push(context.globalAlpha),
  };
  layer.draw(context as unknown as CanvasRenderingContext2D, rect, 2);
  return { points, alphas };
}

it('draws where an object stood in the last second, fading', () => {
  const layer = new TrailLayer();
  for (let i = 0; i <= 30; i++) layer.add('p', i * 6_000, [box(1, i / 100), box(0, 0.5)]);
  const { points, alphas } = drawn(layer);
  // 15 pictures a second, from 1 s ago on: of the anchors at the middle of the lower sides.
  expect(points[0]).toEqual([20, 40]);
  expect(points.at(-1)).toEqual([35, 40]);
  expect(alphas).toEqual([...alphas].sort((a, b) => a - b));
  expect(alphas.length).toBeGreaterThan(3);
});

it('forgets who is gone, and everything when the video jumps or is another one', () => {
  const layer = new TrailLayer();
  layer.add('p', 0, [box(1, 0.1)]);
  layer.add('p', 6_000, [box(1, 0.2)]);
  expect(drawn(layer).points).toHaveLength(2);
  for (let i = 2; i < 20; i++) layer.add('p', i * 6_000, []);
  expect(drawn(layer).points).toHaveLength(0);
  for (const [publicationId, rtp] of [
    ['p', 0],
    ['q', 120_000],
    ['p', 500_000],
  ] as const) {
    layer.add('p', 114_000, [box(1, 0.1)]);
    layer.add('p', 120_000, [box(1, 0.2)]);
    layer.add(publicationId, rtp, [box(1, 0.3)]);
    expect(drawn(layer).points).toHaveLength(0);
  }
});
