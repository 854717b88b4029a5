import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { encodeClip } from '@framelock/server/protocol/tap/testing';
import { until } from '../testing/until.ts';
import { beepingOpus } from './input/test/sound.ts';
import { decodeSidecar } from './sidecar/sidecarBytes.ts';
import { decodedSizes } from './testing/decodedSizes.ts';
import { HlsBench, nextIds, type Ids } from './testing/HlsBench.ts';
import type { LowLatencyClient } from './testing/LowLatencyClient.ts';
import { readFragments, readInit } from './testing/readMp4.ts';
import { readPlaylist, type ReadPlaylist } from './testing/readPlaylist.ts';
import type { RtpClip } from './testing/RtpPublisher.ts';

/** What goes wrong with a publisher, a process or a disk, and that viewers play on or that it ends in order. */
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const wrap = 2 ** 32;
let h264: RtpClip;
let smaller: RtpClip;
let vp8: RtpClip;
let sound: RtpClip;
let bench: HlsBench;

beforeAll(async () => {
  const clip = (codec: 'h264' | 'vp8', width: number, height: number) =>
    encodeClip({ codec, frames: 60, keyEvery: 30, width, height, bitrateBps: 500_000 });
  const [frames, small, other, packets] = await Promise.all([
    clip('h264', 448, 256),
    clip('h264', 224, 128),
    clip('vp8', 448, 256),
    beepingOpus(2, [0.5, 1.5]),
  ]);
  h264 = { codec: 'h264', frames };
  smaller = { codec: 'h264', frames: small };
  vp8 = { codec: 'vp8', frames: other };
  sound = { codec: 'opus', frames: packets.map((packet) => ({ key: true, units: [packet] })) };
  bench = await HlsBench.create();
});

afterAll(() => bench?.close());
afterEach(() => bench.endAll());

const read = async (ids: Ids, of = bench): Promise<ReadPlaylist> => readPlaylist(await of.playlist(ids));
const discontinuities = (playlist: ReadPlaylist): number[] =>
  playlist.segments.filter(({ discontinuity }) => discontinuity).map(({ msn }) => msn);

const sizesOf = ({ streamId, publicationId }: Ids, of = bench): Promise<string[]> =>
  decodedSizes(`${of.hls.url}/hls/${streamId}/${publicationId}/plain.m3u8`);

const tracksOf = async ({ streamId, publicationId }: Ids, init: number): Promise<string[]> => {
  const response = await bench.get(`/hls/${streamId}/${publicationId}/init-${init}.mp4`);
  return readInit(Buffer.from(await response.arrayBuffer())).map(({ handler }) => handler);
};

/** Each Part has later pictures than those before it, whatever the publisher's clock did. */
function expectOneTimeline({ sidecars }: LowLatencyClient): void {
  const parts = [...sidecars].map(([name, bytes]) => ({
    place: name.match(/\d+/g)!.map(Number),
    start: decodeSidecar(Buffer.from(bytes))!.start,
  }));
  parts.sort((a, b) => a.place[0]! - b.place[0]! || a.place[1]! - b.place[1]!);
  expect(parts.length).toBeGreaterThan(8);
  for (const [i, { start }] of parts.entries()) if (i > 0) expect(start).toBeGreaterThan(parts[i - 1]!.start);
}

describe('a publisher', { timeout: 120_000 }, () => {
  test('drops and returns: what was live ends, nothing in between, and then the new Publication', async () => {
    const first = nextIds();
    const second = { ...first, publicationId: `${first.publicationId}-again` };
    const publisher = await bench.publisher(first);
    await publisher.produce(h264);
    await bench.untilPlayable(first);
    const client = bench.client(first);
    const playing = client.play();
    await pause(3_000);
    publisher.close();
    // A viewer's player comes to the end by itself.
    const report = await playing;
    expect(report.problems).toEqual([]);
    expect(report).toMatchObject({ ended: true });
    expect((await bench.get(`/hls/${first.streamId}/index.m3u8`)).status).toBe(404);

    await (await bench.publisher(second)).produce(h264);
    expect(await bench.untilPlayable(second)).toContain(`${second.publicationId}/live.m3u8`);
    expect((await bench.play(second, 3_000)).report.problems).toEqual([]);
    // Who watches the first one still can.
    expect((await read(first)).ended).toBe(true);
    expect(await sizesOf(first)).toEqual(['448x256']);
  });

  test('has another video in the same Publication: numbers and media time go on behind a discontinuity', async () => {
    const publisher = await bench.publisher();
    await publisher.produce(sound);
    const video = await publisher.produce(h264, { timestamp: 2_000_000_000 });
    await bench.untilPlayable(publisher);
    const client = bench.client(publisher);
    const playing = client.play();
    await pause(3_000);
    publisher.end(video);
    await until('the taps are closed', () => bench.hls.taps === 0);
    const before = await until('all of it is listed', async () => {
      const playlist = await read(publisher);
      return playlist.open.parts.length === 0 ? playlist : undefined;
    });
    await pause(1_000);
    await publisher.produce(smaller, { timestamp: 5 });
    const goesOn = async (): Promise<boolean> => (await read(publisher)).open.msn > before.open.msn + 1;
    await until('it goes on', goesOn, 20_000);
    client.stop();
    expect((await playing).problems).toEqual([]);
    expect(discontinuities(await read(publisher))).toContain(before.open.msn);
    expectOneTimeline(client);
  });

  test('sends another size: a new init section behind a discontinuity, and FFmpeg decodes both', async () => {
    const publisher = await bench.publisher();
    const video = await publisher.produce(h264);
    await bench.untilPlayable(publisher);
    const client = bench.client(publisher);
    const playing = client.play();
    await pause(2_500);
    video.change(smaller);
    await until('the other size', () => bench.viewOf(publisher)?.width === 224);
    await pause(4_000);
    expect(bench.viewOf(publisher)).toMatchObject({ state: 'live', video: { how: 'copied' }, width: 224, height: 128 });
    publisher.close();
    const report = await playing;
    expect(report.problems).toEqual([]);
    const playlist = await read(publisher);
    expect(discontinuities(playlist)).toHaveLength(1);
    expect(new Set(playlist.segments.map(({ map }) => map))).toEqual(new Set(['init-0.mp4', 'init-1.mp4']));
    expect(await sizesOf(publisher)).toEqual(['448x256', '224x128']);
  });

  test('has sound from its beginning: so have the first Segment and the first answer, without a discontinuity', async () => {
    const publisher = await bench.publisher();
    await publisher.produce(sound);
    await publisher.produce(h264);
    expect(await bench.untilPlayable(publisher)).toContain('mp4a.40.2');
    const { report } = await bench.play(publisher, 4_000);
    expect(report.problems).toEqual([]);
    const playlist = await read(publisher);
    expect(playlist.mediaSequence).toBe(0);
    expect(discontinuities(playlist)).toEqual([]);
    expect(await tracksOf(publisher, 0)).toEqual(['vide', 'soun']);
    // All of its length, to an AAC frame or two.
    const segment = await bench.get(`/hls/${publisher.streamId}/${publisher.publicationId}/seg-0.m4s`);
    const tracks = readFragments(Buffer.from(await segment.arrayBuffer())).flatMap((fragment) => fragment.tracks);
    const samples = [1, 2].map((id) => tracks.filter((track) => track.id === id).flatMap((track) => track.samples));
    const [video, audio] = samples.map((all) => [all[0]!.time, all.at(-1)!.time + all.at(-1)!.duration]);
    expect(Math.abs(audio![0]! - video![0]!)).toBeLessThan(2 * 1_920);
    expect(Math.abs(audio![1]! - video![1]!)).toBeLessThan(2 * 1_920);
  });

  test('has sound later on, and loses it: one track, silent before and behind it, without a discontinuity', async () => {
    const publisher = await bench.publisher();
    await publisher.produce(h264);
    expect(await bench.untilPlayable(publisher)).toContain('mp4a.40.2');
    const client = bench.client(publisher);
    const playing = client.play();
    const audio = await publisher.produce(sound);
    await until('sound is told of', () => bench.viewOf(publisher)?.audio !== undefined);
    await pause(2_500);
    publisher.end(audio);
    await until('no sound any more', () => bench.viewOf(publisher)?.audio === undefined);
    await pause(2_500);
    client.stop();
    expect((await playing).problems).toEqual([]);
    expect(await tracksOf(publisher, 0)).toEqual(['vide', 'soun']);
    expect(await bench.playlist(publisher)).not.toContain('init-1.mp4');
    expect(discontinuities(await read(publisher))).toEqual([]);
  });

  test('says that it has sound and never sends any: silence, and pictures do not wait', async () => {
    const publisher = await bench.publisher();
    await publisher.produce(sound, { paused: true });
    await publisher.produce(h264);
    expect(await bench.untilPlayable(publisher)).toContain('mp4a.40.2');
    const { report } = await bench.play(publisher, 4_000);
    expect(report.problems).toEqual([]);
    expect(report.parts).toBeGreaterThan(8);
    expect(discontinuities(await read(publisher))).toEqual([]);
  });

  test('has a clock that wraps and then jumps, ahead and back: one discontinuity for each jump, none for the wrap', async () => {
    const publisher = await bench.publisher();
    const video = await publisher.produce(h264, { timestamp: wrap - 4 * 90_000 });
    await bench.untilPlayable(publisher);
    const client = bench.client(publisher);
    const playing = client.play();
    await until('the wrap', () => video.timestamp > wrap + 3 * 90_000);
    await pause(1_000);
    expect(discontinuities(await read(publisher))).toEqual([]);
    video.timestamp += 3_600 * 90_000;
    await pause(4_000);
    expect(discontinuities(await read(publisher))).toHaveLength(1);
    video.timestamp -= 7_200 * 90_000;
    await pause(4_000);
    client.stop();
    expect((await playing).problems).toEqual([]);
    expect(discontinuities(await read(publisher))).toHaveLength(2);
    expectOneTimeline(client);
    expect(bench.viewOf(publisher)).toMatchObject({ state: 'live', video: { how: 'copied' } });
  });
});

/** pid of the FFmpeg that transcodes its pictures, in the hls process. */
async function videoFfmpeg({ publicationId }: Ids): Promise<number | undefined> {
  const { process: inside } = (await bench.hls.dump()) as {
    process: { publications: { publicationId: string; input: { video: { ffmpeg?: number } } | null }[] } | null;
  };
  return inside?.publications.find((one) => one.publicationId === publicationId)?.input?.video.ffmpeg;
}

describe('a process', { timeout: 120_000 }, () => {
  test('that transcodes is killed: another one goes on, viewers play on', async () => {
    const publisher = await bench.publisher();
    await publisher.produce(vp8);
    await bench.untilPlayable(publisher);
    await until('live', () => bench.viewOf(publisher)?.state === 'live');
    expect(bench.viewOf(publisher)).toMatchObject({ video: { codec: 'VP8', how: 'transcoded' } });
    const client = bench.client(publisher);
    const playing = client.play();
    const pid = await until('its FFmpeg', () => videoFfmpeg(publisher));
    process.kill(pid, 'SIGKILL');
    const before = await read(publisher);
    await until('another one', async () => ![pid, undefined].includes(await videoFfmpeg(publisher)));
    await until('it goes on', async () => (await read(publisher)).open.msn > before.open.msn + 2, 20_000);
    client.stop();
    expect((await playing).problems).toEqual([]);
    expectOneTimeline(client);
    expect(bench.hls.restarts).toBe(0);
    publisher.close();
    await until('its end', async () => (await read(publisher)).ended);
    expect(await sizesOf(publisher)).toEqual(['448x256']);
  });
});

describe('HLS that', { timeout: 120_000 }, () => {
  let quick: HlsBench;
  beforeAll(async () => (quick = await HlsBench.create({ environment: { HLS_IDLE_S: '3' } })));
  afterAll(() => quick?.close());
  afterEach(() => quick.endAll());

  test('nobody asks for ends, its taps closed, and begins again behind the numbers that it had', async () => {
    const publisher = await quick.publisher();
    await publisher.produce(sound);
    await publisher.produce(h264);
    await quick.untilPlayable(publisher);
    const { report } = await quick.play(publisher, 2_000);
    expect(report.problems).toEqual([]);
    const before = await read(publisher, quick);
    await until('idle', () => quick.viewOf(publisher)?.state === 'idle');
    expect(quick.hls.taps).toBe(0);
    const folder = join(quick.data, 'hls', publisher.streamId);
    await until('its files are gone', async () => (await readdir(folder)).length === 0);

    await quick.untilPlayable(publisher);
    const after = await read(publisher, quick);
    expect(after.mediaSequence).toBeGreaterThan(before.segments.at(-1)!.msn);
    expect(after.segments[0]!.discontinuity).toBe(true);
    // The tag before its first Segment counts on from what was.
    expect(after.discontinuitySequence).toBe(before.discontinuitySequence);
    expect(after.segments[0]!.map).not.toBe(before.segments[0]!.map);
    expect((await quick.play(publisher, 3_000)).report.problems).toEqual([]);
  });

  test('is to be made always begins without a viewer, and ends when it no longer is', async () => {
    const publisher = await quick.publisher();
    await publisher.produce(h264);
    await quick.set(publisher.publicationId, { hls: 'always' });
    await until('live', () => quick.viewOf(publisher)?.state === 'live');
    // Longer than on demand.
    await pause(4_000);
    expect(quick.viewOf(publisher)).toMatchObject({ state: 'live' });
    await quick.set(publisher.publicationId, { hls: 'onDemand' });
    await until('idle', () => quick.viewOf(publisher)?.state === 'idle');
    expect(quick.hls.taps).toBe(0);
  });

  test('is turned off is 404 with words, at once, and comes back when it is turned on', async () => {
    const publisher = await quick.publisher();
    await publisher.produce(h264);
    await quick.untilPlayable(publisher);
    await quick.set(publisher.publicationId, { hls: 'off' });
    for (const name of ['index.m3u8', 'plain.m3u8', `${publisher.publicationId}/live.m3u8`]) {
      const response = await quick.get(`/hls/${publisher.streamId}/${name}`);
      expect([name, response.status]).toEqual([name, 404]);
      const { error } = (await response.json()) as { error: unknown };
      expect(error).toMatchObject({ code: 'notFound', message: expect.stringContaining('turned off') as string });
    }
    await until('the taps are closed', () => quick.hls.taps === 0);
    await quick.set(publisher.publicationId, { hls: 'onDemand' });
    await quick.untilPlayable(publisher);
    expect((await quick.play(publisher, 2_000)).report.problems).toEqual([]);
  });

  test('is recorded and then no longer is: what there is stays, complete, and can be watched', async () => {
    const publisher = await quick.publisher();
    await publisher.produce(h264);
    await quick.set(publisher.publicationId, { recording: true });
    const recorded = async () => (await quick.hls.listRecordings(0)).recordings[0];
    await until('two Segments', async () => ((await recorded())?.segments ?? 0) >= 2, 20_000);
    await quick.set(publisher.publicationId, { recording: false });
    await until('idle', () => quick.viewOf(publisher)?.state === 'idle');
    await until('complete', async () => (await recorded())?.state === 'complete');
    publisher.close();
    await until('its end', async () => (await read(publisher, quick)).ended);
    expect(await sizesOf(publisher, quick)).toEqual(['448x256']);
  });
});
