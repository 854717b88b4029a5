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

async function open(codec: VideoCodec, keyFrameIntervalMs?: number): Promise<Bench> {
  const told = new Recorder();
  const options = { publicationId: 'pub', host: '127.0.0.1', ffmpegBin: testFfmpegBin, log: pino({ level: 'silent' }) };
  const input = await MediaInput.create({ ...options, events: told });
  const video = await TapSender.create(codec, input.local.video);
  closing.push(() => video.close());
  closing.push(() => input.close());
  await input.start({ video: video.tap, keyFrameIntervalMs });
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
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

const jitter = (i: number): number => ((i * 37) % 61) - 30;
/** Over the wrap, as a camera's clock ticks. */
const wrapping = (i: number): number => 2 ** 32 - 20 * frameTicks + i * frameTicks + jitter(i);

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
});
