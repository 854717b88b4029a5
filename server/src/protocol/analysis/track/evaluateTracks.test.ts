import { describe, expect, it } from 'vitest';
import { type EvaluatedFrame, evaluateTracks, type IdentifiedBox } from './evaluateTracks.ts';

const box = (id: number, x: number): IdentifiedBox => ({ id, x, y: 0.4, w: 0.1, h: 0.2 });
/** Frames of `[true id, x]` and `[tracked id, x]`. */
const frame = (truth: [number, number][], tracked: [number, number][]): EvaluatedFrame => ({
  truth: truth.map(([id, x]) => box(id, x)),
  tracked: tracked.map(([id, x]) => box(id, x)),
});

describe('evaluateTracks', () => {
  it('gives full marks for the truth itself, under whatever numbers', () => {
    const frames = [1, 2, 3].map((i) =>
      frame(
        [
          [1, 0.1 * i],
          [2, 0.6],
        ],
        [
          [70, 0.6],
          [71, 0.1 * i],
        ],
      ),
    );
    expect(evaluateTracks(frames)).toMatchObject({ mota: 1, idf1: 1, idSwitches: 0, trueBoxes: 6 });
  });

  it('counts what is missed and what is not there', () => {
    const frames = [
      frame([[1, 0.1]], [[5, 0.1]]),
      frame([[1, 0.1]], []),
      frame([[1, 0.1]], [[5, 0.5]]),
      frame([], [[5, 0.5]]),
    ];
    const figures = evaluateTracks(frames);
    expect(figures).toMatchObject({ misses: 2, falsePositives: 2, idSwitches: 0 });
    expect(figures.mota).toBeCloseTo(1 - 4 / 3, 9);
    expect(figures.idf1).toBeCloseTo(2 / 6, 9);
  });

  it('counts a change of id once for MOTA, and for IDF1 all that is under the lesser of both', () => {
    const frames = [5, 5, 5, 6].map((id) => frame([[1, 0.1]], [[id, 0.1]]));
    const figures = evaluateTracks(frames);
    expect(figures).toMatchObject({ misses: 0, falsePositives: 0, idSwitches: 1 });
    expect(figures.mota).toBeCloseTo(3 / 4, 9);
    expect(figures.idf1).toBeCloseTo((2 * 3) / 8, 9);
  });

  it('keeps a pair that still fits, though another box fits better now (CLEAR MOT)', () => {
    const frames = [
      frame([[1, 0.1]], [[5, 0.1]]),
      frame(
        [[1, 0.1]],
        [
          [5, 0.12],
          [6, 0.1],
        ],
      ),
    ];
    expect(evaluateTracks(frames)).toMatchObject({ idSwitches: 0, falsePositives: 1 });
  });

  it('counts a switch across a gap, too, and two for two that changed places', () => {
    const gap = [frame([[1, 0.1]], [[5, 0.1]]), frame([], []), frame([[1, 0.1]], [[9, 0.1]])];
    expect(evaluateTracks(gap).idSwitches).toBe(1);
    const both: [number, number][] = [
      [1, 0.1],
      [2, 0.6],
    ];
    const swapped: [number, number][] = [
      [2, 0.1],
      [1, 0.6],
    ];
    const figures = evaluateTracks([frame(both, both), frame(both, swapped)]);
    expect(figures.idSwitches).toBe(2);
    expect(figures.idf1).toBeCloseTo(0.5, 9);
  });

  it('has an answer where there is nothing', () => {
    expect(evaluateTracks([])).toMatchObject({ mota: 1, idf1: 1 });
  });
});
