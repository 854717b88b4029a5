import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  areNear,
  inSide,
  inWords,
  middleAfter,
  movedBy,
  nameCorner,
  placeWords,
  snapped,
  stepped,
  withPointAfter,
} from './zoneGeometry.ts';

const at = (x: number, y: number) => ({ x, y });
const share = fc.double({ min: -0.5, max: 1.5, noNaN: true });
const inside = fc.record({
  x: fc.double({ min: 0, max: 1, noNaN: true }),
  y: fc.double({ min: 0, max: 1, noNaN: true }),
});

describe('a point on the picture', () => {
  it('is on the edge where it is near, and never outside', () => {
    expect(snapped(at(0.005, 0.5), 0.01, 0.01)).toEqual(at(0, 0.5));
    expect(snapped(at(1.3, -0.2), 0.01, 0.01)).toEqual(at(1, 0));
    expect(snapped(at(0.02, 0.98), 0.01, 0.03)).toEqual(at(0.02, 1));
    fc.assert(
      fc.property(share, share, (x, y) => {
        const point = snapped(at(x, y), 0.01, 0.02);
        expect(Math.min(point.x, point.y) >= 0 && Math.max(point.x, point.y) <= 1).toBe(true);
      }),
    );
  });

  it('goes by arrows to the edge and no further, with Shift in larger steps', () => {
    expect(stepped(at(0.5, 0.5), 'ArrowRight', false)).toEqual(at(0.51, 0.5));
    expect(stepped(at(0.5, 0.5), 'ArrowUp', true)).toEqual(at(0.5, 0.45));
    expect(stepped(at(0.5, 0.995), 'ArrowDown', false)).toEqual(at(0.5, 1));
    expect(stepped(at(0.5, 0.5), 'a', false)).toBeUndefined();
    let point = at(0.5, 0.5);
    for (let i = 0; i < 100; i++) point = stepped(point, 'ArrowLeft', false)!;
    expect(point).toEqual(at(0, 0.5));
  });

  it('is said, and near another by what is seen', () => {
    expect(placeWords(at(0.324, 0.4))).toBe('32 % from the left, 40 % from the top');
    expect(areNear(at(0.5, 0.5), at(0.51, 0.5), 640, 360, 8)).toBe(true);
    expect(areNear(at(0.5, 0.5), at(0.5, 0.53), 640, 360, 8)).toBe(false);
  });
});

describe('a shape', () => {
  it('keeps its form when it is moved to the edge', () => {
    const square = [at(0.6, 0.2), at(0.8, 0.2), at(0.8, 0.4)];
    expect(movedBy(square, at(0.1, 0.1))).toEqual([at(0.7, 0.3), at(0.9, 0.3), at(0.9, 0.5)]);
    expect(movedBy(square, at(0.9, -1))).toEqual([at(0.8, 0), at(1, 0), at(1, 0.2)]);
    fc.assert(
      fc.property(fc.array(inside, { minLength: 2, maxLength: 8 }), share, share, (points, x, y) => {
        const moved = movedBy(points, at(x, y));
        moved.forEach((point, i) => {
          expect(Math.min(point.x, point.y) >= 0 && Math.max(point.x, point.y) <= 1).toBe(true);
          expect(point.x - moved[0]!.x).toBeCloseTo(points[i]!.x - points[0]!.x, 3);
          expect(point.y - moved[0]!.y).toBeCloseTo(points[i]!.y - points[0]!.y, 3);
        });
      }),
    );
  });

  it('has middles between its points, and takes another there', () => {
    const triangle = [at(0, 0), at(1, 0), at(1, 1)];
    expect(middleAfter(triangle, 0)).toEqual(at(0.5, 0));
    expect(middleAfter(triangle, 2)).toEqual(at(0.5, 0.5));
    expect(withPointAfter(triangle, 2, at(0.5, 0.5))).toEqual([...triangle, at(0.5, 0.5)]);
    expect(nameCorner([at(0, 0.4), at(1, 0.2), at(1, 1)], false)).toEqual(at(1, 0.2));
    expect(nameCorner([at(0, 0.4), at(1, 0.2)], true)).toEqual(at(0, 0.4));
  });
});

describe('a line', () => {
  it('is crossed in to the right of who looks along it, by what is seen', () => {
    // Upwards: in is to the right.
    expect(inSide(at(0.5, 1), at(0.5, 0), 640, 360)).toEqual(at(1, 0));
    expect(inWords(at(0.5, 1), at(0.5, 0), 640, 360)).toBe('right');
    expect(inWords(at(0.5, 0), at(0.5, 1), 640, 360)).toBe('left');
    // From left to right: in is down.
    expect(inWords(at(0, 0.5), at(1, 0.5), 640, 360)).toBe('down');
    expect(inWords(at(1, 0.5), at(0, 0.5), 640, 360)).toBe('up');
    expect(inWords(at(0, 0), at(0.5, 0.9), 640, 360)).toBe('down and left');
    // On a portrait picture the same shares are another slope.
    expect(inWords(at(0, 0), at(0.5, 0.3), 1600, 100)).toBe('down');
    expect(inSide(at(0, 0), at(0, 0), 640, 360)).toEqual(at(-0, 0));
  });
});
