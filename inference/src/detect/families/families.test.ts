import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BoxList, boxStride } from '@framelock/server/protocol/analysis';
import { families } from './families.ts';
import type { FamilyContext, OutputTensor } from './Family.ts';

const context: FamilyContext = { width: 64, height: 32, labelCount: 3, scoreThreshold: 0.3 };
const levels = (strides: number[]) =>
  strides.flatMap((stride) => {
    const across = Math.ceil(context.width / stride);
    return Array.from({ length: across * Math.ceil(context.height / stride) }, (_, i) => {
      return { stride, column: i % across, row: Math.floor(i / across) };
    });
  });
const cells = levels([8, 16, 32]);

/** A run of mulberry32: as many floats of 0..1 as asked for, the same for the same seed. */
function floats(seed: number, count: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  });
}

const tensor = (name: string, dims: number[], data: OutputTensor['data']): OutputTensor => {
  return { name, type: 'float32', dims, data };
};

type Row = number[];

function decoded(family: keyof typeof families, outputs: OutputTensor[], image: number, given = context): Row[] {
  const match = families[family].match(outputs, given);
  if ('mismatch' in match) throw new Error(match.mismatch);
  const boxes = new BoxList(1);
  match.decode(outputs, image, boxes);
  const { data, length } = boxes;
  return Array.from({ length }, (_, i) => [...data.subarray(i * boxStride, i * boxStride + 6)]);
}

function expectRows(found: Row[], wanted: Row[]): void {
  expect(found.length).toBe(wanted.length);
  found.forEach((row, i) => row.forEach((value, j) => expect(value).toBeCloseTo(wanted[i]![j]!, 2)));
}

const centred = (cx: number, cy: number, w: number, h: number, score: number, label: number): Row => {
  return [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2, score, label];
};

/** Index of the largest, the first of equals. */
const largest = (values: number[]): number => values.indexOf(Math.max(...values));
const seeds = fc.integer({ min: 1, max: 1e9 });
const check = (property: (seed: number) => void): void =>
  fc.assert(
    fc.property(seeds, (seed) => property(seed)),
    { seed: 7, numRuns: 40 },
  );

describe('yolox', () => {
  const columns = 5 + 3;

  it('reads cells as the paper says, for each picture of a batch', () => {
    check((seed) => {
      const data = floats(seed, 2 * cells.length * columns);
      const output = tensor('output', [2, cells.length, columns], data);
      for (const image of [0, 1]) {
        const wanted = cells.flatMap(({ stride, column, row }, i) => {
          const at = (image * cells.length + i) * columns;
          const [x, y, w, h, objectness, ...scores] = data.subarray(at, at + columns) as unknown as [
            number,
            number,
            number,
            number,
            number,
            ...number[],
          ];
          const label = largest(scores);
          const score = objectness * scores[label]!;
          const [cx, cy] = [(x + column) * stride, (y + row) * stride];
          return score < 0.3 ? [] : [centred(cx, cy, Math.exp(w) * stride, Math.exp(h) * stride, score, label)];
        });
        expectRows(decoded('yolox', [output], image), wanted);
      }
    });
  });

  it('sees by the values that an export gives pixels', () => {
    check((seed) => {
      const data = floats(seed, cells.length * columns);
      cells.forEach(({ stride, column, row }, i) => {
        const at = i * columns;
        data[at] = (data[at]! + column) * stride;
        data[at + 1] = (data[at + 1]! + row) * stride;
        data[at + 2] = data[at + 2]! * 40 + 1;
        data[at + 3] = data[at + 3]! * 40 + 1;
      });
      const wanted = cells.flatMap((_, i) => {
        const [cx, cy, w, h, objectness, ...scores] = [...data.subarray(i * columns, (i + 1) * columns)];
        const label = largest(scores);
        const score = objectness! * scores[label]!;
        return score < 0.3 ? [] : [centred(cx!, cy!, w!, h!, score, label)];
      });
      expectRows(decoded('yolox', [tensor('output', [1, cells.length, columns], data)], 0), wanted);
    });
  });

  it('names the mismatch', () => {
    const person = tensor('output', [1, 3549, 6], new Float32Array(3549 * 6));
    const given = { width: 416, height: 416, labelCount: 80, scoreThreshold: 0.3 };
    expect(families.yolox.match([person], given)).toEqual({
      mismatch: "output 'output' is [1,3549,6], but yolox with 80 labels needs [1,3549,85]",
    });
    expect(families.yolox.match([person, person], given)).toHaveProperty('mismatch');
  });
});

describe('yolov8', () => {
  it('reads both layouts alike', () => {
    check((seed) => {
      const columns = 4 + 3;
      const data = floats(seed, 2 * columns * cells.length);
      const transposed = new Float32Array(data.length);
      for (let image = 0; image < 2; image++) {
        for (let column = 0; column < columns; column++) {
          for (let cell = 0; cell < cells.length; cell++) {
            const base = image * columns * cells.length;
            transposed[base + cell * columns + column] = data[base + column * cells.length + cell]!;
          }
        }
      }
      for (const image of [0, 1]) {
        const wanted = cells.flatMap((_, cell) => {
          const at = (image * cells.length + cell) * columns;
          const [cx, cy, w, h, ...scores] = [...transposed.subarray(at, at + columns)];
          const label = largest(scores);
          return scores[label]! < 0.3 ? [] : [centred(cx!, cy!, w!, h!, scores[label]!, label)];
        });
        expectRows(decoded('yolov8', [tensor('o', [2, columns, cells.length], data)], image), wanted);
        expectRows(decoded('yolov8', [tensor('o', [2, cells.length, columns], transposed)], image), wanted);
      }
    });
  });
});

describe.each([
  ['nanodet', [8, 16, 32]],
  ['picodet', [8, 16, 32, 64]],
] as const)('%s', (family, strides) => {
  it('takes the expectation of each distribution', () => {
    check((seed) => {
      const perLevel = strides.map((stride, level) => {
        const points = levels([stride]);
        const scores = floats(seed + level, points.length * 3);
        const sides = floats(seed + 10 + level, points.length * 32).map((value) => value * 6 - 3);
        return { points, scores, sides, count: points.length };
      });
      const outputs = [
        ...perLevel.map(({ scores, count }, i) => tensor(`cls${i}`, [1, count, 3], scores)),
        ...perLevel.map(({ sides, count }, i) => tensor(`dist${i}`, [1, count, 32], sides)),
      ];
      const wanted = perLevel.flatMap(({ points, scores, sides }) =>
        points.flatMap(({ stride, column, row }, i) => {
          const ofCell = [...scores.subarray(i * 3, i * 3 + 3)];
          const label = largest(ofCell);
          if (ofCell[label]! < 0.3) return [];
          const [left, top, right, bottom] = [0, 1, 2, 3].map((side) => {
            const weights = [...sides.subarray(i * 32 + side * 8, i * 32 + side * 8 + 8)].map(Math.exp);
            const sum = weights.reduce((a, b) => a + b);
            return (weights.reduce((a, weight, bin) => a + weight * bin, 0) / sum) * stride;
          });
          const [cx, cy] = [(column + 0.5) * stride, (row + 0.5) * stride];
          return [[cx - left!, cy - top!, cx + right!, cy + bottom!, ofCell[label]!, label]];
        }),
      );
      expectRows(decoded(family, outputs, 0), wanted);
    });
  });
});

describe('finished rows and queries', () => {
  it('yolo-e2e and marker take rows that score, and labels that exist', () => {
    const rows = [1, 2, 3, 4, 0.9, 2, 5, 6, 7, 8, 0.2, 0, 5, 6, 7, 8, 0.8, 9, 0, 0, 0, 0, 0, 0];
    const found = [[1, 2, 3, 4, Math.fround(0.9), 2]];
    expect(decoded('yolo-e2e', [tensor('output0', [1, 4, 6], Float32Array.from(rows))], 0)).toEqual(found);
    expect(decoded('marker', [tensor('detections', [1, 4, 6], Float32Array.from(rows))], 0)).toEqual(found);
    const second = tensor('detections', [2, 2, 6], Float32Array.from(rows));
    expect(decoded('marker', [second], 1, { ...context, labelCount: 10 })).toEqual([[5, 6, 7, 8, Math.fround(0.8), 9]]);
    expect(families.marker.match([tensor('output0', [1, 4, 6], new Float32Array(24))], context)).toHaveProperty(
      'mismatch',
    );
  });

  it('an empty marker row is no object even with a threshold of 0', () => {
    const empty = tensor('detections', [1, 1, 6], new Float32Array(6));
    expect(decoded('marker', [empty], 0, { ...context, scoreThreshold: 0 })).toEqual([]);
  });

  it('detr reads the deployed form and the raw one', () => {
    const boxes = Float32Array.from([1, 2, 30, 20, 5, 6, 7, 8]);
    const deployed = [
      { ...tensor('labels', [1, 2], BigInt64Array.from([1n, 0n])), type: 'int64' },
      tensor('boxes', [1, 2, 4], boxes),
      tensor('scores', [1, 2], Float32Array.from([0.5, 0.1])),
    ];
    expect(decoded('detr', deployed, 0)).toEqual([[1, 2, 30, 20, 0.5, 1]]);
    const logits = tensor('pred_logits', [1, 2, 3], Float32Array.from([0, -9, -9, -9, -9, Math.log(3)]));
    const centres = tensor('pred_boxes', [1, 2, 4], Float32Array.from([0.5, 0.5, 0.5, 0.5, 0.25, 0.5, 0.125, 0.25]));
    expectRows(decoded('detr', [logits, centres], 0), [
      [16, 8, 48, 24, 0.5, 0],
      [12, 12, 20, 20, 0.75, 2],
    ]);
  });
});
