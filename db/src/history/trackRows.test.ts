import { expect, it } from 'vitest';
import { scoreClasses } from '../historySchema.ts';
import { firstClassOf } from './trackRows.ts';

it('a minimal score at the floor of a class begins with that class, also where float32 is below it', () => {
  for (const [index, floor] of scoreClasses.entries()) {
    expect([floor, firstClassOf(floor)]).toEqual([floor, index + 1]);
    expect([floor, firstClassOf(floor - 0.001)]).toEqual([floor, index]);
  }
  expect([firstClassOf(0), firstClassOf(1)]).toEqual([0, scoreClasses.length]);
});
