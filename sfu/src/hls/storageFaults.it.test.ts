import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeAll, expect, test } from 'vitest';
import type { StoredRecording } from '@framelock/server/protocol';
import { encodeClip } from '@framelock/server/protocol/tap/testing';
import { clipCodecs, makeClip, testFfmpegBin } from '../testing/clips.ts';
import { ControlClient } from '../testing/ControlClient.ts';
import { testSecret } from '../testing/startSfu.ts';
import { until } from '../testing/until.ts';
import { testWorkerBin } from '../testing/workerBin.ts';
import { beepingOpus } from './input/test/sound.ts';
import { decodedSizes } from './testing/decodedSizes.ts';
import { bearer, HlsBench, nextIds } from './testing/HlsBench.ts';
import { readFragments } from './testing/readMp4.ts';
import { readPlaylist, type ReadPlaylist } from './testing/readPlaylist.ts';
import type { RtpClip } from './testing/RtpPublisher.ts';

/** What becomes of HLS and Recordings where the disk takes no more, or whoever writes them is killed. */
const run = promisify(execFile);
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const closing: (() => unknown)[] = [];
let h264: RtpClip;
let sound: RtpClip;

beforeAll(async () => {
  const clip = { codec: 'h264', frames: 60, keyEvery: 30, width: 448, height: 256, bitrateBps: 500_000 } as const;
  const [frames, packets] = await Promise.all([encodeClip(clip), beepingOpus(2, [0.5])]);
  h264 = { codec: 'h264', frames };
  sound = { codec: 'opus', frames: packets.map((packet) => ({ key: true, units: [packet] })) };
});

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'framelock-hls-faults-'));
  closing.push(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** All of Segments and Parts that a playlist lists, s. */
const listedS = ({ segments, open }: ReadPlaylist): number =>
  [...segments, ...open.parts].reduce((sum, { durationS }) => sum + durationS, 0);

/** Numbers that follow each other, as an error message. */
function expectNoHole({ segments, mediaSequence }: ReadPlaylist): void {
  expect(segments.map(({ uri }) => uri)).toEqual(segments.map((_, i) => `seg-${mediaSequence + i}.m4s`));
}

/** Everything of a Publication that has a name of its own is whole. */
async function expectWhole(folder: string): Promise<number> {
  const media = (await readdir(folder)).filter((name) => name.endsWith('.m4s'));
  for (const name of media) expect(readFragments(await readFile(join(folder, name))).length).toBeGreaterThan(0);
  return media.length;
}

/** Up to the last byte. */
async function fill(path: string): Promise<void> {
  for (const bytes of [1 << 20, 4_096, 1]) {
    for (let full = false; !full;) full = await appendFile(path, Buffer.alloc(bytes)).then(() => false, () => true); // prettier-ignore
  }
}

test('the disk is full: HLS fails with words, WebRTC does not, and it goes on by itself when there is room', async (context) => {
  const disk = await temporaryFolder();
  const mounted = await run('mount', ['-t', 'tmpfs', '-o', 'size=48m', 'tmpfs', disk]).catch((error: Error) => error);
  if (mounted instanceof Error) return context.skip(`no small disk can be had: ${mounted.message.trim()}`);
  closing.push(() => run('umount', ['-l', disk]));
  const bench = await HlsBench.create({ data: disk });
  closing.push(() => bench.close());
  const publisher = await bench.publisher();
  const { streamId, publicationId } = publisher;
  await publisher.produce(sound);
  await publisher.produce(h264);
  await bench.set(publicationId, { recording: true });
  await bench.untilPlayable(publisher);
  expect((await bench.play(publisher, 3_000)).report.problems).toEqual([]);
  const { pid } = bench.hls;

  const ballast = join(disk, 'ballast');
  await appendFile(ballast, Buffer.alloc(16 << 20));
  const before = readPlaylist(await bench.playlist(publisher));
  await fill(ballast);
  await until('it failed', () => bench.viewOf(publisher)?.state === 'failed');
  expect(bench.viewOf(publisher)?.alert).toMatch(/no room.*free some space/);
  // It is tried again meanwhile, and what WebRTC has goes on.
  await pause(8_000);
  expect(bench.viewOf(publisher)).toMatchObject({ state: 'failed' });
  expect((await bench.get(`/hls/${streamId}/index.m3u8`)).status).toBe(503);
  expect(bench.hls).toMatchObject({ pid, restarts: 0, taps: 0 });
  expect(bench.sfu.node.counts()).toMatchObject({ publications: 1, producers: 2 });
  expect(bench.sfu.client.told('producerClosed')).toEqual([]);
  const video = bench.sfu.client.told('ingestStats').at(-1)!.ingest.producers;
  expect(Math.max(...video.map(({ bitrateBps }) => bitrateBps))).toBeGreaterThan(50_000);
  expect(await expectWhole(join(disk, 'hls', streamId, publicationId))).toBeGreaterThan(0);

  await rm(ballast);
  await bench.untilPlayable(publisher);
  expect((await bench.play(publisher, 4_000)).report.problems).toEqual([]);
  await until('live', () => bench.viewOf(publisher)?.state === 'live');
  expect(bench.viewOf(publisher)).not.toHaveProperty('alert');
  publisher.close();
  const ended = await until('its end', async () => {
    const playlist = readPlaylist(await bench.playlist(publisher));
    return playlist.ended ? playlist : undefined;
  });
  // One Recording, with what was before.
  expectNoHole(ended);
  expect(ended.mediaSequence).toBe(before.mediaSequence);
  expectKept(ended, before);
  expect(listedS(ended)).toBeGreaterThan(listedS(before) + 4);
  expect((await bench.hls.listRecordings(0)).recordings).toMatchObject([{ publicationId, state: 'complete' }]);
  expect(await decodedSizes(`${bench.hls.url}/hls/${streamId}/${publicationId}/plain.m3u8`)).toEqual(['448x256']);
}, 120_000);

test('the hls process is killed while it records: the Recording goes on, at most the last Part is lost', async () => {
  const bench = await HlsBench.create();
  closing.push(() => bench.close());
  const publisher = await bench.publisher(nextIds());
  const { streamId, publicationId } = publisher;
  await publisher.produce(sound);
  await publisher.produce(h264);
  await bench.set(publicationId, { recording: true });
  await bench.untilPlayable(publisher);
  await pause(3_000);
  const { pid } = bench.hls;
  const before = readPlaylist(await bench.playlist(publisher));
  process.kill(pid!, 'SIGKILL');
  await until('another one', () => bench.hls.url !== undefined && bench.hls.pid !== pid);
  // Nobody watches: recording alone begins it again.
  const goesOn = async () => {
    const text = await bench.playlist(publisher);
    const playlist = text === '' ? undefined : readPlaylist(text);
    return playlist && playlist.segments.length >= before.segments.length + 3 ? playlist : undefined;
  };
  await until('it goes on', goesOn, 30_000);
  publisher.close();
  const ended = await until('its end', async () => {
    const playlist = readPlaylist(await bench.playlist(publisher));
    return playlist.ended ? playlist : undefined;
  });
  expectNoHole(ended);
  expectKept(ended, before);
  expect(ended.segments.filter(({ discontinuity }) => discontinuity)).toHaveLength(1);
  expect((await bench.hls.listRecordings(0)).recordings).toMatchObject([{ publicationId, state: 'complete' }]);
  await expectWhole(join(bench.data, 'hls', streamId, publicationId));
  expect(await decodedSizes(`${bench.hls.url}/hls/${streamId}/${publicationId}/plain.m3u8`)).toEqual(['448x256']);
}, 120_000);

/** All that `before` listed but for its last Part. */
function expectKept(now: ReadPlaylist, before: ReadPlaylist): void {
  const kept = now.segments.filter(({ msn }) => msn <= before.open.msn);
  const lastPartS = before.open.parts.at(-1)?.durationS ?? before.segments.at(-1)!.parts.at(-1)!.durationS;
  const keptS = kept.reduce((sum, { durationS }) => sum + durationS, 0);
  expect(keptS).toBeGreaterThan(listedS(before) - lastPartS - 0.001);
}

interface SfuProcess {
  child: ChildProcess;
  client: ControlClient;
  hls: { pid: number; url: string };
}

/** As the launcher starts it. */
async function startProcess(data: string, clips: string): Promise<SfuProcess> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('../main.ts', import.meta.url))], {
    env: {
      ...{ PATH: process.env.PATH ?? '', NODE_SECRET: testSecret, SERVER_URL: 'http://127.0.0.1:9', RTC_PORT: '0' },
      ...{ MEDIASOUP_WORKER_BIN: testWorkerBin() ?? '', FFMPEG_BIN: testFfmpegBin, SRT_PORT: '0', RTMP_PORT: '0' },
      ...{ DATA_DIR: data, SOURCE_FILES_DIR: clips },
    },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  closing.push(() => child.kill('SIGKILL'));
  const lines: Record<string, unknown>[] = [];
  let text = '';
  child.stdout!.on('data', (chunk: Buffer) => {
    const parts = (text + chunk.toString()).split('\n');
    text = parts.pop()!;
    lines.push(...parts.map((part) => JSON.parse(part) as Record<string, unknown>));
  });
  const said = (msg: string) => until(msg, () => lines.find((line) => line.msg === msg));
  const [hls, sfu] = await Promise.all([said('hls process listening'), said('sfu listening')]);
  const client = await ControlClient.create(sfu.controlUrl as string, testSecret);
  closing.push(() => client.close());
  return { child, client, hls: { pid: hls.pid as number, url: hls.url as string } };
}

/** Not even a zombie: nobody may have waited for it yet. */
async function isGone(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return stat === undefined || stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
}

test('the sfu is killed while it records: its hls process goes too, and the next sfu finds the Recording whole', async () => {
  const [data, clips] = [await temporaryFolder(), await temporaryFolder()];
  await makeClip(clips, 'sound.mp4', clipCodecs.copied, { seconds: 4 });
  const { streamId, publicationId } = nextIds();
  const live = `/hls/${streamId}/${publicationId}/live.m3u8`;
  const killed = await startProcess(data, clips);
  await killed.client.ask('openSource', {
    ...{ streamId, publicationId, streamKey: 'a-stream-key-of-tests', allowPrivateAddresses: true },
    spec: { type: 'file', url: 'sound.mp4', loop: true },
  });
  await until('it is live', () => killed.client.told('sourceStarted').length > 0);
  const settings = { hls: 'onDemand', recording: true, recordingMaxAgeHours: null, recordingMaxBytes: null } as const;
  await killed.client.ask('setPackager', { publicationId, settings });
  const before = await until(
    'three Segments and a Part',
    async () => {
      const response = await fetch(killed.hls.url + live, { headers: bearer });
      const playlist = response.ok ? readPlaylist(await response.text()) : undefined;
      return playlist && playlist.segments.length >= 3 && playlist.open.parts.length >= 2 ? playlist : undefined;
    },
    30_000,
  );
  const exited = once(killed.child, 'exit');
  killed.child.kill('SIGKILL');
  await exited;
  await until('its hls process is gone', () => isGone(killed.hls.pid));

  const next = await startProcess(data, clips);
  const { recordings } = await next.client.ask('listRecordings', {});
  expect(recordings).toMatchObject([{ streamId, publicationId, state: 'recovered', hasAudio: true }]);
  const [recording] = recordings as [StoredRecording];
  const response = await fetch(next.hls.url + live.replace('live', 'plain'), { headers: bearer });
  const playlist = readPlaylist(await response.text());
  expect(playlist.ended).toBe(true);
  expectNoHole(playlist);
  expectKept(playlist, before);
  expect(recording.durationS).toBeCloseTo(listedS(playlist), 3);
  await expectWhole(join(data, 'hls', streamId, publicationId));
  expect(await decodedSizes(next.hls.url + live.replace('live', 'plain'))).toEqual(['320x180']);
  const gone = once(next.child, 'exit');
  next.child.kill('SIGTERM');
  await gone;
  await until('the hls process has ended', () => isGone(next.hls.pid));
}, 120_000);
