import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FfmpegEncoder, type EncoderOptions } from '../../testing/FfmpegEncoder.ts';
import { freePort } from '../../testing/freePort.ts';
import { until } from '../../testing/until.ts';
import { RtmpFront } from './RtmpFront.ts';
import { RtmpInput } from './RtmpInput.ts';

const encoders: FfmpegEncoder[] = [];
const inputs: RtmpInput[] = [];
const refused: string[] = [];
let front: RtmpFront;
let port: number;
let dropped = 0;

beforeEach(async () => {
  port = await freePort();
  refused.length = 0;
  dropped = 0;
  const log = pino({ level: 'silent' });
  front = new RtmpFront({ host: '127.0.0.1', port, log, onRefused: (reason) => refused.push(reason) });
});

afterEach(async () => {
  await Promise.all(encoders.splice(0).map((encoder) => encoder.stop('SIGKILL')));
  for (const input of inputs.splice(0)) input.close('requested');
  await front.close();
  expect(await isListening()).toBe(false);
});

async function open(streamKey: string): Promise<RtmpInput> {
  const onDropped = (tags: number): void => void (dropped += tags);
  const input = await RtmpInput.create({ front, open: { streamKey }, host: '127.0.0.1', onDropped });
  inputs.push(input);
  return input;
}

function encode(name: string, options?: EncoderOptions, application = 'live'): FfmpegEncoder {
  const encoder = new FfmpegEncoder(`rtmp://127.0.0.1:${port}/${application}/${name}`, options);
  encoders.push(encoder);
  return encoder;
}

async function isListening(): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const answered = await Promise.race([
    once(socket, 'connect').then(() => true),
    once(socket, 'close').then(() => false),
  ]).catch(() => false);
  socket.destroy();
  return answered;
}

interface Packet {
  stream: number;
  dtsMs: number;
  isKey: boolean;
}

/** What FFmpeg finds in the bytes, until they end or `packets` were read. */
async function demux(input: RtmpInput, packets?: number): Promise<Packet[]> {
  const probe = ['-v', 'error', '-f', 'flv', '-i', 'pipe:0', '-show_entries', 'packet=stream_index,dts_time,flags'];
  const bin = (process.env.FFMPEG_BIN ?? 'ffmpeg').replace(/ffmpeg$/, 'ffprobe');
  if (packets !== undefined) probe.push('-read_intervals', `%+#${packets}`);
  const child = spawn(bin, [...probe, '-of', 'csv=p=0'], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.on('error', () => {});
  input.openBytes().pipe(child.stdin);
  const found: Packet[] = [];
  let text = '';
  for await (const chunk of child.stdout) {
    const lines = (text + String(chunk)).split('\n');
    text = lines.pop()!;
    for (const line of lines) {
      const [stream, dts, flags] = line.split(',');
      found.push({ stream: Number(stream), dtsMs: Math.round(Number(dts) * 1000), isKey: flags!.startsWith('K') });
    }
  }
  return found;
}

describe('RTMP front and FFmpeg as encoder', () => {
  it('takes the right key, gives FFmpeg what it can read twice, and ends with the encoder', async () => {
    const input = await open('right-key');
    expect(input.listenUrl).toBe(`rtmp://127.0.0.1:${port}/live`);
    const encoder = encode('right-key', { seconds: 6 });
    await input.ready;
    const look = await demux(input, 10);
    expect(look[0]!.dtsMs).toBe(0);
    const packets = await demux(input);
    expect(await input.ended).toEqual({ reason: 'finished', message: 'the encoder stopped' });
    expect((await encoder.exited).code).toBe(0);
    const video = packets.filter(({ stream }) => stream === 0);
    const sound = packets.filter(({ stream }) => stream === 1);
    expect(video[0]).toMatchObject({ dtsMs: 0, isKey: true });
    expect(video.length).toBeGreaterThan(30);
    // 15 pictures a second, each one there.
    for (const [index, { dtsMs }] of video.entries()) expect(Math.abs(dtsMs - (index * 1000) / 15)).toBeLessThan(3);
    expect(sound.length).toBeGreaterThan(80);
    expect(dropped).toBe(0);
    expect(input.media).toMatchObject({ hasVideo: true, hasAudio: true, hasBFrames: false, keyFrameIntervalMs: 1000 });
    input.close('requested');
    await until('the port is free', async () => !(await isListening()));
  });

  it('knows of B-frames and of sound that is not there', async () => {
    const input = await open('b-frames');
    encode('b-frames', { bFrames: 2, sound: false });
    await input.ready;
    await until('B-frames are seen', () => input.media.hasBFrames);
    expect(input.media.hasAudio).toBe(false);
    expect(input.media.profile).toBeGreaterThan(66); // Main or High: Baseline has none
  });

  it('refuses a wrong key and a wrong address in words, and another publisher beside the first', async () => {
    const input = await open('right-key');
    const wrong = await encode('wrong-key', { seconds: 5 }).exited;
    expect(wrong.code).not.toBe(0);
    expect(wrong.stderr).toMatch(/stream key is wrong, or its Stream has no RTMP source/);
    expect((await encode('right-key', { seconds: 5 }, 'studio').exited).stderr).toMatch(
      /server address ends with \/live/,
    );
    encode('right-key');
    await input.ready;
    expect((await encode('right-key', { seconds: 5 }).exited).stderr).toMatch(/another encoder is publishing/);
    expect(refused).toEqual(['publish', 'application', 'publish']);
    expect(front.dump()).toMatchObject({ armed: 1, publishers: 1 });
  });

  it('sees an encoder that was killed, and lets it back in with the next attempt', async () => {
    const first = await open('right-key');
    const killed = encode('right-key');
    await first.ready;
    await killed.stop('SIGKILL');
    expect(await first.ended).toMatchObject({
      reason: 'failed',
      message: expect.stringMatching(/went away/) as string,
    });
    // At once, before the Source's next attempt is there.
    encode('right-key');
    await sleep(400);
    first.close('failed');
    const second = await open('right-key');
    await second.ready;
    expect((await demux(second, 20)).length).toBeGreaterThanOrEqual(20);
    expect(refused).toEqual([]);
  });

  it('keeps the port for a moment after a lost encoder only', async () => {
    const input = await open('right-key');
    const encoder = encode('right-key');
    await input.ready;
    await encoder.stop('SIGKILL');
    await input.ended;
    expect(await isListening()).toBe(true);
    input.close('requested');
    await until('the port is free', async () => !(await isListening()), 3_000);
  });

  it('feeds two Streams from one port, and ends an encoder whose Source is stopped', async () => {
    const [one, two] = await Promise.all([open('key-one'), open('key-two')]);
    const first = encode('key-one');
    encode('key-two', { sound: false });
    await Promise.all([one.ready, two.ready]);
    const packets = await Promise.all([demux(one, 30), demux(two, 30)]);
    expect(packets.map((some) => new Set(some.map(({ stream }) => stream)).size)).toEqual([2, 1]);
    one.close('requested');
    await first.exited;
    expect(front.dump()).toMatchObject({ armed: 1, publishers: 1, port });
    two.close('requested');
    await until('the port is free', async () => !(await isListening()));
    expect(front.dump()).toEqual({ port: null, armed: 0, publishers: 0, connections: 0 });
  });

  it('drops to the next key frame when FFmpeg does not read, and goes on when it does', async () => {
    const queueLimits = { bytes: 20_000, waitMs: 60_000 };
    const onDropped = (tags: number): void => void (dropped += tags);
    const options = { front, open: { streamKey: 'right-key' }, host: '127.0.0.1', onDropped, queueLimits };
    const input = await RtmpInput.create(options);
    inputs.push(input);
    encode('right-key', { sound: false });
    await input.ready;
    const bytes = input.openBytes();
    await until('something is dropped', () => dropped > 10, 30_000);
    expect(bytes.queuedBytes).toBeLessThan(queueLimits.bytes + 100_000);
    let length = 0;
    bytes.on('data', (chunk: Buffer) => (length += chunk.length));
    const before = length;
    await until('it goes on', () => length > before + 50_000, 30_000);
  });

  it('says which program has the port', async () => {
    const other = new RtmpFront({ host: '127.0.0.1', port, log: pino({ level: 'silent' }), onRefused: () => {} });
    await open('right-key');
    await expect(
      other.arm('another', { onPublisher: () => ({ onMessage: () => {}, onEnd: () => {} }) }),
    ).rejects.toThrow(/in use: set RTMP_PORT/);
    await other.close();
  });
});
