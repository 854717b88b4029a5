import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { appendFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { pino } from 'pino';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { StoredRecording } from '@framelock/server/protocol';
import { runningFfmpegs } from '../../source/FfmpegProcess.ts';
import { until } from '../../testing/until.ts';
import type { InitSection } from '../media.ts';
import { Segmenter } from '../mux/Segmenter.ts';
import { SegmentStore } from '../store/SegmentStore.ts';
import { putSegment, testInit } from '../store/testing/testMedia.ts';
import { Thumbnailer } from '../store/Thumbnailer.ts';
import { encodeAudio, encodeVideo, type EncodedClip } from '../testing/encodeClip.ts';
import { RecordingLibrary, type RecordingLibraryOptions } from './RecordingLibrary.ts';

const run = promisify(execFile);
const ffmpegBin = process.env.FFMPEG_BIN ?? 'ffmpeg';
const ffprobe = join(dirname(ffmpegBin), 'ffprobe');
let dir: string;
let clip: EncodedClip;
let small: EncodedClip;
let audio: Awaited<ReturnType<typeof encodeAudio>>;
const told: StoredRecording[] = [];
const stores: SegmentStore[] = [];
const libraries: RecordingLibrary[] = [];

async function openStore(publicationId = 'pub', recording = true): Promise<SegmentStore> {
  const onProblem = (problem: Error): never => {
    throw problem;
  };
  const store = await SegmentStore.create({ dir, streamId: 'stream', publicationId, recording, onProblem });
  stores.push(store);
  return store;
}

async function openLibrary(options: Partial<RecordingLibraryOptions> = {}): Promise<RecordingLibrary> {
  const library = await RecordingLibrary.create({
    dir,
    ffmpegBin,
    log: pino({ level: 'silent' }),
    onRecording: (recording) => void told.push(recording),
    ...options,
  });
  libraries.push(library);
  return library;
}

/** A Recording of synthetic bytes: whatever plays nothing needs no more. */
async function storeSegments(store: SegmentStore, count: number): Promise<void> {
  store.putInit(testInit());
  for (let msn = 0; msn < count; msn++) putSegment(store, msn);
  await store.written();
}

interface Take {
  clip: EncodedClip;
  start: number;
  withAudio?: boolean;
}

/** Real media, take after take with a discontinuity between them. */
async function record(
  store: SegmentStore,
  takes: readonly Take[],
  onInit?: (init: InitSection) => void,
): Promise<void> {
  const segmenter = new Segmenter({
    onInit: (init) => {
      onInit?.(init);
      store.putInit(init);
    },
    onPart: (part, segment) => store.putPart(part, segment),
    onSegment: (segment) => store.endSegment(segment),
    onWantKeyFrame: () => undefined,
    onLateKeyFrame: () => undefined,
  });
  for (const { clip: taken, start, withAudio = true } of takes) {
    segmenter.discontinuity();
    segmenter.videoFormat(taken.format);
    if (withAudio) segmenter.audioFormat(audio.format);
    let next = 0;
    taken.pictures.forEach(({ key, data }, i) => {
      segmenter.video({ time: start + i * 3_000, key, data, receivedAtMs: i * 33 });
      for (; withAudio && next < audio.frames.length && next * 1_920 < (i + 1) * 3_000; next++) {
        segmenter.audio({ time: start + next * 1_920, data: audio.frames[next]! });
      }
    });
  }
  segmenter.end();
  await store.written();
}

interface Probed {
  codec_type: string;
  pts_time: string;
  duration_time: string;
}

async function probe(mp4: Buffer): Promise<{ packets: Probed[]; decoded: string }> {
  const path = join(dir, 'download.mp4');
  await writeFile(path, mp4);
  const { stdout } = await run(ffprobe, ['-v', 'error', '-show_packets', '-of', 'json', path], {
    maxBuffer: 64_000_000,
  });
  const decoded = await run(ffmpegBin, ['-v', 'error', '-nostdin', '-i', path, '-f', 'null', '-']);
  return { packets: (JSON.parse(stdout) as { packets: Probed[] }).packets, decoded: decoded.stderr };
}

const timesOf = (packets: readonly Probed[], type: string): number[] =>
  packets.flatMap((packet) => (packet.codec_type === type ? [Number(packet.pts_time)] : []));

beforeAll(async () => {
  clip = await encodeVideo(ffmpegBin, { size: [320, 240], frames: 150, gop: 60 });
  small = await encodeVideo(ffmpegBin, { size: [160, 120], frames: 90, gop: 30 });
  audio = await encodeAudio(ffmpegBin, 5);
});
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'framelock-library-'));
});
afterEach(async () => {
  for (const library of libraries.splice(0)) library.close('test');
  await Promise.all(stores.splice(0).map((store) => store.close({ keep: true })));
  await until('no FFmpeg is left', () => runningFfmpegs() === 0);
  told.length = 0;
  await rm(dir, { recursive: true, force: true });
});

describe('RecordingLibrary', () => {
  it('tells that a Recording began, grew and ended, and plays it by the URLs it had', async () => {
    const library = await openLibrary();
    const store = await openStore();
    library.follow(store);
    await storeSegments(store, 3);
    library.follow(store);
    expect(told.map(({ state, segments }) => [state, segments])).toEqual([['recording', 0]]);
    store.complete();
    library.follow(store);
    expect(told.at(-1)).toMatchObject({
      state: 'complete',
      segments: 3,
      durationS: 6,
      width: 1280,
      publicationId: 'pub',
    });
    await store.close({ keep: true });
    expect(await library.list()).toEqual([told.at(-1)]);
    const found = (await library.find('stream', 'pub'))!;
    expect(library.find('stream', 'pub')).toBe(found);
    expect(library.find('other', 'pub')).toBeUndefined();
    expect(found.multivariant('pub/', 'plain.m3u8')).toContain('RESOLUTION=1280x720');
    for (const text of [found.plain(), found.lowLatency({ msn: 2, part: 9, skip: true })]) {
      expect(text).toContain('seg-2.m4s');
      expect(text).toContain('#EXT-X-ENDLIST');
    }
    expect(existsSync(found.files.path('seg-2.m4s'))).toBe(true);
    expect(existsSync(found.files.path('part-2-0.m4s'))).toBe(false);
  });

  it('finds after a start what is complete, and recovers what a crash ended', async () => {
    const whole = await openStore('whole');
    await storeSegments(whole, 2);
    whole.complete();
    await whole.close({ keep: true });
    const torn = await openStore('torn');
    await storeSegments(torn, 2);
    await appendFile(torn.path('segments.jsonl'), '{"k":"segm');
    const live = await openStore('live', false);
    await storeSegments(live, 2);
    await mkdir(join(dir, 'stream', 'no.id'), { recursive: true });
    const library = await openLibrary({ orphansAfterMs: 20 });
    const states = (await library.list()).map(({ publicationId, state, segments }) => [publicationId, state, segments]);
    expect(states.sort()).toEqual([
      ['torn', 'recovered', 2],
      ['whole', 'complete', 2],
    ]);
    await until("what is nobody's is removed", () => !existsSync(live.folder));
    expect(existsSync(whole.folder)).toBe(true);
    // Another start reads the same without repairing anything.
    expect((await (await openLibrary()).list()).length).toBe(2);
  });

  it('lets a Publication that goes on after a crash continue its folder', async () => {
    const before = await openStore('pub', false);
    await storeSegments(before, 2);
    const library = await openLibrary({ orphansAfterMs: 50 });
    const after = await openStore('pub', false);
    expect(after.nextMsn).toBe(2);
    const recorded = await openStore('rec');
    await storeSegments(recorded, 1);
    library.follow(recorded);
    expect(told.at(-1)).toMatchObject({ publicationId: 'rec', state: 'recording' });
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(existsSync(after.folder)).toBe(true);
    // A store that a fault ended: what it has is all for now.
    await recorded.close({ keep: true });
    expect((await library.list()).map(({ state }) => state)).toEqual(['recovered']);
    const again = await openStore('rec');
    library.follow(again);
    expect((await library.list()).map(({ state }) => state)).toEqual(['recording']);
  });

  it('deletes, but not what grows, and does not mind what is gone', async () => {
    const deleted: string[] = [];
    const library = await openLibrary({ onDeleted: (_stream, _pub, names) => void deleted.push(...names) });
    const store = await openStore();
    await storeSegments(store, 2);
    library.follow(store);
    await expect(library.delete('stream', 'pub')).rejects.toMatchObject({ code: 'conflict' });
    store.complete();
    await store.close({ keep: true });
    await library.find('stream', 'pub');
    await library.delete('other', 'pub');
    await library.delete('stream', 'pub');
    await library.delete('stream', 'pub');
    expect(deleted).toContain('seg-1.m4s');
    expect(existsSync(join(dir, 'stream'))).toBe(false);
    expect(await library.list()).toEqual([]);
    expect(library.find('stream', 'pub')).toBeUndefined();
    await expect(library.download('stream', 'pub')).rejects.toMatchObject({ code: 'notFound' });
  });

  it('forgets a Recording that is none any more', async () => {
    const library = await openLibrary();
    const store = await openStore();
    await storeSegments(store, 1);
    library.follow(store);
    store.setRecording(false);
    library.follow(store);
    expect(await library.list()).toEqual([]);
  });
});

describe('download', () => {
  it('is one MP4 of all, from 0 on, with what discontinuities tore apart joined', async () => {
    const store = await openStore();
    const library = await openLibrary();
    // The clock jumps back by more than an hour between the takes; the RTP timestamp wraps in the first.
    const takes = [
      { clip, start: 2 ** 32 - 100_000 },
      { clip, start: 500_000 },
    ];
    await record(store, takes);
    library.follow(store);
    store.complete();
    await store.close({ keep: true });
    const { stream, fileName } = await library.download('stream', 'pub');
    expect(fileName).toMatch(/^stream-[\d-]+\.mp4$/);
    const { packets, decoded } = await probe(await buffer(stream));
    expect(decoded).toBe('');
    const video = timesOf(packets, 'video');
    expect(video.length).toBe(300);
    video.forEach((time, i) => expect(Math.abs(time - i / 30)).toBeLessThan(0.002));
    const sound = timesOf(packets, 'audio');
    expect(sound.length).toBeGreaterThan(460);
    sound.slice(1).forEach((time, i) => {
      expect(time - sound[i]!).toBeGreaterThan(0);
      expect(time - sound[i]!).toBeLessThan(0.06);
    });
    // Sound of the second take lies beside its pictures.
    expect(sound.some((time) => Math.abs(time - 5) < 0.03)).toBe(true);
  });

  it('goes on where the picture size changes', async () => {
    const store = await openStore();
    const library = await openLibrary();
    await record(store, [
      { clip, start: 90_000 },
      { clip: small, start: 9_000_000 },
      { clip, start: 90_000_000 },
    ]);
    library.follow(store);
    expect(store.inits.length).toBe(3);
    const { packets, decoded } = await probe(await buffer((await library.download('stream', 'pub')).stream));
    expect(decoded).toBe('');
    const video = timesOf(packets, 'video');
    expect(video.length).toBe(390);
    video.forEach((time, i) => expect(Math.abs(time - i / 30)).toBeLessThan(0.002));
  });

  it('allows four at a time, and kills what nobody takes', async () => {
    const store = await openStore();
    const library = await openLibrary();
    await record(store, [{ clip, start: 0, withAudio: false }]);
    library.follow(store);
    const downloads = await Promise.all([1, 2, 3, 4].map(() => library.download('stream', 'pub')));
    await expect(library.download('stream', 'pub')).rejects.toMatchObject({
      code: 'unavailable',
      details: { retryAfterS: 10 },
    });
    downloads[0]!.stream.read();
    await until('its FFmpeg runs', () => runningFfmpegs() > 0);
    for (const { stop } of downloads) stop();
    await until('all are gone', () => library.downloads === 0 && runningFfmpegs() === 0);
    const { packets } = await probe(await buffer((await library.download('stream', 'pub')).stream));
    expect(timesOf(packets, 'video').length).toBe(150);
  });

  it('fails, and does not end, where a Segment is gone', async () => {
    const store = await openStore();
    const library = await openLibrary();
    await record(store, [{ clip, start: 0 }]);
    library.follow(store);
    await rm(store.path('seg-1.m4s'));
    await expect(buffer((await library.download('stream', 'pub')).stream)).rejects.toThrow('ENOENT');
  });
});

describe('Thumbnailer', () => {
  it('makes a small JPEG of every fifth Segment, one at a time', async () => {
    const store = await openStore();
    let init: Buffer | undefined;
    await record(store, [{ clip, start: 0 }], ({ data }) => (init = data));
    const thumbnailer = new Thumbnailer({ ffmpegBin });
    const made: Buffer[] = [];
    const data = store.held('part-0-0.m4s')!;
    const part = { msn: 0, index: 0, start: 0, duration: 30_000, independent: true, data, frames: [] };
    const segment = { ...store.segments[0]!, unixMs: undefined, parts: [part] };
    for (const msn of [0, 0, 1]) thumbnailer.offer({ ...segment, msn }, init!, (jpeg) => void made.push(jpeg));
    expect(thumbnailer.counts.skipped).toBe(1);
    await until('one is made', () => made.length === 1);
    const path = join(dir, 'thumbnail.jpg');
    await writeFile(path, made[0]!);
    const entries = ['-show_entries', 'stream=codec_name,width,height', '-of', 'csv=p=0'];
    expect((await run(ffprobe, ['-v', 'error', ...entries, path])).stdout.trim()).toBe('mjpeg,160,120');
    const broken = { ...segment, parts: [{ ...part, data: Buffer.alloc(500) }] };
    thumbnailer.offer(broken, init!, () => void made.push(Buffer.alloc(0)));
    await until('it has failed', () => thumbnailer.counts.failed === 1);
    expect(thumbnailer.counts).toEqual({ made: 1, skipped: 1, failed: 1 });
  });
});
