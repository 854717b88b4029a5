import { expect, test } from 'vitest';
import { DropTotals } from './DropTotals.ts';

const losing = (publicationId: string, dropped?: Record<string, number>) => ({ publicationId, view: { dropped } });

test('adds what each Publication lost since the last look', () => {
  const totals = new DropTotals();
  totals.count([losing('a', { packetsLost: 3 }), losing('b', { packetsLost: 1, restarts: 1 })]);
  expect(Object.fromEntries(totals.count([losing('a', { packetsLost: 5 }), losing('b', { packetsLost: 1 })]))).toEqual({
    packetsLost: 6,
    restarts: 1,
  });
});

test('never falls: not when a Publication ends, nor when one counts from 0 again', () => {
  const totals = new DropTotals();
  totals.count([losing('a', { packetsLost: 3 }), losing('b', { packetsLost: 4 })]);
  totals.count([losing('a', { packetsLost: 2 })]);
  expect(totals.count([losing('a')]).get('packetsLost')).toBe(9);
  expect(totals.count([]).get('packetsLost')).toBe(9);
});
