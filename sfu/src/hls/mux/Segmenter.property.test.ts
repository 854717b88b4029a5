import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { MediaTime } from '../media.ts';
import {
  PackagerRun,
  testAudioFormat,
  testAudioSample,
  testVideoFormat,
  testVideoSample,
} from '../testing/PackagerRun.ts';
import { readFragments } from '../testing/readMp4.ts';
import { maxGapTicks, maxSegmentTicks } from './segmenterTypes.ts';

const seed = 20_261_121;
const frameTicks = 1_920;
/** Many stories on a machine that does other things too. */
const timeout = 60_000;

/** What a publisher does, one after another. */
const event = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: fc.constant('run' as const), frames: fc.integer({ min: 1, max: 90 }), ticks: fc.constantFrom(1_500, 3_000, 3_003, 3_600, 4_500, 6_000, 9_000, 90_000), jitter: fc.integer({ min: 0, max: 700 }), gop: fc.constantFrom(1, 15, 60, 100, 1_000) }) }, // prettier-ignore
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('gap' as const), ticks: fc.integer({ min: 1, max: 300_000 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('jump' as const), to: fc.integer({ min: 0, max: 2 ** 34 }), told: fc.boolean() }) }, // prettier-ignore
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('size' as const), width: fc.constantFrom(320, 640, 1_280) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('audio' as const), channels: fc.constantFrom(0, 1, 2) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('idle' as const), forMs: fc.integer({ min: 0, max: 5_000 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('lag' as const), ticks: fc.integer({ min: 0, max: 60_000 }) }),
  },
);
type Event = typeof event extends fc.Arbitrary<infer T> ? T : never;

/** Plays them: pictures, audio that lags behind them, ticks of a clock, detection messages. */
class Publisher {
  readonly run: PackagerRun;
  readonly videoSent: MediaTime[] = [];
  readonly audioSent: MediaTime[] = [];
  #time: MediaTime;
  #nextAudio: MediaTime;
  #channels: number;
  #lag = 0;
  #nowMs = 1_000_000;
  #keyDue = true;
  #random: number;

  constructor(start: MediaTime, channels: number, random: number, keep: number) {
    this.run = new PackagerRun({ keep });
    this.#time = this.#nextAudio = start;
    this.#channels = channels;
    this.#random = random;
    this.run.segmenter.videoFormat(testVideoFormat());
    this.run.segmenter.audioFormat(channels > 0 ? testAudioFormat(channels) : null);
  }

  play(step: Event): void {
    const { segmenter } = this.run;
    if (step.kind === 'run') this.#frames(step);
    else if (step.kind === 'gap') this.#time += step.ticks;
    else if (step.kind === 'lag') this.#lag = step.ticks;
    else if (step.kind === 'idle') this.#wait(step.forMs);
    else if (step.kind === 'jump') {
      if (step.told) segmenter.discontinuity();
      this.#time = this.#nextAudio = step.to;
    } else if (step.kind === 'size') {
      segmenter.videoFormat(testVideoFormat(step.width));
      this.#keyDue = true;
    } else {
      this.#channels = step.channels;
      segmenter.audioFormat(step.channels > 0 ? testAudioFormat(step.channels) : null);
    }
  }

  #frames({ frames, ticks, jitter, gop }: Event & { kind: 'run' }): void {
    for (let i = 0; i < frames; i++) {
      const wobble = Math.round((this.#next() - 0.5) * 2 * Math.min(jitter, ticks / 2));
      const key = this.#keyDue || i % gop === gop - 1;
      this.#keyDue = false;
      this.run.segmenter.clock(this.#time, this.#nowMs);
      this.run.segmenter.video(testVideoSample(this.#time, key, this.#nowMs));
      this.videoSent.push(this.#time);
      if (this.#next() < 0.5) this.run.segmenter.addDetection(this.#time, Buffer.from('boxes'));
      this.#time += ticks + wobble;
      this.#audioUpTo(this.#time - this.#lag);
      this.#wait((ticks + wobble) / 90);
    }
  }

  #audioUpTo(end: MediaTime): void {
    // A publisher's audio goes on in a pause of its pictures, but not for ever in one step.
    if (end - this.#nextAudio > 5 * 90_000) this.#nextAudio = Math.max(0, end - frameTicks);
    for (; this.#channels > 0 && this.#nextAudio < end; this.#nextAudio += frameTicks) {
      this.run.segmenter.audio(testAudioSample(this.#nextAudio));
      this.audioSent.push(this.#nextAudio);
    }
    if (this.#channels === 0) this.#nextAudio = Math.max(this.#nextAudio, end);
  }

  #wait(forMs: number): void {
    for (let past = 0; past < forMs; past += 50) {
      this.#nowMs += Math.min(50, forMs - past);
      this.run.segmenter.tick(this.#nowMs);
    }
  }

  /** mulberry32 */
  #next(): number {
    this.#random = (this.#random + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#random ^ (this.#random >>> 15), 1 | this.#random);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }
}

const story = fc.tuple(
  fc.array(event, { minLength: 1, maxLength: 30 }),
  fc.constantFrom(0, 90_000, 2 ** 32 - 45_000, 24 * 3_600 * 90_000, 2 ** 45),
  fc.constantFrom(0, 2),
  fc.integer(),
  fc.integer({ min: 1, max: 40 }),
);

describe('whatever a publisher does', () => {
  test('the validator finds nothing, every picture is in one Part or counted, and audio too', { timeout }, () => {
    fc.assert(
      fc.property(story, ([events, start, channels, random, keep]) => {
        const publisher = new Publisher(start, channels, random, keep);
        for (const step of events) publisher.play(step);
        const { run } = publisher;
        const problems = run.end().filter((problem) => !audioGap(problem));
        expect(problems).toEqual([]);
        const { counts } = run.segmenter;

        const inParts = run.parts.flatMap((part) => part.frames);
        expect(inParts.length + counts.framesBeforeKeyFrame).toBe(publisher.videoSent.length);
        expect(isSubsequence(inParts, publisher.videoSent)).toBe(true);

        const audio = run.parts.flatMap((part) =>
          readFragments(part.data).flatMap(({ tracks }) => tracks.find(({ id }) => id === 2)?.samples ?? []),
        );
        const { audioBeforeVideo, audioAfterVideo, audioBackwards, audioOverflow } = counts;
        const dropped = audioBeforeVideo + audioAfterVideo + audioBackwards + audioOverflow;
        expect(audio.length + dropped).toBe(publisher.audioSent.length);
        expect(
          isSubsequence(
            audio.map((sample) => sample.data.readDoubleBE(1)),
            publisher.audioSent,
          ),
        ).toBe(true);
        for (const sample of audio) expect(sample.data.readDoubleBE(1)).toBe(sample.time);

        for (const segment of run.segments) {
          expect(segment.duration).toBeLessThanOrEqual(maxSegmentTicks);
          expect(segment.parts.map((part) => part.index)).toEqual(segment.parts.map((_, i) => i));
        }
        for (const part of run.parts) expect(part.duration).toBeLessThanOrEqual(maxGapTicks);
      }),
      { seed, numRuns: 150 },
    );
  });

  test('audio that goes on without a pause has none in the Parts, however late it comes', { timeout }, () => {
    const steady = event.filter((step) => step.kind !== 'gap' && step.kind !== 'jump');
    fc.assert(
      fc.property(fc.array(steady, { maxLength: 20 }), fc.integer(), (events, random) => {
        const publisher = new Publisher(2 ** 32 - 45_000, 2, random, 10);
        for (const step of events) publisher.play(step);
        expect(publisher.run.end()).toEqual([]);
        expect(publisher.run.segmenter.counts.audioBackwards).toBe(0);
      }),
      { seed, numRuns: 100 },
    );
  });
});

/** This publisher's audio jumps over long pauses of its pictures; what was lost there no packager can make up. */
const audioGap = (problem: string): boolean => /^continuity: .* track 2 /.test(problem);

function isSubsequence(some: readonly number[], all: readonly number[]): boolean {
  let at = 0;
  for (const value of some) {
    while (at < all.length && all[at] !== value) at++;
    if (at++ >= all.length) return false;
  }
  return true;
}
