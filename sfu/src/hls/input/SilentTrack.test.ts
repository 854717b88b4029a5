import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { audioSampleTicks, type AudioSample } from '../media.ts';
import { SilentTrack } from './SilentTrack.ts';

function track() {
  const told: AudioSample[] = [];
  return { told, silent: new SilentTrack((sample) => void told.push(sample)) };
}
const sound = (time: number): AudioSample => ({ time, data: Buffer.from('sound') });

describe('SilentTrack', () => {
  it('is silent from the first picture on, without a gap', () => {
    const { told, silent } = track();
    for (let i = 0; i < 30; i++) silent.picture(1_000 + i * 3_000);
    expect(told[0]!.time).toBe(1_000);
    expect(told.map(({ time }) => time)).toEqual(told.map((_, i) => 1_000 + i * audioSampleTicks));
    expect(told.at(-1)!.time).toBeGreaterThan(1_000 + 29 * 3_000 - 2 * audioSampleTicks);
  });

  it('lets sound through, and goes on behind it', () => {
    const { told, silent } = track();
    silent.picture(0);
    silent.picture(9_000);
    silent.sound(sound(8_000));
    silent.sound(sound(9_920));
    silent.picture(15_000);
    expect(told.map(({ time, data }) => (String(data) === 'sound' ? time : -time))).toEqual([
      ...[-0, -1_920, -3_840, -5_760, 8_000, 9_920],
      -11_840,
    ]);
  });

  it('never goes back, nor leaves more than a picture and a frame open, whoever sends what', () => {
    const steps = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 6_000 })), { maxLength: 200 });
    fc.assert(
      fc.property(steps, (list) => {
        const { told, silent } = track();
        let time = 50_000;
        silent.picture(time);
        for (const [isSound, ticks] of list) {
          time += ticks;
          if (isSound) silent.sound(sound(time));
          else silent.picture(time);
        }
        const times = told.map((one) => one.time);
        for (let i = 1; i < times.length; i++) {
          expect(times[i]! - times[i - 1]!).toBeGreaterThanOrEqual(audioSampleTicks / 2);
        }
      }),
      { seed: 4, numRuns: 200 },
    );
  });
});
