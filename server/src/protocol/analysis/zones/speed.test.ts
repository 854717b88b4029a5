import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GroundScale } from './groundScale.ts';
import { SpeedWindow } from './SpeedWindow.ts';

const second = 90_000;

describe('GroundScale', () => {
  /** A camera 5 m above the ground that looks 20 degrees down: where a point of the ground is in its picture. */
  const project = (xMetres: number, yMetres: number) => {
    const tilt = (20 * Math.PI) / 180;
    const depth = yMetres * Math.cos(tilt) + 5 * Math.sin(tilt);
    const down = 5 * Math.cos(tilt) - yMetres * Math.sin(tilt);
    return { x: 0.5 + (0.8 * xMetres) / depth, y: 0.5 + (1.4 * down) / depth, xMetres, yMetres };
  };

  it('finds the ground again from four of its points, whatever their order, and nothing in the sky', () => {
    const metres = fc.double({ min: -15, max: 15, noNaN: true });
    const corners = [project(-4, 8), project(4, 8), project(5, 30), project(-5, 30)];
    const scales = [corners, corners.toReversed(), [corners[2]!, corners[0]!, corners[1]!, corners[3]!]].map((points) =>
      GroundScale.ofGround(points),
    );
    fc.assert(
      fc.property(metres, fc.double({ min: 6, max: 60, noNaN: true }), (xMetres, yMetres) => {
        const { x, y } = project(xMetres, yMetres);
        for (const scale of scales) {
          expect(scale.locate(x, y)).toBe(true);
          expect(scale.xMetres).toBeCloseTo(xMetres, 6);
          expect(scale.yMetres).toBeCloseTo(yMetres, 6);
        }
      }),
      { seed: 1, numRuns: 200 },
    );
    const horizon = 0.5 - 1.4 * Math.tan((20 * Math.PI) / 180);
    for (const scale of scales) {
      expect(scale.locate(0.5, horizon + 0.01)).toBe(false);
      expect(scale.locate(0.5, Math.max(0, horizon) - 0.2)).toBe(false);
    }
  });

  it('also where the top left corner of the picture is on the horizon, or in the sky', () => {
    const point = (x: number, y: number, xMetres: number, yMetres: number) => ({ x, y, xMetres, yMetres });
    // Third value = y: the horizon is the upper edge.
    const scale = GroundScale.ofGround([
      ...[point(0.2, 0.5, 0.4, 2), point(0.8, 0.5, 1.6, 2)],
      ...[point(0.8, 1, 0.8, 1), point(0.2, 1, 0.2, 1)],
    ]);
    expect(scale.locate(0.5, 0.8)).toBe(true);
    expect([scale.xMetres, scale.yMetres]).toEqual([expect.closeTo(0.625, 9), expect.closeTo(1.25, 9)]);
    expect(scale.locate(0, 0)).toBe(false);
  });

  it('refuses points that make no plane', () => {
    const point = (x: number, y: number) => ({ x, y, xMetres: x, yMetres: y });
    const onOneLine = [point(0, 0), point(0.5, 0.5), point(1, 1), point(0, 1)];
    expect(() => GroundScale.ofGround(onOneLine)).toThrow(RangeError);
    expect(() => GroundScale.ofGround(Array(4).fill(point(0.5, 0.5)))).toThrow(RangeError);
  });
});

describe('SpeedWindow', () => {
  const speedOf = (fps: number, seconds: number, place: (at: number, i: number) => [number, number]) => {
    const window = new SpeedWindow();
    for (let i = 0; i <= fps * seconds; i++) {
      const [x, y] = place(i / fps, i);
      window.add((i * second) / fps, x, y);
    }
    return window.metresPerSecond(seconds * second);
  };

  it.each([4, 5, 10, 15, 25, 30, 60])('is right at %i fps', (fps) => {
    expect(speedOf(fps, 3, (at) => [1.2 * at, 5 - 1.6 * at])).toBeCloseTo(2, 9);
  });

  it('bears with a quarter of wrong places, and with jitter', () => {
    expect(speedOf(15, 2, (at, i) => [3 * at + (i % 5 === 2 ? 50 : 0), 0])).toBeCloseTo(3, 9);
    expect(speedOf(15, 2, (_, i) => [0.1 * (i % 2), 0])).toBeLessThan(0.2);
  });

  it('follows a change within its second', () => {
    expect(speedOf(15, 4, (at) => [at < 2 ? 10 * at : 20 + (at - 2), 0])).toBeCloseTo(1, 9);
  });

  it('tells none of a moment, of a single place, or of what is long gone', () => {
    expect(new SpeedWindow().metresPerSecond(0)).toBeNaN();
    expect(speedOf(15, 0.2, (at) => [at, 0])).toBeNaN();
    const window = new SpeedWindow();
    for (let i = 0; i < 10; i++) window.add(i * 9000, i, 0);
    expect(window.metresPerSecond(90_000)).toBeCloseTo(10, 9);
    expect(window.metresPerSecond(300_000)).toBeNaN();
  });
});
