import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import type { VideoCodec } from '@framelock/server/protocol/tap';
import { encodeClip, type TestFrame } from '@framelock/server/protocol/tap/testing';
import { runningFfmpegs } from '../../source/FfmpegProcess.ts';
import { testFfmpegBin } from '../../testing/clips.ts';
import { MediaInput } from './MediaInput.ts';
import { readPictures } from './test/readPictures.ts';
import { Recorder } from './test/Recorder.ts';
import { TapSender } from './test/TapSender.ts';

const frameTicks = 3_000;
const size = { width: 448, height: 256 };
const closing: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  await expect.poll(runningFfmpegs).toBe(0);
});

interface Bench {
  input: MediaInput;
  told: Recorder;
  video: TapSender;
}

async function open(
  codec: VideoCodec,
  {
    keyFrameIntervalMs,
    ffmpegBin = testFfmpegBin,
    type = 'simple',
  }: { keyFrameIntervalMs?: number; ffmpegBin?: string; type?: string } = {},
): Promise<Bench> {
  const told = new Recorder();
  const options = { publicationId: 'pub', host: '127.0.0.1', ffmpegBin, log: pino({ level: 'silent' }) };
  const input = await MediaInput.create({ ...options, events: told });
  const video = await TapSender.create(codec, input.local.video);
  closing.push(() => video.close());
  closing.push(() => input.close());
  await input.start({ video: { ...video.tap, type }, keyFrameIntervalMs });
  return { input, told, video };
}

const clips = new Map<string, Promise<TestFrame[]>>();
/** Pictures numbered from `firstNumber` on. */
function clip(
  codec: VideoCodec,
  frames: number,
  keyEvery: number,
  more: Partial<typeof size & { firstNumber: number }> = {},
) {
  const options = { codec, frames, keyEvery, ...size, ...more };
  const name = JSON.stringify(options);
  const made = clips.get(name) ?? encodeClip(options);
  clips.set(name, made);
  return made.then((list) => list.map((frame) => ({ ...frame, units: frame.units.map((unit) => Buffer.from(unit)) })));
}

/** One picture after the other, a little faster than they play: at once the socket's buffer would not hold them. */
async function play(
  video: TapSender,
  frames: readonly TestFrame[],
  times: (i: number) => number,
  everyMs = 4,
): Promise<void> {
  for (const [i, frame] of frames.entries()) {
    await video.send(frame, times(i));
    await pause(everyMs);
  }
}

const jitter = (i: number): number => ((i * 37) % 61) - 30;
/** Over the wrap, as a camera's clock ticks. */
const wrapping = (i: number): number => 2 ** 32 - 20 * frameTicks + i * frameTicks + jitter(i);

const numbers = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const lengthOf = (nal: Buffer): Buffer => Buffer.from([0, 0, nal.length >> 8, nal.length & 0xff]);
const ffmpegPid = (input: MediaInput): unknown => (input.dump().video as { ffmpeg?: number }).ffmpeg;
function ffmpegOf(input: MediaInput): number {
  const pid = ffmpegPid(input);
  if (typeof pid !== 'number') throw new Error('no FFmpeg runs');
  return pid;
}

describe('what is transcoded', () => {
  it.each(['vp8', 'vp9', 'av1'] as const)('%s has the time of each picture on this very picture', async (codec) => {
    const { told, video } = await open(codec);
    const frames = await clip(codec, 90, 45);
    await play(video, frames, wrapping);
    await expect.poll(() => told.samples.length, { timeout: 20_000 }).toBe(90);
    expect(told.samples.map(({ time }) => time)).toEqual(frames.map((_, i) => wrapping(i)));
    expect(told.formats).toHaveLength(1);
    expect(told.formats[0]).toMatchObject(size);
    expect(await readPictures(told.formats[0]!, told.samples)).toEqual(frames.map((_, i) => i));
    expect(told.media.at(-1)).toMatchObject({ video: { codec: codec.toUpperCase(), how: 'transcoded' }, audio: null });
    // Every 2 s, whatever the publisher's are.
    const keys = told.samples.filter(({ key }) => key).map(({ time }) => time);
    expect(keys).toEqual([
      wrapping(0),
      wrapping(keys.length > 1 ? frames.findIndex((_, i) => wrapping(i) - wrapping(0) >= 180_000) : 0),
    ]);
  });

  it('goes on with the new size where the pictures change theirs, no picture lost and none with a wrong time', async () => {
    const { told, video } = await open('vp8');
    const first = await clip('vp8', 40, 40);
    const small = await clip('vp8', 40, 40, { width: 320, height: 192, firstNumber: 40 });
    await play(video, [...first, ...small], wrapping);
    await expect.poll(() => told.samples.length, { timeout: 20_000 }).toBe(80);
    expect(told.samples.map(({ time }) => time)).toEqual(Array.from({ length: 80 }, (_, i) => wrapping(i)));
    expect(told.formats).toMatchObject([size, { width: 320, height: 192 }]);
    expect(told.told.findIndex((one) => one.what === 'videoFormat' && one.format.width === 320)).toBe(42);
    const [before, after] = [told.samples.slice(0, 40), told.samples.slice(40)];
    expect(after[0]!.key).toBe(true);
    expect(await readPictures(told.formats[0]!, before)).toEqual(numbers(0, 40));
    expect(await readPictures(told.formats[1]!, after)).toEqual(numbers(40, 80));
  });

  it('loses no picture but those that a loss spoils, and asks for a key frame', async () => {
    const { told, video } = await open('vp8');
    const frames = await clip('vp8', 60, 30);
    for (const [i, frame] of frames.entries()) {
      await video.send(frame, wrapping(i), { lose: i === 10 });
      await pause(4);
    }
    await expect.poll(() => told.samples.length, { timeout: 20_000 }).toBe(40);
    const left = [...numbers(0, 10), ...numbers(30, 60)];
    expect(told.samples.map(({ time }) => time)).toEqual(left.map(wrapping));
    expect(await readPictures(told.formats[0]!, told.samples)).toEqual(left);
    expect(video.plis).toBeGreaterThan(0);
  });

  it('says that it does not follow where FFmpeg was killed, and goes on from the last key frame', async () => {
    const { input, told, video } = await open('vp8');
    const frames = await clip('vp8', 90, 90);
    await play(video, frames.slice(0, 30), wrapping);
    await expect.poll(() => told.samples.length, { timeout: 20_000 }).toBe(30);
    process.kill(ffmpegOf(input), 'SIGKILL');
    await expect.poll(() => told.discontinuities).toHaveLength(1);
    await play(video, frames.slice(30), (i) => wrapping(i + 30));
    await expect.poll(() => told.samples.length, { timeout: 20_000 }).toBe(90);
    expect(told.samples.map(({ time }) => time)).toEqual(frames.map((_, i) => wrapping(i)));
    expect(told.samples[30]!.key).toBe(true);
    expect(await readPictures(told.formats[0]!, told.samples)).toEqual(numbers(0, 90));
    expect(told.problems).toEqual([]);
    expect(input.counts.video).toMatchObject({ transcoderRestarts: 1, strangeTimes: 0 });
  });

  it('shows the largest of the spatial layers of each VP9 picture', async () => {
    const { told, video } = await open('vp9', { type: 'svc' });
    const layers = await Promise.all([4, 2, 1].map((n) => clip('vp9', 40, 1, { width: 640 / n, height: 384 / n })));
    const frames = layers[0]!.map((_, i) => ({ key: true, units: layers.map((layer) => layer[i]!.units[0]!) }));
    await play(video, frames, wrapping);
    await expect.poll(() => told.samples.length, { timeout: 20_000 }).toBe(40);
    expect(told.samples.map(({ time }) => time)).toEqual(numbers(0, 40).map(wrapping));
    expect(told.formats).toMatchObject([{ width: 640, height: 384 }]);
    expect(await readPictures(told.formats[0]!, told.samples)).toEqual(numbers(0, 40));
  });

  it('drops up to a key frame where FFmpeg does not keep up, counts it, and shows no picture at a wrong time', async () => {
    const { input, told, video } = await open('vp8');
    const frames = await clip('vp8', 300, 30);
    await play(video, frames.slice(0, 30), wrapping);
    await expect.poll(() => told.samples.length, { timeout: 20_000 }).toBe(30);
    const pid = ffmpegOf(input);
    process.kill(pid, 'SIGSTOP');
    try {
      await play(video, frames.slice(30, 250), (i) => wrapping(i + 30));
      await expect.poll(() => input.counts.video.transcoderDropped).toBeGreaterThan(0);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    const dropped = input.counts.video.transcoderDropped!;
    await expect.poll(() => told.samples.length, { timeout: 20_000 }).toBe(250 - dropped);
    await play(video, frames.slice(250), (i) => wrapping(i + 250));
    await expect.poll(() => told.samples.at(-1)!.time, { timeout: 20_000 }).toBe(wrapping(299));
    const shown = told.samples.map(({ time }) => frames.findIndex((_, i) => wrapping(i) === time));
    expect(shown[250 - dropped]! % 30).toBe(0);
    expect(await readPictures(told.formats[0]!, told.samples)).toEqual(shown);
    expect(told.discontinuities).toEqual([]);
    expect(video.plis).toBeGreaterThan(0);
  });

  it('gives up after five deaths in a row, with words', async () => {
    const { input, told, video } = await open('vp8');
    const frames = await clip('vp8', 90, 90);
    let sent = 0;
    for (let death = 0; death < 5; death++) {
      await expect
        .poll(async () => {
          if (sent < frames.length) await video.send(frames[sent]!, wrapping(sent++));
          return ffmpegPid(input);
        })
        .toBeTypeOf('number');
      const pid = ffmpegOf(input);
      process.kill(pid, 'SIGKILL');
      await expect.poll(() => ffmpegPid(input) !== pid || told.problems.length > 0).toBe(true);
    }
    await expect.poll(() => told.problems).toMatchObject([{ fatal: true }]);
    expect(told.problems[0]!.message).toMatch(/FFmpeg, which transcodes the video, ended/);
    expect(input.closed).toBe(true);
  });

  it('says which FFmpeg does not run', async () => {
    const { told, video } = await open('vp8', { ffmpegBin: '/nowhere/ffmpeg' });
    await play(video, await clip('vp8', 5, 5), wrapping);
    await expect.poll(() => told.problems).toMatchObject([{ fatal: true }]);
    expect(told.problems[0]!.message).toContain('/nowhere/ffmpeg');
  });
});

describe('H264', () => {
  it('is copied bit by bit, without an FFmpeg', async () => {
    const { told, video } = await open('h264');
    const frames = await clip('h264', 60, 30);
    await play(video, frames, wrapping);
    await expect.poll(() => told.samples.length).toBe(60);
    expect(runningFfmpegs()).toBe(0);
    expect(told.samples.map(({ time, key }) => [time, key])).toEqual(frames.map((_, i) => [wrapping(i), i % 30 === 0]));
    const slices = frames.map(({ units }) => units.filter((nal) => [1, 5].includes(nal[0]! & 0x1f)));
    const expected = slices.map((nals) => Buffer.concat(nals.flatMap((nal) => [lengthOf(nal), nal])));
    expect(told.samples.map(({ data }) => data.toString('hex'))).toEqual(expected.map((data) => data.toString('hex')));
    expect(told.formats).toMatchObject([size]);
    expect(told.formats[0]!.codec).toMatch(/^avc1\.42[0-9a-f]{4}$/);
    expect(told.told.map(({ what }) => what).slice(0, 3)).toEqual(['audioFormat', 'videoFormat', 'video']);
    expect(await readPictures(told.formats[0]!, told.samples)).toEqual(numbers(0, 60));
    expect(told.media).toEqual([{ video: { codec: 'H264', how: 'copied' }, audio: null }]);
  });

  it('tells another size before its key frame', async () => {
    const { told, video } = await open('h264');
    const frames = [...(await clip('h264', 10, 10)), ...(await clip('h264', 10, 10, { width: 320, height: 192 }))];
    await play(video, frames, wrapping);
    await expect.poll(() => told.samples.length).toBe(20);
    expect(told.formats).toMatchObject([size, { width: 320, height: 192 }]);
    expect(told.told[12]).toMatchObject({ what: 'videoFormat', format: { width: 320 } });
    expect(told.discontinuities).toEqual([]);
  });

  it('does not follow where the clock jumped, and begins again with a key frame', async () => {
    const { told, video } = await open('h264');
    const frames = await clip('h264', 40, 20);
    const back = 1_000_000;
    const jumping = (i: number): number => (i < 10 ? 5_000_000 + i * frameTicks : back + i * frameTicks);
    await play(video, frames, jumping, 25);
    await expect.poll(() => told.samples.length).toBe(30);
    expect(told.discontinuities).toHaveLength(1);
    const expected = [...numbers(0, 10).map(jumping), ...numbers(20, 40).map((i) => jumping(i) + 2 ** 32)];
    expect(told.samples.map(({ time }) => time)).toEqual(expected);
    expect(told.samples[10]!.key).toBe(true);
    expect(video.plis).toBeGreaterThan(1);
  });

  it('whose key frames come too late is transcoded from the picture after the last that was copied', async () => {
    const { input, told, video } = await open('h264');
    const frames = await clip('h264', 120, 120);
    await play(video, frames.slice(0, 60), wrapping);
    await expect.poll(() => told.samples.length).toBe(60);
    input.transcodeFromNow('its key frames come late');
    await play(video, frames.slice(60), (i) => wrapping(i + 60));
    await expect.poll(() => told.samples.length, { timeout: 20_000 }).toBe(120);
    expect(told.samples.map(({ time }) => time)).toEqual(frames.map((_, i) => wrapping(i)));
    expect(told.samples[60]!.key).toBe(true);
    expect(told.formats).toHaveLength(2);
    expect(await readPictures(told.formats[0]!, told.samples.slice(0, 60))).toEqual(numbers(0, 60));
    expect(await readPictures(told.formats[1]!, told.samples.slice(60))).toEqual(numbers(60, 120));
    expect(told.media.map(({ video: { how, why } }) => [how, why])).toEqual([
      ['copied', undefined],
      ['transcoded', 'its key frames come late'],
    ]);
  });

  it('with known late key frames is copied when one comes that is asked for, and transcoded from its first picture when not', async () => {
    const frames = await clip('h264', 60, 30);
    const answers = await open('h264', { keyFrameIntervalMs: 10_000 });
    // Of a second clip, so that a key frame follows the first one at once.
    await play(answers.video, frames, wrapping);
    await expect.poll(() => answers.told.samples.length).toBe(60);
    expect(answers.told.media.at(-1)!.video.how).toBe('copied');

    const ignores = await open('h264', { keyFrameIntervalMs: 10_000 });
    const late = await clip('h264', 120, 120);
    await play(ignores.video, late, wrapping, 12);
    await expect.poll(() => ignores.told.samples.length, { timeout: 20_000 }).toBe(120);
    expect(ignores.told.media.at(-1)!.video.how).toBe('transcoded');
    expect(ignores.told.media.at(-1)!.video.why).toMatch(/every 10 s/);
    expect(ignores.told.formats).toHaveLength(1);
    expect(await readPictures(ignores.told.formats[0]!, ignores.told.samples)).toEqual(numbers(0, 120));
  });

  it('with known late key frames is copied where the publisher makes them when asked, also just after the first', async () => {
    const { told, video } = await open('h264', { keyFrameIntervalMs: 60_000 });
    const frames = await clip('h264', 120, 120);
    // A browser: a key frame when it is asked for, and none otherwise. We join between two.
    let next = 5;
    video.onPli = () => (next = 0);
    for (let i = 0; i < 90; i++) {
      await video.send(frames[next++]!, wrapping(i));
      await pause(20);
    }
    expect(told.media.map(({ video: { how } }) => how)).toEqual(['copied']);
    expect(told.samples.length).toBeGreaterThan(60);
  });

  it('with B-frames is transcoded into order', async () => {
    const { told, video } = await open('h264');
    const frames = await encodeClip({ codec: 'h264', frames: 91, keyEvery: 300, bFrames: 2, ...size });
    // I P B B P B B…
    const shown = frames.map((_, i) => (i === 0 ? 0 : (i - 1) % 3 === 0 ? i + 2 : i - 1));
    await play(video, frames, (i) => wrapping(shown[i]!));
    // The second was copied before the third showed what it is: the two before it come too late.
    const left = [0, ...numbers(3, 91)];
    // FFmpeg holds back as many as it may have to put in order.
    await expect.poll(() => told.samples.length, { timeout: 20_000 }).toBeGreaterThan(left.length - 5);
    const out = left.slice(0, told.samples.length);
    expect(told.samples.map(({ time }) => time)).toEqual(out.map(wrapping));
    expect(await readPictures(told.formats[1]!, told.samples.slice(2))).toEqual(out.slice(2));
    expect(told.media.at(-1)!.video.why).toMatch(/B-frames/);
    expect(told.discontinuities).toEqual([]);
  });
});
