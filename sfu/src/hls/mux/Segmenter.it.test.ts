import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { hlsNames } from '@framelock/server/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { encodeAudio, encodeVideo, type EncodedClip } from '../testing/encodeClip.ts';
import { PackagerRun } from '../testing/PackagerRun.ts';

const run = promisify(execFile);
const ffmpeg = process.env.FFMPEG_BIN ?? 'ffmpeg';
const ffprobe = join(dirname(ffmpeg), 'ffprobe');
/** The RTP timestamp wraps in the clip. */
const base = 2 ** 32 - 100_000;

interface Packet {
  codec_type: string;
  pts: number;
  dts: number;
  duration: number;
  size: string;
  flags: string;
}

let folder: string;
let clip: EncodedClip;
let audio: Awaited<ReturnType<typeof encodeAudio>>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'framelock-mux-'));
  clip = await encodeVideo(ffmpeg, { size: [320, 240], frames: 150, gop: 60 });
  audio = await encodeAudio(ffmpeg, 5);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Pictures and audio as they would come, from `start` on. Jitter of a camera in times that add up. */
function feed(
  packager: PackagerRun,
  pictures: EncodedClip['pictures'],
  start: number,
  frames: Buffer[] = [],
): number[] {
  const jitter = [0, 40, -30, 10];
  const times = pictures.map((_, i) => start + i * 3_000 + jitter[i % 4]!);
  let next = 0;
  pictures.forEach(({ key, data }, i) => {
    packager.segmenter.video({ time: times[i]!, key, data, receivedAtMs: i * 33 });
    for (; next < frames.length && next * 1_920 < (i + 1) * 3_000; next++) {
      packager.segmenter.audio({ time: start + next * 1_920, data: frames[next]! });
    }
  });
  return times;
}

/** Decodes everything; FFmpeg's words about it. */
async function decode(path: string): Promise<string> {
  const args = ['-hide_banner', '-v', 'warning', '-nostdin', '-xerror', '-i', path, '-f', 'null', '-'];
  return (await run(ffmpeg, args)).stderr;
}

async function packets(path: string): Promise<Packet[]> {
  const { stdout } = await run(ffprobe, ['-v', 'error', '-show_packets', '-of', 'json', path], {
    maxBuffer: 64_000_000,
  });
  return (JSON.parse(stdout) as { packets: Packet[] }).packets;
}

test('FFmpeg reads exactly the times, durations, sizes and flags that went in, and decodes without a word', async () => {
  const packager = new PackagerRun();
  packager.segmenter.videoFormat(clip.format);
  packager.segmenter.audioFormat(audio.format);
  const times = feed(packager, clip.pictures, base, audio.frames);
  packager.segmenter.addDetection(base, Buffer.from('boxes'));
  expect(packager.end()).toEqual([]);
  const path = join(folder, 'whole.mp4');
  await writeFile(path, Buffer.concat([packager.inits[0]!.data, ...packager.parts.map((part) => part.data)]));

  const read = await packets(path);
  const video = read.filter((packet) => packet.codec_type === 'video');
  expect(video.map(({ pts }) => pts)).toEqual(times);
  expect(video.map(({ dts }) => dts)).toEqual(times);
  // Inside a Part FFmpeg has its times from the durations alone; what it calls a packet's duration is the SPS' guess.
  expect(video.map(({ size }) => Number(size))).toEqual(clip.pictures.map(({ data }) => data.length));
  expect(video.map(({ flags }) => flags.startsWith('K'))).toEqual(clip.pictures.map(({ key }) => key));

  const heard = read.filter((packet) => packet.codec_type === 'audio');
  const inTime = Math.ceil((times.at(-1)! + 3_000 - base) / 1_920);
  expect(heard.map(({ pts }) => pts)).toEqual(Array.from({ length: heard.length }, (_, i) => base + i * 1_920));
  expect(Math.abs(heard.length - Math.min(inTime, audio.frames.length))).toBeLessThanOrEqual(1);
  expect(new Set(heard.map(({ duration }) => duration))).toEqual(new Set([1_920]));
  expect(heard.map(({ size }) => Number(size))).toEqual(
    audio.frames.slice(0, heard.length).map(({ length }) => length),
  );

  expect(await decode(path)).toBe('');
});

test('each independent Part decodes alone', async () => {
  const packager = new PackagerRun();
  packager.segmenter.videoFormat(clip.format);
  feed(packager, clip.pictures, base);
  packager.end();
  const alone = packager.parts.filter((part) => part.independent);
  expect(alone.length).toBeGreaterThanOrEqual(2);
  for (const part of alone) {
    const path = join(folder, hlsNames.part(part.msn, part.index));
    await writeFile(path, Buffer.concat([packager.inits[0]!.data, part.data]));
    expect(await decode(path)).toBe('');
    expect(await packets(path)).toHaveLength(part.frames.length);
  }
});

test('another size: the playlist plays through, and each side with its own InitSection', async () => {
  const small = await encodeVideo(ffmpeg, { size: [160, 120], frames: 90, gop: 60 });
  const packager = new PackagerRun();
  packager.segmenter.videoFormat(clip.format);
  packager.segmenter.audioFormat(audio.format);
  feed(packager, clip.pictures, base, audio.frames);
  packager.segmenter.videoFormat(small.format);
  const times = feed(packager, small.pictures, base + clip.pictures.length * 3_000);
  expect(packager.end()).toEqual([]);
  expect(packager.inits.map(({ width }) => width)).toEqual([320, 160]);

  const own = join(folder, 'sizes');
  await mkdir(own, { recursive: true });
  for (const init of packager.inits) await writeFile(join(own, hlsNames.init(init.index)), init.data);
  for (const { msn, parts } of packager.segments) {
    await writeFile(join(own, hlsNames.segment(msn)), Buffer.concat(parts.map((part) => part.data)));
  }
  const list = join(own, hlsNames.plain);
  await writeFile(list, packager.playlist.plain());
  const read = (await packets(list)).filter((packet) => packet.codec_type === 'video');
  expect(read).toHaveLength(clip.pictures.length + small.pictures.length);
  expect(read.slice(clip.pictures.length).map(({ pts }) => pts)).toEqual(times);
  // Each InitSection with its own Segments is what a player appends; FFmpeg's HLS reader itself takes only one moov.
  for (const init of packager.inits) {
    const path = join(own, `${init.width}.mp4`);
    const segments = packager.segments.filter((segment) => segment.initIndex === init.index);
    await writeFile(
      path,
      Buffer.concat([init.data, ...segments.flatMap(({ parts }) => parts.map(({ data }) => data))]),
    );
    expect(await decode(path)).toBe('');
  }
  // That it says; SPS and PPS of the new size it finds in the pictures.
  const words = (await decode(list)).split('\n').filter((line) => !line.includes('Found duplicated MOOV Atom'));
  expect(words.join('\n')).toBe('');
});
