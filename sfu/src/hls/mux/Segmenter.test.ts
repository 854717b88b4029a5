import { hlsSegmentTicks, hlsTimescale } from '@framelock/server/protocol';
import { describe, expect, test } from 'vitest';
import {
  PackagerRun,
  testAudioFormat,
  testAudioSample,
  testVideoFormat,
  testVideoSample,
} from '../testing/PackagerRun.ts';
import { readFragments, readInit } from '../testing/readMp4.ts';
import { Segmenter } from './Segmenter.ts';
import { partTargetTicks } from './segmenterTypes.ts';

const ms = hlsTimescale / 1_000;

/** Pictures of 30 fps from `from` on, a key frame first and every `gop`. Returns the time after the last. */
function feed(run: PackagerRun, from: number, count: number, { gop = 60, ticks = 3_000, audio = false } = {}): number {
  let nextAudio = Math.ceil(from / 1_920) * 1_920;
  for (let i = 0; i < count; i++) {
    const time = from + i * ticks;
    run.segmenter.video(testVideoSample(time, i % gop === 0, time / ms));
    for (; audio && nextAudio < time + ticks; nextAudio += 1_920) run.segmenter.audio(testAudioSample(nextAudio));
  }
  return from + count * ticks;
}

function started(options = {}): PackagerRun {
  const run = new PackagerRun(options);
  run.segmenter.videoFormat(testVideoFormat());
  return run;
}

describe('cutting', () => {
  test('Segments of 2 s at key frames, Parts of ten frames', () => {
    const run = started();
    feed(run, 90_000, 240);
    expect(run.end()).toEqual([]);
    expect(run.segments.map((segment) => segment.duration)).toEqual([180_000, 180_000, 180_000, 180_000]);
    expect(run.segments[1]!.parts.map((part) => part.duration)).toEqual([
      30_000, 30_000, 30_000, 30_000, 30_000, 30_000,
    ]);
    expect(run.parts.filter((part) => part.independent).map((part) => part.index)).toEqual([0, 0, 0, 0]);
    expect(run.parts[0]!.frames).toEqual(Array.from({ length: 10 }, (_, i) => 90_000 + i * 3_000));
  });

  test('a Part is told with the frame behind it, not one later', () => {
    const run = started();
    feed(run, 0, 10);
    expect(run.parts).toHaveLength(0);
    run.segmenter.video(testVideoSample(30_000, false));
    expect(run.parts).toHaveLength(1);
  });

  test.each([
    ['29.97 fps', 3_003, 10],
    ['25 fps', 3_600, 8],
    ['60 fps', 1_500, 21],
    ['20 fps', 4_500, 7],
    ['24 fps', 3_750, 8],
  ])('%s', (_, ticks, frames) => {
    const run = started();
    feed(run, 0, 300, { ticks, gop: Math.ceil(hlsSegmentTicks / ticks) });
    expect(run.end()).toEqual([]);
    expect(run.segments[0]!.parts[0]!.frames).toHaveLength(frames);
    expect(run.counts()).toEqual({});
  });

  test('5 fps: Parts hold what fits, and each but the last waits for what does not', () => {
    const run = started();
    feed(run, 0, 40, { ticks: 18_000, gop: 10 });
    expect(run.end()).toEqual([]);
    expect(run.validator.notes.length).toBeGreaterThan(0);
    expect(Math.max(...run.parts.map((part) => part.duration))).toBeLessThanOrEqual(partTargetTicks);
  });

  test('a key frame is asked for once per Segment, shortly before it is due', () => {
    const run = started();
    const wanted = Array.from({ length: 100 }, (_, i) => {
      run.segmenter.video(testVideoSample(i * 3_000, i === 0));
      return run.keyFramesWanted;
    });
    expect(wanted.indexOf(1)).toBe(57);
    expect(wanted.at(-1)).toBe(1);
  });

  test('a key frame that comes at once is taken; one in the middle of a Segment is not', () => {
    const run = started();
    for (let i = 0; i < 130; i++) run.segmenter.video(testVideoSample(i * 3_000, [0, 30, 58, 116].includes(i)));
    expect(run.end()).toEqual([]);
    expect(run.segments.map((segment) => segment.start)).toEqual([0, 58 * 3_000, 116 * 3_000]);
  });

  test('no key frame: the Segment ends before TARGETDURATION, the next one begins without and ends at the first', () => {
    const run = started();
    for (let i = 0; i < 300; i++) run.segmenter.video(testVideoSample(i * 3_000, i === 0 || i === 150));
    expect(run.end()).toEqual([]);
    expect(run.segments.map((segment) => Math.round(segment.duration / 3_000))).toEqual([134, 16, 134, 16]);
    expect(run.segments.map((segment) => segment.parts[0]!.independent)).toEqual([true, false, true, false]);
    expect(run.segments.map((segment) => segment.discontinuity)).toEqual([false, false, false, false]);
    expect(run.lateKeyFrames).toBe(2);
    expect(run.segmenter.counts.lateKeyFrames).toBe(2);
  });

  test.each([3_000, 3_100, 3_003, 4_490, 6_700])(
    'late key frames break nothing, wherever Parts end: %i ticks',
    (ticks) => {
      const run = started();
      feed(run, 0, 500, { ticks, gop: 10_000 });
      expect(run.end()).toEqual([]);
      expect(run.counts()).toEqual({ lateKeyFrames: run.segments.length - 1 });
    },
  );

  test('a key frame every 4 s is in time', () => {
    const run = started();
    feed(run, 0, 480, { gop: 120 });
    expect(run.end()).toEqual([]);
    expect(run.segments.map((segment) => segment.duration)).toEqual([360_000, 360_000, 360_000, 360_000]);
    expect(run.lateKeyFrames).toBe(0);
  });
});

describe('breaks', () => {
  test('a pause up to 1 s stretches the last picture and is counted', () => {
    const run = started();
    const at = feed(run, 0, 20);
    feed(run, at + 87_000, 60);
    expect(run.end()).toEqual([]);
    expect(run.segmenter.counts.longParts).toBe(1);
    expect(run.segments.every((segment) => !segment.discontinuity)).toBe(true);
  });

  test('a longer one is a discontinuity at the next key frame', () => {
    const run = started();
    const at = feed(run, 0, 20);
    const later = at + 95_000;
    for (let i = 0; i < 5; i++) run.segmenter.video(testVideoSample(later + i * 3_000, false));
    feed(run, later + 15_000, 60);
    expect(run.end()).toEqual([]);
    expect(run.segments.map(({ start, duration, discontinuity }) => [start, duration, discontinuity])).toEqual([
      [0, 60_000, false],
      [later + 15_000, 180_000, true],
    ]);
    expect(run.counts()).toEqual({ framesBeforeKeyFrame: 5, discontinuities: 1 });
    expect(run.keyFramesWanted).toBeGreaterThan(0);
  });

  test('time that jumps back, with audio', () => {
    const run = started();
    run.segmenter.audioFormat(testAudioFormat());
    feed(run, 900_000, 90, { audio: true });
    feed(run, 90_000, 90, { audio: true });
    run.segmenter.discontinuity();
    feed(run, 30_000, 90, { audio: true });
    expect(run.end()).toEqual([]);
    expect(run.segments.map((segment) => segment.discontinuity)).toEqual([false, false, true, false, true, false]);
    expect(run.segmenter.counts.discontinuities).toBe(2);
  });

  test('another size: a new InitSection and a discontinuity; the same bytes again: nothing', () => {
    const run = started();
    const at = feed(run, 0, 70);
    run.segmenter.videoFormat(testVideoFormat());
    feed(run, at, 20, { gop: 1_000 });
    run.segmenter.videoFormat(testVideoFormat(640, 360));
    feed(run, at + 60_000, 70);
    expect(run.end()).toEqual([]);
    expect(run.inits.map(({ index, width }) => [index, width])).toEqual([
      [0, 1_280],
      [1, 640],
    ]);
    expect(run.segments.map(({ initIndex, discontinuity }) => [initIndex, discontinuity])).toEqual([
      [0, false],
      [0, false],
      [1, true],
      [1, false],
    ]);
    // Time went on, so nothing is missing between them.
    expect(run.segments[2]!.start).toBe(run.segments[1]!.start + run.segments[1]!.duration);
  });

  test('nobody sends: after 2 s the Part that grew goes out', () => {
    const run = started();
    feed(run, 0, 13);
    run.segmenter.tick(10_000);
    run.segmenter.tick(12_000);
    expect(run.segments).toHaveLength(0);
    run.segmenter.tick(12_050);
    expect(run.segments.map((segment) => segment.duration)).toEqual([39_000]);
    expect(run.end()).toEqual([]);
  });

  test('a packager that goes on with what another began says so', () => {
    const run = started({ firstMsn: 7, firstInitIndex: 3 });
    feed(run, 0, 70);
    run.end();
    expect(run.segments[0]).toMatchObject({ msn: 7, initIndex: 3, discontinuity: true });
    expect(run.inits[0]!.index).toBe(3);
  });
});

describe('audio', () => {
  const samplesOf = (run: PackagerRun, id: number): number[] =>
    run.parts.flatMap((part) =>
      readFragments(part.data).flatMap((fragment) =>
        fragment.tracks.filter((track) => track.id === id).flatMap((track) => track.samples.map(({ time }) => time)),
      ),
    );

  test('goes into the Part of its time; before the first picture it is dropped', () => {
    const run = started();
    run.segmenter.audioFormat(testAudioFormat());
    for (let time = 0; time < 19_200; time += 1_920) run.segmenter.audio(testAudioSample(time));
    feed(run, 19_200, 60, { audio: true });
    expect(run.end()).toEqual([]);
    expect(run.segmenter.counts.audioBeforeVideo).toBe(10);
    for (const part of run.parts) {
      const [, audio] = readFragments(part.data)[0]!.tracks;
      expect(audio!.samples[0]!.time).toBeGreaterThanOrEqual(part.start);
      expect(audio!.samples.at(-1)!.time).toBeLessThan(part.start + part.duration);
    }
    expect(readInit(run.inits[0]!.data).map((track) => track.sampleEntry)).toEqual(['avc1', 'mp4a']);
  });

  test('is waited for 250 ms, then comes in the next Part, in order', () => {
    const run = started();
    run.segmenter.audioFormat(testAudioFormat());
    feed(run, 0, 15);
    run.segmenter.tick(1_000);
    run.segmenter.tick(1_249);
    expect(run.parts).toHaveLength(0);
    run.segmenter.tick(1_250);
    expect(run.parts).toHaveLength(1);
    for (let time = 0; time < 60_000; time += 1_920) run.segmenter.audio(testAudioSample(time));
    feed(run, 45_000, 10, { gop: 1_000 });
    expect(run.end()).toEqual([]);
    expect(samplesOf(run, 2)).toEqual(Array.from({ length: 32 }, (_, i) => i * 1_920));
    expect(run.segmenter.counts).toMatchObject({ partsWithoutTheirAudio: 1, audioLate: 16 });
  });

  test('that never comes leaves Parts without a traf of it', () => {
    const run = started();
    run.segmenter.audioFormat(testAudioFormat());
    feed(run, 0, 120);
    expect(run.end()).toEqual([]);
    expect(run.inits[0]!.hasAudio).toBe(true);
    expect(samplesOf(run, 2)).toEqual([]);
    expect(samplesOf(run, 1)).toHaveLength(120);
  });

  test('that appears and disappears begins at the next key frame, which is asked for', () => {
    const run = started();
    let at = feed(run, 0, 30);
    run.segmenter.audioFormat(testAudioFormat());
    expect(run.keyFramesWanted).toBe(1);
    at = feed(run, at, 30, { audio: true });
    run.segmenter.audioFormat(null);
    feed(run, at, 30);
    expect(run.end()).toEqual([]);
    expect(run.inits.map((init) => init.hasAudio)).toEqual([false, true, false]);
    expect(run.segments.map((segment) => segment.discontinuity)).toEqual([false, true, true]);
    expect(samplesOf(run, 2)).toHaveLength(47);
  });

  test('without pictures is limited', () => {
    const run = started();
    run.segmenter.audioFormat(testAudioFormat());
    for (let i = 0; i < 1_000; i++) run.segmenter.audio(testAudioSample(i * 1_920));
    expect(run.segmenter.counts.audioOverflow).toBe(520);
  });
});

describe('what goes with the pictures', () => {
  test('a detection message is an emsg before the next moof, with its media time', () => {
    const run = started();
    feed(run, 2 ** 33, 5);
    run.segmenter.addDetection(2 ** 33 + 3_000, Buffer.from('first'));
    run.segmenter.addDetection(2 ** 33 + 6_000, Buffer.from('second'));
    feed(run, 2 ** 33 + 15_000, 30, { gop: 1_000 });
    expect(run.end()).toEqual([]);
    const [fragment] = readFragments(run.parts[0]!.data);
    expect(fragment!.events.map(({ scheme, time, id, message }) => [scheme, time, id, message.toString()])).toEqual([
      ['urn:framelock:detections:v1', 2 ** 33 + 3_000, 0, 'first'],
      ['urn:framelock:detections:v1', 2 ** 33 + 6_000, 1, 'second'],
    ]);
    expect(readFragments(run.parts[1]!.data)[0]!.events).toEqual([]);
  });

  test('messages that wait are limited, and what has no Part any more is counted', () => {
    const run = started();
    for (let i = 0; i < 600; i++) run.segmenter.addDetection(i, Buffer.from('x'));
    run.segmenter.end();
    expect(run.segmenter.counts.detectionsDropped).toBe(600);
  });

  test('capture time of a Segment', () => {
    const run = started();
    const base = Date.UTC(2026, 0, 1);
    run.segmenter.clock(90_000, base);
    feed(run, 90_000, 130);
    run.segmenter.clock(270_000, base + 2_500);
    run.end();
    expect(run.segments.map((segment) => segment.unixMs! - base)).toEqual([0, 2_000, 4_500]);
  });
});

test('24 h and the wrap of RTP time: no precision is lost', () => {
  const day = 24 * 3_600 * hlsTimescale;
  for (const from of [2 ** 32 - 91_000, day + 17, 2 ** 40 + 1]) {
    const run = started();
    run.segmenter.audioFormat(testAudioFormat());
    feed(run, from, 130, { audio: true });
    expect(run.end()).toEqual([]);
    const times = run.parts.flatMap((part) =>
      readFragments(part.data)[0]!.tracks[0]!.samples.map((sample) => [sample.time, sample.data.readDoubleBE(8)]),
    );
    expect(times).toEqual(Array.from({ length: 130 }, (_, i) => [from + i * 3_000, from + i * 3_000]));
  }
});

test('24 h on end: durations add up to the tick, capture times to the millisecond', () => {
  const ticks = 22_500;
  const frames = (24 * 3_600 * hlsTimescale) / ticks;
  const from = 2 ** 32 - 10;
  let ended = from;
  let segments = 0;
  let wrongDates = 0;
  const segmenter = new Segmenter({
    onInit: () => undefined,
    onPart: () => undefined,
    onSegment: ({ start, duration, unixMs, msn }) => {
      if (start !== ended || msn !== segments++ || unixMs !== 1e12 + msn * 2_000) wrongDates++;
      ended = start + duration;
    },
    onWantKeyFrame: () => undefined,
    onLateKeyFrame: () => undefined,
  });
  segmenter.videoFormat(testVideoFormat());
  segmenter.clock(from, 1e12);
  const sample = testVideoSample(0, false);
  for (let i = 0; i < frames; i++) segmenter.video({ ...sample, time: from + i * ticks, key: i % 8 === 0 });
  segmenter.end();
  expect([ended, segments, wrongDates]).toEqual([from + frames * ticks, 43_200, 0]);
});
