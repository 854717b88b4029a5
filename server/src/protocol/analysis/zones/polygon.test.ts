import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crossingOf, isSimplePolygon, type Point, polygonArea, PolygonShape, segmentsMeet, turn } from './polygon.ts';

const at = (x: number, y: number): Point => ({ x, y });
const unit = fc.double({ min: 0, max: 1, noNaN: true });
const point = fc.record({ x: unit, y: unit });
const seed = { seed: 20_261_122, numRuns: 500 };

describe('crossingOf', () => {
  const [a, b] = [at(0.5, 0), at(0.5, 1)];
  it.each([
    ['right through', [0.25, 0.5, 0.75, 0.5], 0.5],
    ['back', [0.75, 0.5, 0.5625, 0.5], NaN],
    ['onto the line from its left hand', [0.75, 0.5, 0.5, 0.5], 1],
    ['onto the line from its right hand: it is there already', [0.25, 0.5, 0.5, 0.5], NaN],
    ['from the line to its left hand', [0.5, 0.5, 0.75, 0.5], 0],
    ['from the line to its right hand', [0.5, 0.5, 0.25, 0.5], NaN],
    ['along it', [0.5, 0.25, 0.5, 0.75], NaN],
    ['past the end', [0.25, 1.25, 0.75, 1.25], NaN],
    ['through the very end', [0.25, 1.25, 0.75, 0.75], 0.5],
    ['nowhere', [0.25, 0.5, 0.25, 0.5], NaN],
  ])('%s', (_, [fromX, fromY, toX, toY], expected) => {
    expect(crossingOf(fromX!, fromY!, toX!, toY!, a, b)).toBe(expected);
  });
});

describe('a polygon', { timeout: 60_000 }, () => {
  it('is simple when no two of its sides meet, by brute force', () => {
    fc.assert(
      fc.property(fc.array(point, { minLength: 3, maxLength: 7 }), (points) => {
        let meets = false;
        const side = (i: number): [Point, Point] => [points[i % points.length]!, points[(i + 1) % points.length]!];
        for (let i = 0; i < points.length; i++) {
          for (let j = i + 2; j < points.length; j++) {
            if ((j + 1) % points.length !== i && segmentsMeet(...side(i), ...side(j))) meets = true;
          }
        }
        // Random points make no corners of exactly 0 degrees, but edges of length 0 they do.
        const folded = points.some((_, i) => turn(...side(i), side(i + 1)[1]) === 0);
        if (!folded) expect(isSimplePolygon(points)).toBe(!meets);
        else expect(isSimplePolygon(points) && meets).toBe(false);
      }),
      seed,
    );
  });

  it('contains what its winding number says, and the distance is to the nearest border', () => {
    const star = fc.array(fc.double({ min: 0.1, max: 0.45, noNaN: true }), { minLength: 3, maxLength: 32 });
    fc.assert(
      fc.property(star, point, fc.constantFrom(9 / 16, 1, 16 / 9), (radii, { x, y }, heightOfWidth) => {
        const points = radii.map((radius, i) => {
          const angle = (i / radii.length) * 2 * Math.PI;
          return at(0.5 + radius * Math.cos(angle), 0.5 + radius * Math.sin(angle));
        });
        const shape = new PolygonShape(points, heightOfWidth);
        const flat = points.map((one) => at(one.x, one.y * heightOfWidth));
        let winding = 0;
        let nearest = Infinity;
        const here = at(x, y * heightOfWidth);
        flat.forEach((a, i) => {
          const b = flat[(i + 1) % flat.length]!;
          const [u, v] = [at(a.x - here.x, a.y - here.y), at(b.x - here.x, b.y - here.y)];
          winding += Math.atan2(u.x * v.y - u.y * v.x, u.x * v.x + u.y * v.y);
          for (let part = 0; part <= 200; part++) {
            const t = part / 200;
            nearest = Math.min(nearest, Math.hypot(a.x + t * (b.x - a.x) - here.x, a.y + t * (b.y - a.y) - here.y));
          }
        });
        const distance = shape.distanceTo(here.x, here.y);
        expect(distance).toBeLessThanOrEqual(nearest + 1e-12);
        expect(nearest - distance).toBeLessThan(0.01);
        if (distance < 1e-6) return;
        expect(shape.contains(here.x, here.y)).toBe(Math.abs(winding) > 1);
        if (shape.contains(here.x, here.y)) expect(distance).toBeLessThanOrEqual(2 * shape.breadth + 1e-9);
      }),
      seed,
    );
  });

  it('reaches to the edge of the picture, which is no border', () => {
    const floor = new PolygonShape([at(0, 0.5), at(1, 0.5), at(1, 0.997), at(0.002, 1)], 1);
    expect(floor.contains(1e-6, 1 - 1e-6)).toBe(true);
    expect(floor.distanceTo(0.5, 0.999)).toBeCloseTo(0.499, 9);
    const all = new PolygonShape([at(0, 0), at(1, 0), at(1, 1), at(0, 1)], 9 / 16);
    expect(all.distanceTo(0.5, 0.2)).toBe(Infinity);
  });

  it('tells where a way last met its border', () => {
    const shape = new PolygonShape([at(0.25, 0.25), at(0.75, 0.25), at(0.75, 0.75), at(0.25, 0.75)], 1);
    expect(shape.lastCrossing(0, 0.5, 0.5, 0.5)).toBe(0.5);
    expect(shape.lastCrossing(0, 0.5, 1, 0.5)).toBe(0.75);
    expect(shape.lastCrossing(0.5, 0.5, 0.5, 0.6)).toBe(1);
    expect(polygonArea([at(0, 0), at(0, 0.5), at(0.5, 0)])).toBe(0.125);
  });
});
