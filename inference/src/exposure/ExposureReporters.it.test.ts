import { spawnSync } from 'node:child_process';
import { type ExposureReport, exposureReportSchema } from '@framelock/server/protocol';
import type { InputSpec, NamedMark } from '@framelock/server/protocol/analysis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AnalysedPicture, cropThumbnail } from './cropThumbnail.ts';
import { ExposureReporters } from './ExposureReporters.ts';
import { maxThumbnailBytes, ThumbnailEncoder } from './ThumbnailEncoder.ts';

const spec: InputSpec = {
  ...{ width: 320, height: 320, resize: 'stretch', channels: 'rgb' },
  ...{ scale: [1 / 255, 1 / 255, 1 / 255], bias: [0, 0, 0], pad: 0 },
};
const plane = 320 * 320;

function picture(colour: (at: number, c: number) => number): AnalysedPicture {
  const tensor = new Float32Array(3 * plane);
  for (let c = 0; c < 3; c++) for (let at = 0; at < plane; at++) tensor[c * plane + at] = colour(at, c);
  return { tensor, spec, frameWidth: 320, frameHeight: 320 };
}
const flat = (r: number, g: number, b: number) => picture((_, c) => [r, g, b][c]! / 255);
const red = flat(230, 20, 30);
const blue = flat(10, 40, 220);

/** With a decoder that is not the one under test; the mean colour. */
function decode(jpeg: Uint8Array | string, width: number, height: number): number[] {
  const input = typeof jpeg === 'string' ? Buffer.from(jpeg, 'base64') : jpeg;
  const args = ['-v', 'error', '-f', 'mjpeg', '-i', 'pipe:0', '-f', 'rawvideo', '-pix_fmt', 'rgb24', 'pipe:1'];
  const { stdout, stderr } = spawnSync(process.env.FFMPEG_BIN || 'ffmpeg', args, { input });
  expect(String(stderr)).toBe('');
  expect(stdout.length).toBe(width * height * 3);
  return [0, 1, 2].map((c) => {
    let sum = 0;
    for (let at = c; at < stdout.length; at += 3) sum += stdout[at]!;
    return sum / (width * height);
  });
}

describe('ThumbnailEncoder', () => {
  it('makes JPEGs of any size with the right colours', () => {
    const encoder = new ThumbnailEncoder();
    for (const [w, h] of [
      [1, 1],
      [0.3, 0.1],
      [0.017, 0.4],
    ] as const) {
      const thumbnail = cropThumbnail(blue, { x: 0.2, y: 0.2, w, h })!;
      const jpeg = encoder.encode(thumbnail)!;
      const mean = decode(jpeg, thumbnail.width, thumbnail.height);
      for (const [c, value] of [10, 40, 220].entries()) expect(Math.abs(mean[c]! - value)).toBeLessThan(6);
    }
    encoder.close();
    encoder.close();
    expect(encoder.encode(cropThumbnail(blue, { x: 0, y: 0, w: 1, h: 1 })!)).toBeUndefined();
  });

  it('keeps the noisiest picture under the limit', () => {
    let seed = 1;
    const noise = picture(() => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647);
    const encoder = new ThumbnailEncoder();
    const jpeg = encoder.encode(cropThumbnail(noise, { x: 0.1, y: 0.1, w: 0.4, h: 0.4 })!)!;
    expect(jpeg.byteLength).toBeLessThanOrEqual(maxThumbnailBytes);
    decode(jpeg, 160, 160);
    encoder.close();
  });
});

describe('ExposureReporters', () => {
  let told: ExposureReport[];
  let dropped: [string, number][];
  let reporters: ExposureReporters;
  const startMs = 1_700_000_000_000;
  const mark = (rest: Partial<NamedMark> = {}): NamedMark => ({
    ...{ trackId: 1, brandId: 'acme', name: 'Acme', score: 0.9, x: 0.4, y: 0.4, w: 0.2, h: 0.2 },
    ...rest,
  });
  beforeEach(() => {
    told = [];
    dropped = [];
    reporters = new ExposureReporters({
      emit: (report) => told.push(exposureReportSchema.parse(report)),
      onDropped: (what, count) => dropped.push([what, count]),
    });
  });
  afterEach(() => reporters.close());

  /** Ten Frames from this second on, then a tick. */
  const second = (
    reporter: ReturnType<ExposureReporters['open']>,
    at: number,
    marks: NamedMark[],
    shown: AnalysedPicture,
  ) => {
    for (let i = 0; i < 10; i++) {
      const ms = at * 1000 + i * 100;
      reporter.update({ marks, rtpTicks: ms * 90, wallMs: startMs + ms, picture: shown });
    }
    reporters.tick(startMs + at * 1000 + 950);
  };
  const seen = () => told.flatMap(({ appearances }) => appearances);

  it('tell once a second, with a first picture and a last one', () => {
    const reporter = reporters.open({ publicationId: 'p', streamId: 's' });
    second(reporter, 0, [], red);
    second(reporter, 1, [mark()], red);
    second(reporter, 2, [mark()], blue);
    second(reporter, 3, [mark()], blue);
    second(reporter, 4, [mark()], blue);
    for (let at = 5; at < 8; at++) second(reporter, at, [], red);
    expect(told.map(({ appearances }) => appearances.length)).toEqual([0, 1, 1, 1, 1, 1, 1, 0]);
    const all = seen();
    expect(new Set(all.map(({ id }) => id)).size).toBe(1);
    expect(all.at(-1)).toMatchObject({ brandId: 'acme', frames: 40, ended: true });
    expect(all.at(-1)!.seconds).toBeCloseTo(4, 6);
    expect(decode(all[0]!.firstJpeg!, 84, 84)[0]).toBeGreaterThan(200);
    expect(all[0]!.lastJpeg).toBe(all[0]!.firstJpeg);
    expect(decode(all[2]!.lastJpeg!, 84, 84)[2]).toBeGreaterThan(200);
    expect(all[1]!.lastJpeg).toBeUndefined();
    expect(told.every(({ coverage }) => coverage.runId === told[0]!.coverage.runId)).toBe(true);
    expect(told.at(-1)!.coverage).toMatchObject({ frames: 80 });
  });

  it('repeat what ended, pictures included, until it is stored', () => {
    const reporter = reporters.open({ publicationId: 'p', streamId: 's' });
    second(reporter, 0, [mark()], red);
    for (let at = 1; at < 3; at++) second(reporter, at, [], red);
    const before = told.length;
    for (let at = 3; at < 12; at++) second(reporter, at, [], red);
    const repeats = told.slice(before).filter(({ appearances }) => appearances.length > 0);
    expect(repeats).toHaveLength(3);
    for (const { appearances } of repeats) expect(appearances[0]).toMatchObject({ ended: true });
    expect(repeats[0]!.appearances[0]!.firstJpeg).toBeDefined();
    reporters.stored('other', repeats.at(-1)!.sequence);
    expect(reporter.unstored).toBe(1);
    reporters.stored('p', repeats.at(-1)!.sequence);
    expect(reporter.unstored).toBe(0);
  });

  it('tell what a finished analysis saw at once, and again until it is stored, however long that takes', () => {
    const reporter = reporters.open({ publicationId: 'p', streamId: 's' });
    const other = reporters.open({ publicationId: 'q', streamId: 's' });
    second(reporter, 0, [mark()], red);
    reporter.finish();
    reporter.finish();
    second(reporter, 1, [mark()], red);
    expect(seen().at(-1)).toMatchObject({ ended: true, frames: 10 });
    expect(reporters.size).toBe(2);
    other.finish();
    expect(reporters.size).toBe(1);
    told = [];
    const day = 86_400;
    for (let after = 1; after < day; after++) reporters.tick(Date.now() + after * 1000);
    expect(told.length).toBeGreaterThan(day / 61);
    expect(told.length).toBeLessThan(day / 50);
    expect(new Set(told.map(({ coverage }) => coverage.frames))).toEqual(new Set([10]));
    reporters.stored('p', told.at(-1)!.sequence);
    reporters.tick(Date.now() + day * 1000);
    expect([reporters.size, dropped]).toEqual([0, []]);
  });

  it('tell the coverage of a finished one that saw nothing until it is stored', () => {
    const reporter = reporters.open({ publicationId: 'p', streamId: 's' });
    second(reporter, 0, [], red);
    reporters.stored('p', told.at(-1)!.sequence);
    // Not stored: the last Frames before its end.
    second(reporter, 1, [], red);
    reporter.finish();
    told = [];
    for (let after = 1; after < 600; after++) reporters.tick(Date.now() + after * 1000);
    expect(reporters.size).toBe(1);
    expect(told.at(-1)).toMatchObject({ appearances: [], coverage: { frames: 20, seconds: expect.closeTo(1.9, 6) } });
    reporters.stored('p', told.at(-1)!.sequence);
    reporters.tick(Date.now() + 600_000);
    expect([reporters.size, dropped]).toEqual([0, []]);
  });

  it('keep no more than a thousand finished ones, and count those that go', () => {
    for (let i = 0; i < 1_003; i++) {
      const reporter = reporters.open({ publicationId: `p${i}`, streamId: 's' });
      reporter.update({ marks: i < 2 ? [mark()] : [], rtpTicks: 0, wallMs: startMs, picture: red });
      reporter.finish();
    }
    expect(reporters.size).toBe(1_000);
    const sum = (what: string) => dropped.reduce((total, [of, count]) => total + (of === what ? count : 0), 0);
    expect([sum('coverage'), sum('appearances')]).toEqual([3, 2]);
  });

  it('forget a finished one as soon as it is stored', () => {
    const reporter = reporters.open({ publicationId: 'p', streamId: 's' });
    second(reporter, 0, [mark()], red);
    reporter.finish();
    reporters.stored('p', told.at(-1)!.sequence);
    reporters.tick(Date.now());
    expect([reporters.size, dropped]).toEqual([0, []]);
  });

  it('divide what is much into reports, and pictures over the seconds', () => {
    const reporter = reporters.open({ publicationId: 'p', streamId: 's' });
    const many = Array.from({ length: 45 }, (_, i) => mark({ trackId: i, brandId: `b${i}`, w: 0.05, h: 0.05 }));
    second(reporter, 0, many, red);
    expect(told.map(({ appearances }) => appearances.length)).toEqual([20, 20, 5]);
    expect(seen().filter(({ firstJpeg }) => firstJpeg)).toHaveLength(12);
    for (let at = 1; at < 4; at++) second(reporter, at, many, red);
    expect(new Set(seen().flatMap(({ id, firstJpeg }) => (firstJpeg ? [id] : []))).size).toBe(45);
    expect(new Set(told.map(({ sequence }) => sequence)).size).toBe(told.length);
  });
});
