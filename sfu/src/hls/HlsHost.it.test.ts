import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { encode } from '@msgpack/msgpack';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { hlsNames, type HlsView } from '@framelock/server/protocol';
import { hlsOriginToken } from '@framelock/server/protocol/node';
import { clipCodecs, makeClip, testFfmpegBin } from '../testing/clips.ts';
import { startSfu, testSecret, type TestSfu } from '../testing/startSfu.ts';
import { until } from '../testing/until.ts';
import { HlsHost } from './HlsHost.ts';
import { decodeSidecar } from './sidecar/sidecarBytes.ts';
import { LowLatencyClient } from './testing/LowLatencyClient.ts';

/**
 * The whole of a node's HLS: a file is published by a Source (real Worker, FFmpeg), tapped, packaged in the hls process
 * and played from its origin.
 */
const run = promisify(execFile);
const ffprobeBin = testFfmpegBin.replace(/ffmpeg$/, 'ffprobe');
const token = hlsOriginToken(testSecret);
let folder: string;
let data: string;
let sfu: TestSfu;
let hls: HlsHost;
let attempts = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'framelock-hls-clips-'));
  data = await mkdtemp(join(tmpdir(), 'framelock-hls-data-'));
  await Promise.all([
    makeClip(folder, 'sound.mp4', clipCodecs.copied, { seconds: 10, size: '640x360' }),
    makeClip(folder, 'silent.mp4', clipCodecs.silent, { seconds: 10 }),
  ]);
  sfu = await startSfu({
    sources: { ffmpegBin: testFfmpegBin, sourceFilesDir: folder, srtPort: 0, rtmpPort: 0 },
    hls: (node) =>
      HlsHost.create({
        node,
        log: pino({ level: 'silent' }),
        environment: { NODE_SECRET: testSecret, DATA_DIR: data, FFMPEG_BIN: testFfmpegBin, LOG_LEVEL: 'warn' },
      }),
  });
  hls = sfu.hls!;
});

afterAll(async () => {
  await sfu?.close();
  await Promise.all([folder, data].map((path) => rm(path, { recursive: true, force: true })));
});

const end = (publicationId: string) => sfu.client.ask('closeSource', { publicationId });

afterEach(async () => {
  for (const { publicationId } of sfu.client.told('sourceStarted')) await end(publicationId);
  await until('nothing is live', () => sfu.node.counts().publications === 0 && hls.taps === 0);
});

async function publish(name: string): Promise<{ streamId: string; publicationId: string }> {
  const id = ++attempts;
  const [streamId, publicationId] = [`stream-${id}`, `publication-${id}`];
  await sfu.client.ask('openSource', {
    ...{ streamId, publicationId, streamKey: 'a-stream-key-of-tests', allowPrivateAddresses: true },
    spec: { type: 'file', url: name, loop: true },
  });
  await until('it is live', () => sfu.client.told('sourceStarted').some((one) => one.publicationId === publicationId));
  return { streamId, publicationId };
}

const get = (path: string, headers: Record<string, string> = { authorization: `Bearer ${token}` }) =>
  fetch(`${hls.url}${path}`, { headers });

/** Asks as a player does, and goes on when the first Segment is there. */
async function untilPlayable(streamId: string): Promise<string> {
  let text = '';
  await until(
    'a full Segment',
    async () => {
      const response = await get(`/hls/${streamId}/index.m3u8`);
      text = await response.text();
      if (response.status === 503) expect(response.headers.get('retry-after')).toBe('1');
      else expect(response.status).toBe(200);
      return response.status === 200;
    },
    30_000,
  );
  return text;
}

const viewOf = (publicationId: string): HlsView | undefined =>
  sfu.client.told('hls').findLast((one) => one.publicationId === publicationId)?.hls;

async function play(streamId: string, publicationId: string, forMs: number) {
  const client = new LowLatencyClient({ base: `${hls.url}/hls/${streamId}/${publicationId}/`, bearer: token });
  const playing = client.play();
  await new Promise((resolve) => setTimeout(resolve, forMs));
  client.stop();
  return { client, report: await playing };
}

describe('HLS of an sfu node', { timeout: 120_000 }, () => {
  test('nobody without the token; 404 in JSON for what is not live', async () => {
    const { streamId, publicationId } = await publish('silent.mp4');
    expect((await get(`/hls/${streamId}/index.m3u8`, {})).status).toBe(401);
    expect((await get(`/hls/${streamId}/index.m3u8`, { authorization: 'Bearer wrong' })).status).toBe(401);
    const absent = await get('/hls/nothing/index.m3u8');
    expect(absent.status).toBe(404);
    expect(await absent.json()).toMatchObject({ error: { code: 'notFound' } });
    await end(publicationId);
  });

  // What is transcoded: MediaInput.it.test.ts, and over WebRTC client/e2e/hls.e2e.ts.
  test.each([
    ['with sound', 'sound.mp4', ['h264', 'aac']],
    ['without', 'silent.mp4', ['h264']],
  ])('H264 %s is copied: a strict client finds nothing wrong, and FFmpeg plays it', async (_, name, codecs) => {
    const { streamId, publicationId } = await publish(name);
    expect(await untilPlayable(streamId)).toContain(`${publicationId}/live.m3u8`);
    const { report } = await play(streamId, publicationId, 12_000);
    expect(report.problems).toEqual([]);
    expect(report.parts).toBeGreaterThan(25);
    expect(report.segments).toBeGreaterThan(3);
    expect(viewOf(publicationId)).toMatchObject({ state: 'live', video: { how: 'copied' } });

    const url = `${hls.url}/hls/${streamId}/plain.m3u8`;
    const header = ['-headers', `Authorization: Bearer ${token}\r\n`];
    const probed = await run(ffprobeBin, ['-v', 'error', ...header, '-show_streams', '-of', 'json', url]);
    const { streams } = JSON.parse(probed.stdout) as { streams: { codec_name: string }[] };
    expect(streams.map((stream) => stream.codec_name).sort()).toEqual(codecs.toSorted());
    const played = ['-nostdin', '-v', 'warning', ...header, '-i', url, '-t', '4', '-f', 'null', '-'];
    expect((await run(testFfmpegBin, played)).stderr).toBe('');

    await end(publicationId);
    const ended = await until('ENDLIST', async () => {
      const text = await (await get(`/hls/${streamId}/${publicationId}/live.m3u8`)).text();
      return text.includes('#EXT-X-ENDLIST') && text;
    });
    expect(ended).not.toContain('PRELOAD-HINT');
    expect((await get(`/hls/${streamId}/index.m3u8`)).status).toBe(404);
  });

  test('detections are in the sidecar of their picture, and media time is the RTP timestamp', async () => {
    const { streamId, publicationId } = await publish('silent.mp4');
    await untilPlayable(streamId);
    const feed = new WebSocket(`${sfu.control.url}/feed/${publicationId}`, {
      headers: { authorization: `Bearer ${testSecret}` },
    });
    await new Promise((resolve) => feed.once('open', resolve));
    const client = new LowLatencyClient({ base: `${hls.url}/hls/${streamId}/${publicationId}/`, bearer: token });
    const playing = client.play();
    // Plays inference: answers each picture of a Part with a message of its timestamp, as late as a model would be.
    const sent = new Set<number>();
    const begun = performance.now();
    while (performance.now() - begun < 8_000) {
      for (const bytes of [...client.sidecars.values()]) {
        const { start, end: ends, frames } = decodeSidecar(Buffer.from(bytes))!;
        let time = start;
        for (const step of frames) {
          time += step;
          // The pictures after these: one Part later.
          const rtp = (time + (ends - start) * 2) >>> 0;
          if (sent.has(rtp)) continue;
          sent.add(rtp);
          feed.send(encode({ k: 'frame', v: 1, pub: publicationId, rtp, o: [] }));
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    client.stop();
    const report = await playing;
    feed.terminate();
    expect(report.problems).toEqual([]);
    let kept = 0;
    for (const bytes of client.sidecars.values()) {
      const sidecar = decodeSidecar(Buffer.from(bytes))!;
      for (const time of sidecar.m) {
        expect(time).toBeGreaterThanOrEqual(sidecar.start);
        expect(time).toBeLessThan(sidecar.end);
        expect(sent.has(time >>> 0)).toBe(true);
        kept++;
      }
    }
    expect(kept).toBeGreaterThan(50);
    await end(publicationId);
  });

  test('its process killed: WebRTC does not notice, it comes back at the same address and goes on', async () => {
    const { streamId, publicationId } = await publish('sound.mp4');
    await untilPlayable(streamId);
    const { pid, url } = hls;
    process.kill(pid!, 'SIGKILL');
    await until('it is gone', () => hls.pid !== pid);
    expect(sfu.node.counts().publications).toBe(1);
    await until('another one', () => hls.url !== undefined);
    expect(hls.url).toBe(url);
    await untilPlayable(streamId);
    const { report } = await play(streamId, publicationId, 5_000);
    expect(report.problems).toEqual([]);
    expect(sfu.client.told('producerClosed').filter((one) => one.publicationId === publicationId)).toEqual([]);
    await end(publicationId);
  });

  test('recorded: kept after its end, listed, played and deleted', async () => {
    const { streamId, publicationId } = await publish('sound.mp4');
    const settings = { hls: 'onDemand', recording: true, recordingMaxAgeHours: 1, recordingMaxBytes: null } as const;
    await sfu.client.ask('setPackager', { publicationId, settings });
    // Nobody watches: recording alone begins it.
    await until(
      'it grows',
      () => sfu.client.told('recording').some(({ recording }) => recording.segments >= 2),
      30_000,
    );
    await end(publicationId);
    const recorded = await until('it is complete', async () =>
      (await sfu.client.ask('listRecordings', {})).recordings.find(
        (one) => one.publicationId === publicationId && one.state === 'complete',
      ),
    );
    expect(recorded.durationS).toBeGreaterThan(3);
    const text = await (await get(`/hls/${streamId}/${publicationId}/plain.m3u8`)).text();
    expect(text).toContain('#EXT-X-ENDLIST');
    const segments = text.match(/^seg-\d+\.m4s$/gm)!;
    expect(segments).toHaveLength(recorded.segments);
    expect((await get(`/hls/${streamId}/${publicationId}/${segments[0]}`)).status).toBe(200);
    expect((await get(`/hls/${streamId}/${publicationId}/${hlsNames.sidecarOf(segments[0]!)}`)).status).toBe(200);
    const mp4 = await get(`/hls/${streamId}/${publicationId}/download.mp4`);
    expect(Buffer.from(await mp4.arrayBuffer()).toString('latin1', 4, 8)).toBe('ftyp');
    await sfu.client.ask('deleteRecording', { streamId, publicationId });
    expect((await sfu.client.ask('listRecordings', {})).recordings).toEqual([]);
    expect(await readdir(join(data, 'hls', streamId)).catch(() => [])).toEqual([]);
  });
});
