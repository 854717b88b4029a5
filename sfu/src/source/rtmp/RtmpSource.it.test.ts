import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { FfmpegEncoder, type EncoderOptions } from '../../testing/FfmpegEncoder.ts';
import { freePort } from '../../testing/freePort.ts';
import { RtpPeer } from '../../testing/RtpPeer.ts';
import { startSfu, type TestSfu } from '../../testing/startSfu.ts';
import { until } from '../../testing/until.ts';
import { runningFfmpegs } from '../FfmpegProcess.ts';

let sfu: TestSfu;
let rtmpPort: number;
let attempts = 0;
const encoders: FfmpegEncoder[] = [];

beforeAll(async () => {
  rtmpPort = await freePort();
  const ffmpegBin = process.env.FFMPEG_BIN || 'ffmpeg';
  sfu = await startSfu({ sources: { ffmpegBin, sourceFilesDir: undefined, srtPort: 0, rtmpPort } });
});
afterAll(() => sfu?.close());
afterEach(async () => {
  await Promise.all(encoders.splice(0).map((encoder) => encoder.stop('SIGKILL')));
  for (const { publicationId } of sfu.client.told('sourceProgress'))
    await sfu.client.ask('closeSource', { publicationId });
  await until('nothing is left', () => sfu.node.sources.size === 0 && runningFfmpegs() === 0);
  await until('the Router', () => sfu.node.counts().routers === 0);
  expect(sfu.node.counts()).toMatchObject({ publications: 0, producers: 0, transports: 0, feeds: 0, taps: 0 });
});

async function open(streamId: string, streamKey: string): Promise<string> {
  const publicationId = `rtmp-attempt-${++attempts}`;
  const params = { streamId, publicationId, spec: { type: 'rtmp' as const }, streamKey, allowPrivateAddresses: false };
  const progress = await sfu.client.ask('openSource', params);
  expect(progress).toMatchObject({ state: 'waiting', listenUrl: `rtmp://127.0.0.1:${rtmpPort}/live` });
  return publicationId;
}

function encode(streamKey: string, options?: EncoderOptions): FfmpegEncoder {
  const encoder = new FfmpegEncoder(`rtmp://127.0.0.1:${rtmpPort}/live/${streamKey}`, options);
  encoders.push(encoder);
  return encoder;
}

const told = (publicationId: string) => ({
  started: sfu.client.told('sourceStarted').filter((one) => one.publicationId === publicationId),
  progress: sfu.client.told('sourceProgress').filter((one) => one.publicationId === publicationId),
  ended: sfu.client.told('sourceEnded').filter((one) => one.publicationId === publicationId),
});

async function untilRunning(publicationId: string) {
  const last = () => told(publicationId).progress.at(-1)?.progress;
  await until('running, or its end', () => last()?.state === 'running' || told(publicationId).ended.length > 0, 30_000);
  expect(told(publicationId).ended).toEqual([]);
  return { producers: told(publicationId).started[0]!.producers, ...last()! };
}

async function tapTimestamps(publicationId: string, count: number): Promise<number[]> {
  const peer = await RtpPeer.create();
  try {
    await sfu.client.ask('openTap', { publicationId, remote: peer.address });
    await sfu.client.ask('resumeTap', { publicationId });
    const timestamps = (): number[] => [...new Set(peer.packets.map(({ timestamp }) => timestamp))];
    await until(`${count} frames`, () => timestamps().length >= count, 30_000);
    return timestamps();
  } finally {
    peer.close();
  }
}

describe('an RTMP Source', () => {
  it('copies H264 without B-frames, each frame with its time, and ends with the encoder', async () => {
    const publicationId = await open('s1', 'key-of-the-first');
    const encoder = encode('key-of-the-first');
    const { producers, video, audio } = await untilRunning(publicationId);
    expect(producers.map(({ mimeType }) => mimeType).sort()).toEqual(['audio/opus', 'video/H264']);
    expect(video).toEqual({ codec: 'h264', how: 'copied' });
    expect(audio).toMatchObject({ codec: 'aac', how: 'transcoded' });
    const timestamps = await tapTimestamps(publicationId, 40);
    // 15 pictures a second; FLV counts whole milliseconds.
    for (const [index, one] of timestamps.slice(1).entries()) {
      expect(Math.abs(((one - timestamps[index]!) >>> 0) - 6000)).toBeLessThanOrEqual(90);
    }
    await encoder.stop();
    await until('its end', () => told(publicationId).ended.length > 0);
    expect(told(publicationId).ended).toMatchObject([{ reason: 'finished', message: 'the encoder stopped' }]);
  });

  it('transcodes B-frames and says so', async () => {
    const publicationId = await open('s1', 'key-of-the-first');
    encode('key-of-the-first', { bFrames: 2, sound: false });
    const { producers, video } = await untilRunning(publicationId);
    expect(video).toMatchObject({ how: 'transcoded', why: expect.stringMatching(/B-frames/) as string });
    expect(producers.map(({ kind }) => kind)).toEqual(['video']);
    expect((await tapTimestamps(publicationId, 15)).length).toBeGreaterThanOrEqual(15);
  });

  it('of two Streams: each has its own encoder; a killed one ends its own only, and its next attempt takes it back', async () => {
    const [one, two] = [await open('s1', 'key-of-the-first'), await open('s2', 'key-of-the-second')];
    const killed = encode('key-of-the-first', { sound: false });
    encode('key-of-the-second', { sound: false });
    await Promise.all([untilRunning(one), untilRunning(two)]);
    await killed.stop('SIGKILL');
    encode('key-of-the-first', { sound: false });
    await until('its end', () => told(one).ended.length > 0);
    expect(told(one).ended).toMatchObject([
      { reason: 'failed', message: expect.stringMatching(/went away/) as string },
    ]);
    const again = await open('s1', 'key-of-the-first');
    await untilRunning(again);
    expect((await tapTimestamps(two, 10)).length).toBeGreaterThanOrEqual(10);
    expect(told(two).ended).toEqual([]);
  });

  it('ends its encoder when it is stopped, also before anything flows', async () => {
    const publicationId = await open('s1', 'key-of-the-first');
    const encoder = encode('key-of-the-first');
    await until('an encoder', () =>
      told(publicationId).progress.some(({ progress }) => progress.state === 'connecting'),
    );
    await sfu.client.ask('closeSource', { publicationId });
    expect((await encoder.exited).stderr).toMatch(/the Source was stopped/);
    await until('its end', () => told(publicationId).ended.length > 0);
    expect(told(publicationId).ended).toMatchObject([{ reason: 'requested' }]);
  });
});
