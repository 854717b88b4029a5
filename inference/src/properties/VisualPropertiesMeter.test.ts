import { type VisualProperties, visualPropertiesSchema } from '@framelock/server/protocol';
import type { InputSpec } from '@framelock/server/protocol/analysis';
import { seededRandom } from '@framelock/server/protocol/tap/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesSpec, type Colour, type Draw, pictureOf } from './testPictures.ts';
import { VisualPropertiesMeter } from './VisualPropertiesMeter.ts';

const second = 90_000;
const black: Colour = [0, 0, 0];
const white: Colour = [255, 255, 255];
const grey = (value: number): Colour => [value, value, value];

/** Frames at this rate, drawn by their time in seconds; and the RTP timestamps of what was told to be cuts. */
function play(seconds: number, fps: number, draw: (at: number) => Draw, spec?: InputSpec) {
  const told: VisualProperties[] = [];
  const cuts: number[] = [];
  const meter = new VisualPropertiesMeter({ onSecond: (one) => told.push(visualPropertiesSchema.parse(one)) });
  let drawn: Draw | undefined;
  let picture!: ReturnType<typeof pictureOf>;
  for (let i = 0; i < Math.round(seconds * fps); i++) {
    const ticks = Math.round((i * second) / fps);
    const next = draw(i / fps);
    if (next !== drawn) picture = pictureOf(next, spec);
    drawn = next;
    if (meter.update(picture, ticks).cut) cuts.push(ticks);
  }
  meter.finish();
  expect(told.flatMap((one) => one.cuts)).toEqual(cuts);
  return { told, cuts };
}
const still = (draw: Draw, spec?: InputSpec): VisualProperties => play(0.5, 10, () => draw, spec).told[0]!;

describe('one picture', { timeout: 60_000 }, () => {
  it('of one colour has that colour, and nothing else', () => {
    expect(still(() => [200, 100, 50])).toEqual({
      ...{ rtpTimestamp: 0, lastRtpTimestamp: 36_000, frames: 5, cuts: [], motion: 0, sharpness: null, contrast: 0 },
      brightness: expect.closeTo(Math.round(0.2126 * 200 + 0.7152 * 100 + 0.0722 * 50) / 255, 9),
      saturation: expect.closeTo(150 / 255, 9),
      colours: [{ colour: '#c86432', share: 1 }],
    });
  });

  it('half black and half white has the most contrast', () => {
    expect(still((x) => (x < 0.5 ? black : white))).toMatchObject({
      ...{ brightness: expect.closeTo(0.5, 2), contrast: expect.closeTo(1, 2), saturation: 0 },
      colours: [
        { colour: expect.stringMatching(/^#(000000|ffffff)$/), share: expect.closeTo(0.5, 1) },
        { colour: expect.stringMatching(/^#(000000|ffffff)$/), share: expect.closeTo(0.5, 1) },
      ],
    });
  });

  const flag: Draw = (x) => (x < 0.5 ? [220, 20, 60] : x < 0.8 ? [0, 90, 180] : [250, 240, 30]);
  const ofFlag = [
    { colour: '#dc143c', share: expect.closeTo(0.5, 1) },
    { colour: '#005ab4', share: expect.closeTo(0.3, 1) },
    { colour: '#faf01e', share: expect.closeTo(0.2, 1) },
  ];
  it.each<[string, Partial<InputSpec>]>([
    ['bytes', {}],
    ['0 to 1, blue first', { channels: 'bgr', scale: [1 / 255, 1 / 255, 1 / 255] }],
    ['by mean and deviation', { scale: [1 / 58.4, 1 / 57.1, 1 / 57.4], bias: [-2.12, -2.04, -1.8] }],
    ['stretched to a square', { resize: 'stretch', width: 416, height: 416 }],
    ['in a corner of a square', { resize: 'letterboxTopLeft', width: 416, height: 416 }],
    ['small', { width: 48, height: 48 }],
  ])('has the same colours in an input of %s', (_, change) => {
    const told = still(flag, { ...bytesSpec, ...change });
    // One cell lies across each border and has a colour of its own.
    expect(told.colours.slice(0, 3)).toEqual(ofFlag);
    expect(told.brightness).toBeCloseTo(0.39, 1);
  });

  it('full of shades is told by few colours, the same each time', () => {
    const random = seededRandom(7);
    const spots = Array.from({ length: 40 }, () => ({
      x: random(),
      y: random(),
      colour: [random(), random(), random()],
    }));
    const draw: Draw = (x, y) => {
      const near = spots.reduce((a, b) => (Math.hypot(a.x - x, a.y - y) < Math.hypot(b.x - x, b.y - y) ? a : b));
      return near.colour.map((one) => 40 + 150 * one + 50 * x) as Colour;
    };
    const { colours } = still(draw);
    expect(colours).toHaveLength(5);
    expect(colours.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 9);
    expect(still(draw).colours).toEqual(colours);
  });

  it('is sharp where its edges are steps, blurred where they are ramps, and neither where there are none', () => {
    const bars =
      (ramp: number): Draw =>
      (x) => {
        const at = Math.abs(((x * 320) % 40) - 20) - 10; // pixels from an edge
        return grey(40 + 170 * Math.max(0, Math.min(1, at / ramp + 0.5)));
      };
    const [crisp, soft, blurred] = [0.01, 3, 8].map((ramp) => still(bars(ramp)).sharpness!);
    expect(crisp).toBeGreaterThan(0.9);
    expect(soft).toBeLessThan(crisp!);
    expect(blurred).toBeLessThan(0.15);
    expect(blurred).toBeLessThan(soft!);
    expect(still((x) => grey(255 * x)).sharpness).toBeNull();
  });
});

describe('movement', { timeout: 60_000 }, () => {
  const bar =
    (from: number): Draw =>
    (x) =>
      x >= from && x < from + 0.2 ? white : black;
  it.each([10, 20, 30, 60])('is the share of the picture that changes in 0.1 s, at %i fps', (fps) => {
    const { told, cuts } = play(2, fps, (at) => bar(0.05 + 0.35 * at));
    // 0.035 at the front of the bar, and as much behind it.
    expect(told[1]!.motion).toBeGreaterThan(0.06);
    expect(told[1]!.motion).toBeLessThan(0.085);
    expect(cuts).toEqual([]);
  });

  it('is none where only noise changes, or nothing is there to compare', () => {
    const random = seededRandom(1);
    const { told } = play(1, 15, () => () => grey(100 + 14 * random()));
    expect(told[0]!.motion).toBe(0);
    expect(play(0.1, 10, () => bar(0)).told[0]!.motion).toBeNull();
    expect(play(6, 0.5, (at) => bar(at / 10)).told.map(({ motion }) => motion)).toEqual([null, null, null]);
  });
});

/** A scene of its own: blocks of light and colour. */
const scenes = new Map<number, Draw>();
function scene(seed: number): Draw {
  const known = scenes.get(seed) ?? drawScene(seed);
  scenes.set(seed, known);
  return known;
}
function drawScene(seed: number): Draw {
  const random = seededRandom(seed);
  const blocks = Array.from({ length: 48 }, () => [random() * 255, random() * 255, random() * 255] as Colour);
  return (x, y) => blocks[Math.min(7, Math.floor(x * 8)) + 8 * Math.min(5, Math.floor(y * 6))]!;
}

describe('cuts', { timeout: 60_000 }, () => {
  it('are told of the first Frame of each new scene', () => {
    const { told, cuts } = play(6, 15, (at) => scene(Math.floor(at / 1.2)));
    expect(cuts).toEqual([18, 36, 54, 72].map((frame) => frame * 6000));
    expect(told.map((one) => one.cuts.length)).toEqual([0, 1, 1, 1, 1, 0]);
  });

  it.each<[string, (at: number) => Draw]>([
    ['light that is switched on', (at) => (x, y) => scene(1)(x, y).map((c) => c * (at < 1 ? 0.35 : 1)) as Colour],
    ['a flash', (at) => (Math.round(at * 15) === 15 ? () => white : scene(1))],
    [
      'a slow fade to another scene',
      (at) => (x, y) => {
        const part = Math.max(0, Math.min(1, (at - 0.5) / 2));
        const [one, other] = [scene(1)(x, y), scene(2)(x, y)];
        return one.map((c, i) => c * (1 - part) + other[i]! * part) as Colour;
      },
    ],
    [
      'something large that goes through',
      (at) => (x, y) => (Math.abs(x - at + 0.5) < 0.3 ? [180, 40, 40] : scene(1)(x, y)),
    ],
    ['a fast pan', (at) => (x, y) => scene(1)((x + at * 0.7) % 1, y)],
    [
      'noise',
      (at) => {
        const random = seededRandom(Math.round(at * 15));
        return (x, y) => scene(1)(x, y).map((c) => c + 60 * (random() - 0.5)) as Colour;
      },
    ],
  ])('are not %s', (_, draw) => {
    expect(play(3, 15, draw).cuts).toEqual([]);
  });

  it('are found behind a moment of black', () => {
    expect(play(2, 15, (at) => (at < 0.9 ? scene(1) : at < 1.1 ? () => black : scene(2))).cuts).toEqual([17 * 6000]);
  });

  it('are not told where pictures are too far apart to say so', () => {
    expect(play(8, 0.5, (at) => scene(Math.floor(at))).cuts).toEqual([]);
  });
});

describe('seconds', () => {
  const run = (ticks: number[]): [number, number, number][] => {
    const told: VisualProperties[] = [];
    const meter = new VisualPropertiesMeter({ onSecond: (one) => told.push(visualPropertiesSchema.parse(one)) });
    const picture = pictureOf(() => white);
    for (const one of ticks) meter.update(picture, one);
    meter.finish();
    meter.finish();
    return told.map(({ rtpTimestamp, lastRtpTimestamp, frames }) => [rtpTimestamp, lastRtpTimestamp, frames]);
  };
  const every = (ticks: number, count: number, from = 0) => Array.from({ length: count }, (_, i) => from + i * ticks);

  it('are of media time from the first Frame on, also those cut short', () => {
    expect(run(every(6000, 48))).toEqual([
      [0, 84_000, 15],
      [90_000, 174_000, 15],
      [180_000, 264_000, 15],
      [270_000, 282_000, 3],
    ]);
  });

  it('without Frames are none; a Frame counts once; the clock wraps, and may begin anew', () => {
    expect(run([...every(30_000, 3), ...every(30_000, 3, 500_000)])).toEqual([
      [0, 60_000, 3],
      [500_000, 530_000, 2],
      [560_000, 560_000, 1],
    ]);
    expect(run([5, 5, 5, 9005])).toEqual([[5, 9005, 2]]);
    expect(run(every(30_000, 3, 2 ** 32 - 45_000).map((ticks) => ticks >>> 0))).toEqual([
      [2 ** 32 - 45_000, 15_000, 3],
    ]);
    expect(run([900_000, 930_000, 100, 30_100])).toEqual([
      [900_000, 930_000, 2],
      [100, 30_100, 2],
    ]);
  });
});

describe('whatever the Model sees', { timeout: 60_000 }, () => {
  it('every figure is within its bounds, and none is NaN', () => {
    const side = fc.integer({ min: 1, max: 70 });
    const value = fc.oneof(
      { weight: 20, arbitrary: fc.float({ min: -3, max: 300, noNaN: true }) },
      { weight: 1, arbitrary: fc.constantFrom(NaN, Infinity, -Infinity) },
    );
    const world = fc.record({
      ...{
        width: side,
        height: side,
        frameWidth: fc.integer({ min: 1, max: 4000 }),
        frameHeight: fc.integer({ min: 1, max: 4000 }),
      },
      resize: fc.constantFrom('letterbox' as const, 'letterboxTopLeft' as const, 'stretch' as const),
      channels: fc.constantFrom('rgb' as const, 'bgr' as const),
      scale: fc.constantFrom(1, 1 / 255, 1 / 58.4),
      values: fc.array(value, { minLength: 1, maxLength: 50 }),
      gaps: fc.array(fc.oneof(fc.nat(30_000), fc.constantFrom(-5_000, 400_000, 0x7fffffff)), {
        minLength: 1,
        maxLength: 12,
      }),
    });
    fc.assert(
      fc.property(world, ({ width, height, frameWidth, frameHeight, resize, channels, scale, values, gaps }) => {
        const spec: InputSpec = {
          ...{ width, height, resize, channels, pad: 0 },
          ...{ scale: [scale, scale, scale], bias: [0.5, 0.5, 0.5] },
        };
        const tensor = new Float32Array(3 * width * height);
        let told = 0;
        const onSecond = (one: VisualProperties): void => {
          visualPropertiesSchema.parse(one);
          expect(one.colours.reduce((sum, colour) => sum + colour.share, 0)).toBeLessThanOrEqual(1 + 1e-9);
          expect(one.colours.length).toBeGreaterThan(0);
          told += one.frames;
        };
        const meter = new VisualPropertiesMeter({ onSecond });
        let ticks = 0;
        let frames = 0;
        gaps.forEach((gap, i) => {
          ticks = (ticks + gap) >>> 0;
          if (i === 0 || gap !== 0) frames++;
          for (let k = 0; k < tensor.length; k++) tensor[k] = values[(k * (i + 7) + i) % values.length]!;
          const { cut, changedShare } = meter.update({ tensor, spec, frameWidth, frameHeight }, ticks);
          expect(typeof cut).toBe('boolean');
          expect(changedShare >= 0 && changedShare <= 1).toBe(true);
        });
        meter.finish();
        expect(told).toBe(frames);
      }),
      { seed: 20_261_122, numRuns: 200 },
    );
  });
});
