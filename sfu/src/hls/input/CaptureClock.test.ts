import { expect, it } from 'vitest';
import { CaptureClock } from './CaptureClock.ts';

const at = 1_700_000_000_000;

function clock(): { told: [number, number][]; clock: CaptureClock } {
  const told: [number, number][] = [];
  return { told, clock: new CaptureClock((time, unixMs) => told.push([time, Math.round(unixMs)])) };
}

it('goes by arrival until a report, then by reports, and tells changes of more than 50 ms', () => {
  const { told, clock: it } = clock();
  it.frame(90_000, at);
  it.frame(93_000, at + 60);
  it.report(90_000, at - 200);
  it.frame(96_000, at + 67);
  it.report(180_000, at + 840);
  it.frame(180_000, at + 1_040);
  expect(told).toEqual([
    [90_000, at],
    [96_000, at - 200 + 67],
  ]);
});

it('believes no report that is 10 s off, and nothing from before a jump', () => {
  const { told, clock: it } = clock();
  it.report(90_000, at - 60_000);
  it.frame(90_000, at);
  it.report(90_000, at - 100);
  it.frame(90_000, at);
  it.reset();
  it.frame(5_000_000, at + 5_000);
  expect(told).toEqual([
    [90_000, at],
    [90_000, at - 100],
    [5_000_000, at + 5_000],
  ]);
});
