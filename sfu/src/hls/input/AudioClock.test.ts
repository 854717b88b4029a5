import { expect, it } from 'vitest';
import { AudioClock } from './AudioClock.ts';

const at = 1_700_000_000_000;

it('goes by arrival, and by reports when both have come', () => {
  const clock = new AudioClock();
  expect(clock.at(48_000, at)).toBeUndefined();
  clock.videoFrame(900_000, at);
  // 100 ms after the picture.
  expect(clock.at(48_000, at + 100)).toBe(909_000);
  expect(clock.at(48_960, at + 500)).toBe(910_800);
  clock.videoReport(900_000, at);
  expect(clock.at(48_960, at)).toBe(910_800);
  // It was heard at the time of the picture.
  clock.audioReport(48_000, at);
  expect(clock.at(48_960, at)).toBe(901_800);
  // Noise moves it a little, and slowly.
  clock.audioReport(48_000, at + 10);
  expect(clock.at(48_960, at)).toBe(901_800 + 225);
});

it('does not believe reports of clocks that are seconds apart', () => {
  const clock = new AudioClock();
  clock.videoFrame(900_000, at);
  clock.at(0, at);
  clock.videoReport(900_000, at);
  clock.audioReport(0, at + 60_000);
  expect(clock.at(960, at)).toBe(901_800);
});

it('goes over the wrap, and places a jump by its arrival', () => {
  const clock = new AudioClock();
  clock.videoFrame(900_000, at);
  expect(clock.at(2 ** 32 - 480, at)).toBe(900_000);
  expect(clock.at(480, at)).toBe(901_800);
  expect(clock.at(480_000 * 3, at + 1_000)).toBe(990_000);
});
