import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Assignment } from './Assignment.ts';

/** Weight matrix -> the column of each row; -1 = alone. */
function solve(assignment: Assignment, weights: readonly (readonly number[])[], columns: number): number[] {
  assignment.begin(columns);
  for (const row of weights) {
    assignment.beginRow();
    for (const [column, weight] of row.entries()) assignment.offer(column, weight);
  }
  assignment.solve();
  return weights.map((_, row) => assignment.columnOf(row));
}

const sumOf = (weights: readonly (readonly number[])[], columnOf: readonly number[]): number =>
  weights.reduce((sum, row, i) => sum + (columnOf[i]! < 0 ? 0 : row[columnOf[i]!]!), 0);

/** Tries all. */
function best(weights: readonly (readonly number[])[], row = 0, taken = 0): number {
  if (row === weights.length) return 0;
  let most = best(weights, row + 1, taken);
  for (const [column, weight] of weights[row]!.entries()) {
    if (weight <= 0 || (taken & (1 << column)) !== 0) continue;
    most = Math.max(most, weight + best(weights, row + 1, taken | (1 << column)));
  }
  return most;
}

describe('Assignment', () => {
  it('gives up the best pair where two others are worth more, and not where they are not', () => {
    const assignment = new Assignment();
    expect(solve(assignment, [[0.9, 0.8], [0.85]], 2)).toEqual([1, 0]);
    expect(solve(assignment, [[0.9, 0.1], [0.2]], 2)).toEqual([0, -1]);
    expect(assignment.rowOf(0)).toBe(0);
    expect(assignment.rowOf(1)).toBe(-1);
  });

  it('makes no pair that was not offered, or that is worth nothing', () => {
    expect(solve(new Assignment(), [[0, Number.NaN], [-1], []], 2)).toEqual([-1, -1, -1]);
    expect(solve(new Assignment(), [], 0)).toEqual([]);
  });

  it('finds the largest sum there is, again and again with the same memory', () => {
    const assignment = new Assignment();
    // Few values, so that many sums are the same; many zeros, so that many pairs are not there.
    const weight = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 6 }), fc.double({ min: 0, max: 2, noNaN: true }));
    const matrix = fc
      .tuple(fc.nat(6), fc.nat(6))
      .chain(([rows, columns]) =>
        fc.tuple(
          fc.array(fc.array(weight, { minLength: columns, maxLength: columns }), { minLength: rows, maxLength: rows }),
          fc.constant(columns),
        ),
      );
    fc.assert(
      fc.property(matrix, ([weights, columns]) => {
        const columnOf = solve(assignment, weights, columns);
        const used = columnOf.filter((column) => column >= 0);
        expect(new Set(used).size).toBe(used.length);
        for (const [row, column] of columnOf.entries()) if (column >= 0) expect(assignment.rowOf(column)).toBe(row);
        expect(sumOf(weights, columnOf)).toBeCloseTo(best(weights), 9);
      }),
      { seed: 11, numRuns: 2000 },
    );
  });

  it('grows: a permutation of 300 hidden among worse pairs is found', () => {
    const size = 300;
    const weights = Array.from({ length: size }, (_, row) =>
      Array.from({ length: size }, (_, column) => ((row * 7 + 3) % size === column ? 1 : ((row * column) % 97) / 200)),
    );
    expect(solve(new Assignment(), weights, size)).toEqual(weights.map((_, row) => (row * 7 + 3) % size));
  });
});
