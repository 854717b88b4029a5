import { describe, expect, it } from 'vitest';
import type { ModelDescription } from '@framelock/server/protocol';
import { RecentDescriptions } from './RecentDescriptions.ts';

const model = (revision: number, name = 'Brands'): ModelDescription => ({
  ...{ revision, modelId: 'brands', name, labels: ['unknown mark', `brand ${revision}`] },
  ...{ inputWidth: 640, inputHeight: 384, executionProvider: 'cpu' },
});
const revisions = (recent: RecentDescriptions, nowMs: number) => recent.within(nowMs).map(({ revision }) => revision);

describe('RecentDescriptions', () => {
  it('keeps the newest for good, and what was the newest within the window', () => {
    const recent = new RecentDescriptions(60);
    recent.add(model(1), 0);
    expect(revisions(recent, 10 ** 9)).toEqual([1]);
    recent.add(model(2), 1_000);
    recent.add(model(3), 100_000);
    // Revision 1 was the newest until 1 s, revision 2 until 100 s; 60 s and 30 to spare.
    expect(revisions(recent, 100_000)).toEqual([2, 3]);
    expect(revisions(recent, 190_000)).toEqual([2, 3]);
    expect(revisions(recent, 190_001)).toEqual([3]);
  });

  it('does not grow with the age of a Publication, however often the gallery changes', () => {
    const recent = new RecentDescriptions(60);
    for (let revision = 0; revision < 1_000; revision++) recent.add(model(revision), revision * 10_000);
    expect(recent.size).toBe(11);
    for (let revision = 1_000; revision < 2_000; revision++) recent.add(model(revision), 10 ** 7 + revision);
    expect(recent.size).toBe(64);
    expect(revisions(recent, 10 ** 7 + 2_000).at(-1)).toBe(1_999);
  });

  it('takes one that is told again for the newest, as it is now', () => {
    const recent = new RecentDescriptions(60);
    recent.add(model(1), 0);
    recent.add(model(2), 1_000);
    recent.add(model(1, 'Again'), 2_000);
    expect(recent.within(2_000).map(({ revision, name }) => [revision, name])).toEqual([
      [2, 'Brands'],
      [1, 'Again'],
    ]);
  });
});
