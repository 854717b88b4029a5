import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { encode } from '@msgpack/msgpack';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { hlsNames } from '@framelock/server/protocol';
import { clipCodecs, makeClip, testFfmpegBin } from '../testing/clips.ts';
import { testSecret } from '../testing/startSfu.ts';
import { until } from '../testing/until.ts';
import { decodeSidecar } from './sidecar/sidecarBytes.ts';
import { HlsBench, originToken } from './testing/HlsBench.ts';

/**
 * The whole of a node's HLS: a file is published by a Source (real Worker, FFmpeg), tapped, packaged in the hls process
 * and played from its origin.
 */
const run = promisify(execFile);
const ffprobeBin = testFfmpegBin.replace(/ffmpeg$/, 'ffprobe');
let bench: HlsBench;

beforeAll(async () => {
  bench = await HlsBench.create();
  await Promise.all([
    makeClip(bench.folder, 'sound.mp4', clipCodecs.copied, { seconds: 10, size: '640x360' }),
    makeClip(bench.folder, 'silent.mp4', clipCodecs.silent, { seconds: 10 }),
  ]);
});

afterAll(() => bench?.close());
afterEach(() => bench.endAll());

describe('HLS of an sfu node', { timeout: 120_000 }, () => {
  test('nobody without the token; 404 in JSON for what is not live', async () => {
    const { streamId, publicationId } = await bench.publishFile('silent.mp4');
    expect((await bench.get(`/hls/${streamId}/index.m3u8`, {})).status).toBe(401);
    expect((await bench.get(`/hls/${streamId}/index.m3u8`, { authorization: 'Bearer wrong' })).status).toBe(401);
    const absent = await bench.get('/hls/nothing/index.m3u8');
    expect(absent.status).toBe(404);
    expect(await absent.json()).toMatchObject({ error: { code: 'notFound' } });
    await bench.endFile(publicationId);
  });

  // What is transcoded: MediaInput.it.test.ts, and over WebRTC client/e2e/hls.e2e.ts.
  test.each([
    ['with sound', 'sound.mp4', ['h264', 'aac']],
    // With a silent track: one that came later would stop players.
    ['without', 'silent.mp4', ['h264', 'aac']],
  ])('H264 %s is copied: a strict client finds nothing wrong, and FFmpeg plays it', async (_, name, codecs) => {
    const { streamId, publicationId } = await bench.publishFile(name);
    expect(await bench.untilPlayable({ streamId })).toContain(`${publicationId}/live.m3u8`);
    const { report } = await bench.play({ streamId, publicationId }, 12_000);
    expect(report.problems).toEqual([]);
    expect(report.parts).toBeGreaterThan(25);
    expect(report.segments).toBeGreaterThan(3);
    expect(bench.viewOf({ streamId, publicationId })).toMatchObject({ state: 'live', video: { how: 'copied' } });

    const url = `${bench.hls.url}/hls/${streamId}/plain.m3u8`;
    const header = ['-headers', `Authorization: Bearer ${originToken}\r\n`];
    const probed = await run(ffprobeBin, ['-v', 'error', ...header, '-show_streams', '-of', 'json', url]);
    const { streams } = JSON.parse(probed.stdout) as { streams: { codec_name: string }[] };
    expect(streams.map((stream) => stream.codec_name).sort()).toEqual(codecs.toSorted());
    const played = ['-nostdin', '-v', 'warning', ...header, '-i', url, '-t', '4', '-f', 'null', '-'];
    expect((await run(testFfmpegBin, played)).stderr).toBe('');

    await bench.endFile(publicationId);
    const ended = await until('ENDLIST', async () => {
      const text = await (await bench.get(`/hls/${streamId}/${publicationId}/live.m3u8`)).text();
      return text.includes('#EXT-X-ENDLIST') && text;
    });
    expect(ended).not.toContain('PRELOAD-HINT');
    expect((await bench.get(`/hls/${streamId}/index.m3u8`)).status).toBe(404);
  });

  test('detections are in the sidecar of their picture, and media time is the RTP timestamp', async () => {
    const { streamId, publicationId } = await bench.publishFile('silent.mp4');
    await bench.untilPlayable({ streamId });
    const feed = new WebSocket(`${bench.sfu.control.url}/feed/${publicationId}`, {
      headers: { authorization: `Bearer ${testSecret}` },
    });
    await new Promise((resolve) => feed.once('open', resolve));
    const client = bench.client({ streamId, publicationId });
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
    await bench.endFile(publicationId);
  });

  test('its process killed: WebRTC does not notice, it comes back at the same address and goes on', async () => {
    const { streamId, publicationId } = await bench.publishFile('sound.mp4');
    await bench.untilPlayable({ streamId });
    const { pid, url } = bench.hls;
    process.kill(pid!, 'SIGKILL');
    await until('it is gone', () => bench.hls.pid !== pid);
    expect(bench.sfu.node.counts().publications).toBe(1);
    await until('another one', () => bench.hls.url !== undefined);
    expect(bench.hls.url).toBe(url);
    await bench.untilPlayable({ streamId });
    const { report } = await bench.play({ streamId, publicationId }, 5_000);
    expect(report.problems).toEqual([]);
    expect(bench.sfu.client.told('producerClosed').filter((one) => one.publicationId === publicationId)).toEqual([]);
    await bench.endFile(publicationId);
  });

  test('recorded: kept after its end, listed, played and deleted', async () => {
    const { streamId, publicationId } = await bench.publishFile('sound.mp4');
    const settings = { hls: 'onDemand', recording: true, recordingMaxAgeHours: 1, recordingMaxBytes: null } as const;
    await bench.sfu.client.ask('setPackager', { publicationId, settings });
    // Nobody watches: recording alone begins it.
    await until(
      'it grows',
      () => bench.sfu.client.told('recording').some(({ recording }) => recording.segments >= 2),
      30_000,
    );
    await bench.endFile(publicationId);
    const recorded = await until('it is complete', async () =>
      (await bench.sfu.client.ask('listRecordings', {})).recordings.find(
        (one) => one.publicationId === publicationId && one.state === 'complete',
      ),
    );
    expect(recorded.durationS).toBeGreaterThan(3);
    const text = await (await bench.get(`/hls/${streamId}/${publicationId}/plain.m3u8`)).text();
    expect(text).toContain('#EXT-X-ENDLIST');
    const segments = text.match(/^seg-\d+\.m4s$/gm)!;
    expect(segments).toHaveLength(recorded.segments);
    expect((await bench.get(`/hls/${streamId}/${publicationId}/${segments[0]}`)).status).toBe(200);
    expect((await bench.get(`/hls/${streamId}/${publicationId}/${hlsNames.sidecarOf(segments[0]!)}`)).status).toBe(200);
    const mp4 = await bench.get(`/hls/${streamId}/${publicationId}/download.mp4`);
    expect(Buffer.from(await mp4.arrayBuffer()).toString('latin1', 4, 8)).toBe('ftyp');
    await bench.sfu.client.ask('deleteRecording', { streamId, publicationId });
    expect((await bench.sfu.client.ask('listRecordings', {})).recordings).toEqual([]);
    expect(await readdir(join(bench.data, 'hls', streamId)).catch(() => [])).toEqual([]);
  });
});
