import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../tap/testPackets.ts';
import { correctFilter, type FilterBox, filterFloats, predictBox, predictionFloats, startFilter } from './BoxFilter.ts';
import { defaultTrackParameters } from './TrackParameters.ts';

const noise = defaultTrackParameters;

function started(box: FilterBox): Float64Array {
  const state = new Float64Array(filterFloats);
  startFilter(state, 0, box, noise);
  return state;
}

function predicted(state: Float64Array, seconds: number) {
  const into = new Float64Array(predictionFloats);
  predictBox(state, 0, seconds, noise, into, 0);
  const [x1, y1, x2, y2, varianceX, varianceY] = [...into] as [number, number, number, number, number, number];
  return { x: x1, y: y1, w: x2 - x1, h: y2 - y1, varianceX, varianceY };
}

const boxAt = (x: number, y: number, w = 0.1, h = 0.2): FilterBox => ({ x, y, w, h });

describe('BoxFilter', () => {
  it('expects a thing where it was first seen, and knows less of it with every moment', () => {
    const state = started(boxAt(0.3, 0.4));
    for (const seconds of [0, 0.05, 0.5])
      expect(predicted(state, seconds)).toMatchObject({ w: expect.closeTo(0.1, 9) });
    expect(predicted(state, 0.5).x).toBeCloseTo(0.3, 9);
    expect(predicted(state, 0.5).varianceX).toBeGreaterThan(4 * predicted(state, 0.1).varianceX);
  });

  it('learns a speed from frames at any distance, and goes on with it', () => {
    const random = seededRandom(4);
    const state = started(boxAt(0.1, 0.5));
    let at = 0;
    for (let i = 0; i < 30; i++) {
      const gap = 0.03 + 0.2 * random();
      at += gap;
      correctFilter(state, 0, gap, boxAt(0.1 + 0.15 * at, 0.5 - 0.05 * at), noise, 1);
    }
    const later = predicted(state, 1);
    expect(later.x).toBeCloseTo(0.1 + 0.15 * (at + 1), 2);
    expect(later.y).toBeCloseTo(0.5 - 0.05 * (at + 1), 2);
  });

  it('takes time as it is: predicting in two steps is predicting in one, so that the rate of analysis says nothing', () => {
    const seconds = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(seconds, seconds, (first, second) => {
        const state = started(boxAt(0.3, 0.4));
        correctFilter(state, 0, 0.1, boxAt(0.32, 0.41), noise, 1);
        // A measurement of no weight moves the filter on and changes nothing else.
        const stepped = state.slice();
        correctFilter(stepped, 0, first, predicted(stepped, first), noise, 1e9);
        const [once, twice] = [predicted(state, first + second), predicted(stepped, second)];
        expect(twice.x).toBeCloseTo(once.x, 9);
        expect(twice.y).toBeCloseTo(once.y, 9);
        // How fast speeds change follows the speed, which the step has left as it was.
        expect(twice.varianceX).toBeCloseTo(once.varianceX, 9);
      }),
      { seed: 3, numRuns: 200 },
    );
  });

  it('takes what is doubtful less to heart', () => {
    const sure = started(boxAt(0.3, 0.4));
    for (let i = 0; i < 5; i++) correctFilter(sure, 0, 0.1, boxAt(0.3, 0.4), noise, 1);
    const unsure = sure.slice();
    correctFilter(sure, 0, 0.1, boxAt(0.33, 0.4, 0.05), noise, 1);
    correctFilter(unsure, 0, 0.1, boxAt(0.33, 0.4, 0.05), noise, 2);
    expect(predicted(unsure, 0).w).toBeGreaterThan(predicted(sure, 0).w);
  });

  it('stays finite and keeps its variances positive, whatever it is given', () => {
    const unit = fc.double({ min: 0, max: 1, noNaN: true });
    const box = fc.record({ x: unit, y: unit, w: unit, h: unit });
    const steps = fc.array(fc.tuple(box, fc.double({ min: 0, max: 10, noNaN: true })), { maxLength: 40 });
    fc.assert(
      fc.property(box, steps, (first, more) => {
        const state = started(first);
        for (const [next, seconds] of more) {
          const { w, h, varianceX, varianceY } = predicted(state, seconds);
          expect(Math.min(w, h, varianceX, varianceY)).toBeGreaterThan(0);
          correctFilter(state, 0, seconds, next, noise, 1);
          expect(state.every(Number.isFinite)).toBe(true);
        }
      }),
      { seed: 5, numRuns: 300 },
    );
  });
});
