import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { encodeClip, type TestFrame } from '@framelock/server/protocol/tap/testing';
import { runningFfmpegs } from '../../source/FfmpegProcess.ts';
import { testFfmpegBin } from '../../testing/clips.ts';
import { audioSampleTicks } from '../media.ts';
import { MediaInput } from './MediaInput.ts';
import { Recorder } from './test/Recorder.ts';
import { beepTimes, beepingOpus } from './test/sound.ts';
import { TapSender } from './test/TapSender.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  await expect.poll(runningFfmpegs).toBe(0);
});

const fps = 15;
const videoBegin = 4_000_000_000;
const audioBegin = 77;
const ntpBegin = Date.now();
/** The picture and the sound of this moment, s. */
const videoTime = (s: number): number => videoBegin + Math.round(s * 90_000);
const audioTime = (s: number): number => audioBegin + Math.round(s * 48_000);

interface Show {
  seconds: number;
  beepsAt: number[];
  /** Sound comes so much after its picture. */
  audioLateS?: number;
  /** Sender reports of both at these moments. */
  reportsAt?: number[];
  /** Not sent: [from, to). */
  holes?: [number, number][];
  /** What happens meanwhile. */
  at?: { s: number; run: () => unknown }[];
}

let clip: Promise<TestFrame[]> | undefined;

async function open(): Promise<{ input: MediaInput; told: Recorder; video: TapSender; audio: TapSender }> {
  const told = new Recorder();
  const log = pino({ level: 'silent' });
  const input = await MediaInput.create({
    ...{ publicationId: 'pub', host: '127.0.0.1', ffmpegBin: testFfmpegBin, log },
    events: told,
  });
  const video = await TapSender.create('h264', input.local.video);
  const audio = await TapSender.create('opus', input.local.audio);
  closing.push(
    () => video.close(),
    () => audio.close(),
    () => input.close(),
  );
  await input.start({ video: video.tap, audio: audio.tap });
  return { input, told, video, audio };
}

/** As it is: sound and pictures at their times. */
async function play({ video, audio }: { video: TapSender; audio: TapSender }, show: Show): Promise<void> {
  const { seconds, beepsAt, audioLateS = 0, reportsAt = [], holes = [], at = [] } = show;
  clip ??= encodeClip({ codec: 'h264', frames: 75, keyEvery: 15, width: 128, height: 96 });
  const pictures = await clip;
  const packets = await beepingOpus(seconds, beepsAt);
  const events: { s: number; run: () => unknown }[] = [...at];
  for (let i = 0; i < seconds * fps; i++) {
    events.push({ s: i / fps, run: () => video.send(pictures[i % pictures.length]!, videoTime(i / fps)) });
  }
  packets.forEach((packet, i) => {
    const s = i / 50;
    if (s >= seconds || holes.some(([from, to]) => s >= from && s < to)) return;
    events.push({ s: s + audioLateS, run: () => audio.send({ key: true, units: [packet] }, audioTime(s)) });
  });
  for (const s of reportsAt) {
    events.push({ s, run: () => video.report(ntpBegin + s * 1000, videoTime(s)) });
    events.push({ s, run: () => audio.report(ntpBegin + s * 1000, audioTime(s)) });
  }
  events.sort((a, b) => a.s - b.s);
  const startedAtMs = performance.now();
  for (const { s, run } of events) {
    const waitMs = s * 1000 - (performance.now() - startedAtMs);
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    await run();
  }
}

function expectWithoutGaps(told: Recorder): void {
  const times = told.audio.map(({ time }) => time);
  expect(times).toEqual(times.map((_, i) => times[0]! + i * audioSampleTicks));
}

/** Off by less than 40 ms, each. */
async function expectBeeps(told: Recorder, seconds: number[]): Promise<void> {
  const beeps = await beepTimes(told.audio);
  const offMs = beeps.map((time, i) => (time - videoTime(seconds[i] ?? NaN)) / 90);
  expect(offMs, String(offMs)).toHaveLength(seconds.length);
  for (const ms of offMs) expect(Math.abs(ms), String(offMs)).toBeLessThan(40);
}

describe('sound', () => {
  it('is with its picture where nothing says so but arrival', async () => {
    const bench = await open();
    await play(bench, { seconds: 2, beepsAt: [0.5, 1.5] });
    await expect.poll(() => bench.told.audio.length).toBeGreaterThan(80);
    expectWithoutGaps(bench.told);
    await expectBeeps(bench.told, [0.5, 1.5]);
    const format = bench.told.told.find((one) => one.what === 'audioFormat')!.format;
    expect(format).toMatchObject({ codec: 'mp4a.40.2', sampleRate: 48_000, channels: 2 });
    // AudioSpecificConfig: AAC-LC, 48 kHz, two channels.
    expect((format as { config: Buffer }).config.subarray(0, 2).toString('hex')).toBe('1190');
    expect(bench.told.media.at(-1)!.audio).toMatchObject({ codec: 'opus', how: 'transcoded' });
  });

  it('is put right by sender reports where it comes late', async () => {
    const bench = await open();
    await play(bench, { seconds: 3, beepsAt: [1.5, 2.5], audioLateS: 0.15, reportsAt: [0.5, 1, 2] });
    await expect.poll(() => bench.told.audio.length).toBeGreaterThan(120);
    expectWithoutGaps(bench.told);
    await expectBeeps(bench.told, [1.5, 2.5]);
  });

  it('stays in its place over a hole, which is silent', async () => {
    const bench = await open();
    await play(bench, { seconds: 3, beepsAt: [0.5, 2.5], holes: [[0.8, 2.2]] });
    await expect.poll(() => bench.told.audio.length).toBeGreaterThan(120);
    expectWithoutGaps(bench.told);
    await expectBeeps(bench.told, [0.5, 2.5]);
    expect(bench.input.counts.audio.silentMs).toBeGreaterThan(1_300);
  });

  it('is silence as long as the pictures where none comes', async () => {
    const bench = await open();
    await play(bench, { seconds: 3, beepsAt: [1], holes: [[0, 9]] });
    // All but what the encoder holds.
    await expect.poll(() => (bench.told.audio.at(-1)?.time ?? 0) - videoTime(3)).toBeGreaterThan(-90_000 / 4);
    expectWithoutGaps(bench.told);
    await expectBeeps(bench.told, []);
  });

  it('goes on without a gap where its FFmpeg was killed', async () => {
    const bench = await open();
    const kill = (): void => {
      process.kill((bench.input.dump().audio as { ffmpeg: number }).ffmpeg, 'SIGKILL');
    };
    await play(bench, { seconds: 4, beepsAt: [0.5, 3], at: [{ s: 1.5, run: kill }] });
    await expect.poll(() => bench.told.audio.length).toBeGreaterThan(165);
    expectWithoutGaps(bench.told);
    await expectBeeps(bench.told, [0.5, 3]);
    expect(bench.input.counts.audio.restarts).toBe(1);
    expect(bench.told.discontinuities).toEqual([]);
  });

  it('is silence where the publisher has none any more, in the same track', async () => {
    const bench = await open();
    await play(bench, { seconds: 1, beepsAt: [0.5] });
    await expect.poll(() => bench.told.audio.length).toBeGreaterThan(20);
    await bench.input.setAudio(undefined);
    expect(bench.told.media.at(-1)!.audio).toBeNull();
    await bench.input.setAudio(bench.audio.tap);
    await play(bench, { seconds: 1, beepsAt: [0.5], at: [] });
    const formats = bench.told.told.filter((one) => one.what === 'audioFormat');
    expect(formats.map(({ format }) => format?.codec)).toEqual(['mp4a.40.2']);
    const times = bench.told.audio.map(({ time }) => time);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });
});
