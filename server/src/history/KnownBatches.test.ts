import { expect, it } from 'vitest';
import { KnownBatches } from './KnownBatches.ts';

it('knows what was added, in any order, and nothing else', () => {
  const known = new KnownBatches();
  let state = 7;
  const random = (below: number): number => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31) % below;
  const added = new Set<string>();
  for (let i = 0; i < 2_000; i++) {
    const [runId, sequence] = [`run${random(3)}`, random(60)];
    if (random(3) > 0) continue;
    known.add({ runId, sequence });
    added.add(`${runId}:${sequence}`);
    if (i % 7 > 0) continue;
    for (let run = 0; run < 3; run++) {
      for (let at = 0; at < 62; at++) {
        expect(known.has({ runId: `run${run}`, sequence: at })).toBe(added.has(`run${run}:${at}`));
      }
    }
    if (added.size > 170) break;
  }
});

it('forgets the oldest stretches of a run with many gaps, and the runs told of longest ago', () => {
  const known = new KnownBatches();
  for (let sequence = 0; sequence < 400; sequence += 2) known.add({ runId: 'gaps', sequence });
  expect(known.has({ runId: 'gaps', sequence: 0 })).toBe(false);
  expect(known.has({ runId: 'gaps', sequence: 398 })).toBe(true);
  for (let run = 0; run < 2_000; run++) known.add({ runId: `run${run}`, sequence: 1 });
  expect(known.has({ runId: 'gaps', sequence: 398 })).toBe(false);
  expect(known.has({ runId: 'run0', sequence: 1 })).toBe(true);
});
