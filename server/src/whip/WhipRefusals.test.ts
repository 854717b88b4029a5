import { expect, it } from 'vitest';
import { Refusal } from '../protocol/index.ts';
import { WhipRefusals } from './WhipRefusals.ts';

it('keeps the last words of each Stream until one came in, and nothing that is no refusal', () => {
  const refusals = new WhipRefusals();
  refusals.note('a', new Refusal('conflict', 'taken'));
  refusals.note('a', new Refusal('unsupported', 'x'.repeat(600)));
  refusals.note('b', new Error('a fault of ours'));
  expect(refusals.of('a')).toMatchObject({ code: 'unsupported', message: 'x'.repeat(500) });
  expect(refusals.of('b')).toBeUndefined();
  refusals.forget('a');
  expect(refusals.of('a')).toBeUndefined();
});

it('holds 1000 Streams: the one refused longest ago goes', () => {
  const refusals = new WhipRefusals();
  for (let i = 0; i < 1000; i++) refusals.note(`s${i}`, new Refusal('conflict', 'taken'));
  refusals.note('s0', new Refusal('conflict', 'again'));
  refusals.note('new', new Refusal('conflict', 'taken'));
  expect(['s0', 's1', 's2', 'new'].map((id) => refusals.of(id) !== undefined)).toEqual([true, false, true, true]);
});
