import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../tap/testPackets.ts';
import type { InputSpec } from '../inputSpec.ts';
import { SceneMeter } from './SceneMeter.ts';
import { defaultTrackParameters } from './TrackParameters.ts';

const spec: InputSpec = {
  ...{ width: 96, height: 96, resize: 'letterbox', channels: 'rgb', pad: 114 },
  ...{ scale: [1 / 58, 1 / 57, 1 / 57], bias: [-2.1, -2, -1.8] },
};
const plane = spec.width * spec.height;
const contentTop = 21;
const contentBottom = 75;

type Paint = (x: number, y: number) => number;

/** A 16:9 picture in its letterbox, brightness 0..255 by place 0..1. */
function tensorOf(paint: Paint): Float32Array {
  const tensor = new Float32Array(3 * plane);
  for (let y = 0; y < spec.height; y++) {
    for (let x = 0; x < spec.width; x++) {
      const isContent = y >= contentTop && y < contentBottom;
      const value = isContent ? paint(x / spec.width, (y - contentTop) / (contentBottom - contentTop)) : spec.pad;
      for (let c = 0; c < 3; c++) {
        tensor[c * plane + y * spec.width + x] = Math.min(255, Math.max(0, value)) * spec.scale[c]! + spec.bias[c]!;
      }
    }
  }
  return tensor;
}

function changeBetween(before: Paint, after: Paint): number {
  const meter = new SceneMeter();
  expect(meter.measure(tensorOf(before), spec, 1280, 720)).toBe(0);
  return meter.measure(tensorOf(after), spec, 1280, 720);
}

/** Blobs and a slope, other ones for each seed. */
function room(seed: number): Paint {
  const random = seededRandom(seed);
  const blobs = Array.from({ length: 12 }, () => [random(), random(), 0.05 + 0.2 * random(), 255 * random()] as const);
  const [left, right] = [120 * random(), 120 * random()];
  return (x, y) => {
    let value = left + (right - left) * x + 40 * y;
    for (const [bx, by, size, brightness] of blobs) if (Math.hypot(x - bx, y - by) < size) value = brightness;
    return value;
  };
}
const { cutChange, cutChangeWithLoss } = defaultTrackParameters;
const seeds = Array.from({ length: 12 }, (_, i) => i + 1);

describe('SceneMeter', () => {
  it('is moved by a cut, nearly always by itself and always where things are gone, too', () => {
    const changes = seeds.map((seed) => changeBetween(room(seed), room(seed + 100)));
    expect(Math.min(...changes)).toBeGreaterThan(cutChangeWithLoss);
    expect(changes.filter((change) => change >= cutChange).length).toBeGreaterThan(changes.length / 2);
  });

  it('is moved by cuts to and from a flat picture, and not from one to another', () => {
    for (const seed of seeds.slice(0, 5)) {
      expect(changeBetween(room(seed), () => 10)).toBeGreaterThan(cutChange);
      expect(changeBetween(() => 200, room(seed))).toBeGreaterThan(cutChange);
    }
    expect(
      changeBetween(
        () => 10,
        () => 240,
      ),
    ).toBeLessThan(0.01);
  });

  it('is hardly moved by noise, by the light, by a thing that comes in and by a camera that is moved', () => {
    const random = seededRandom(5);
    for (const seed of seeds) {
      const still = room(seed);
      expect(changeBetween(still, (x, y) => still(x, y) + 40 * (random() - 0.5))).toBeLessThan(0.1);
      expect(changeBetween(still, (x, y) => 0.7 * still(x, y) + 20)).toBeLessThan(0.15);
      const comes: Paint = (x, y) => (x > 0.2 && x < 0.45 && y > 0.3 ? 30 : still(x, y));
      expect(changeBetween(still, comes)).toBeLessThan(cutChange);
      expect(changeBetween(still, (x, y) => still(x + 0.03, y + 0.01))).toBeLessThan(cutChangeWithLoss);
    }
  });

  it('reads the picture and not its frame, in any order of channels', () => {
    const meter = new SceneMeter();
    const still = room(3);
    const once = tensorOf(still);
    meter.measure(once, spec, 1280, 720);
    const other = once.slice();
    for (let c = 0; c < 3; c++) other.fill(9, c * plane, c * plane + contentTop * spec.width);
    expect(meter.measure(other, spec, 1280, 720)).toBe(0);
    expect(meter.measure(other, { ...spec, channels: 'bgr' }, 1280, 720)).toBe(0);
  });
});
