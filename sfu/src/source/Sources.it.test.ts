import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { SourceSpec } from '@framelock/server/protocol';
import { clipCodecs, makeClip, testFfmpegBin } from '../testing/clips.ts';
import { RtpPeer } from '../testing/RtpPeer.ts';
import { startSfu, type TestSfu } from '../testing/startSfu.ts';
import { until } from '../testing/until.ts';
import { runningFfmpegs } from './FfmpegProcess.ts';

let folder: string;
let sfu: TestSfu;
let attempts = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'framelock-clips-'));
  await Promise.all([
    makeClip(folder, 'copied.mp4', clipCodecs.copied),
    makeClip(folder, 'b-frames.mp4', clipCodecs.bFrames),
    makeClip(folder, 'high-colour.mp4', clipCodecs.highColour),
    makeClip(folder, 'hevc.mp4', clipCodecs.hevc),
    makeClip(folder, 'vp9.webm', clipCodecs.vp9),
    makeClip(folder, 'silent.mkv', clipCodecs.silent),
    makeClip(folder, 'sound.m4a', clipCodecs.soundOnly),
    makeClip(folder, 'odd.avi', clipCodecs.highColour, { size: '322x182' }),
    makeClip(folder, 'rare-keys.mp4', clipCodecs.rareKeys, { seconds: 12 }),
  ]);
  sfu = await startSfu({
    sources: { ffmpegBin: testFfmpegBin, sourceFilesDir: folder, srtPort: 0, rtmpPort: 0 },
  });
});
afterAll(async () => {
  await sfu?.close();
  await rm(folder, { recursive: true, force: true });
});
/** Nothing is left: processes, transports, Publications, Routers. */
afterEach(async () => {
  for (const { publicationId } of sfu.client.told('sourceProgress'))
    await sfu.client.ask('closeSource', { publicationId });
  await until('nothing is left', () => sfu.node.sources.size === 0 && runningFfmpegs() === 0);
  await until('the Router', () => sfu.node.counts().routers === 0);
  expect(sfu.node.counts()).toMatchObject({ publications: 0, producers: 0, feeds: 0, taps: 0 });
});

async function open(spec: SourceSpec, streamId = 's1'): Promise<{ publicationId: string; listenUrl?: string }> {
  const publicationId = `attempt-${++attempts}`;
  const params = { streamId, publicationId, spec, streamKey: 'a-stream-key-of-tests', allowPrivateAddresses: true };
  const { listenUrl } = await sfu.client.ask('openSource', params);
  return { publicationId, ...(listenUrl === undefined ? {} : { listenUrl }) };
}

const told = (publicationId: string) => ({
  started: sfu.client.told('sourceStarted').filter((one) => one.publicationId === publicationId),
  progress: sfu.client.told('sourceProgress').filter((one) => one.publicationId === publicationId),
  ended: sfu.client.told('sourceEnded').filter((one) => one.publicationId === publicationId),
});

async function untilStarted(publicationId: string) {
  await until('start or end', () => told(publicationId).started.length + told(publicationId).ended.length > 0);
  expect(told(publicationId).ended).toEqual([]);
  await until('running', () => told(publicationId).progress.at(-1)?.progress.state === 'running');
  return { producers: told(publicationId).started[0]!.producers, ...told(publicationId).progress.at(-1)!.progress };
}

/** RTP of the tap until `count` different timestamps came. */
async function tapTimestamps(publicationId: string, count: number): Promise<number[]> {
  const peer = await RtpPeer.create();
  try {
    await sfu.client.ask('openTap', { publicationId, remote: peer.address });
    await sfu.client.ask('resumeTap', { publicationId });
    const timestamps = (): number[] => [...new Set(peer.packets.map(({ timestamp }) => timestamp))];
    await until(`${count} frames`, () => timestamps().length > count, 30_000);
    return timestamps();
  } finally {
    peer.close();
  }
}

describe('a file', () => {
  test('with H264 and no B-frames is copied, its frames keep their time, and it ends once', async () => {
    const { publicationId } = await open({ type: 'file', url: 'copied.mp4', loop: true });
    const { producers, video, audio } = await untilStarted(publicationId);
    expect(producers.map(({ mimeType }) => mimeType).sort()).toEqual(['audio/opus', 'video/H264']);
    expect(video).toEqual({ codec: 'h264', how: 'copied' });
    expect(audio).toMatchObject({ codec: 'aac', how: 'transcoded' });

    // The clip is two seconds long: this goes over its end.
    const timestamps = await tapTimestamps(publicationId, 100);
    const steps = timestamps.slice(1).map((one, i) => (one - timestamps[i]!) >>> 0);
    expect(steps.filter((step) => step !== 3000).length).toBeLessThanOrEqual(3);
    expect(Math.max(...steps)).toBeLessThan(9000);
    await sfu.client.ask('closeSource', { publicationId });
    await sfu.client.ask('closeSource', { publicationId });
    expect(runningFfmpegs()).toBe(0);
    await until('its end', () => told(publicationId).ended.length > 0);
    expect(told(publicationId)).toMatchObject({ started: [{}], ended: [{ reason: 'requested' }] });
  });

  test.each([
    ['b-frames.mp4', 'h264', /B-frames/],
    ['high-colour.mp4', 'h264', /4:2:2/],
    ['hevc.mp4', 'hevc', /HEVC/],
    ['vp9.webm', 'vp9', /only H264/],
    ['odd.avi', 'h264', /4:2:2/],
    ['rare-keys.mp4', 'h264', /key frames are 1\d s apart/],
  ])('%s is transcoded, and it says why', async (url, codec, why) => {
    const { publicationId } = await open({ type: 'file', url, loop: true });
    const { video, producers } = await untilStarted(publicationId);
    expect(video).toMatchObject({ codec, how: 'transcoded', why: expect.stringMatching(why) });
    expect(producers[0]).toMatchObject({ kind: 'video', mimeType: 'video/H264' });
    const timestamps = await tapTimestamps(publicationId, 30);
    for (const [i, one] of timestamps.slice(1).entries()) expect((one - timestamps[i]!) >>> 0).toBeGreaterThan(1500);
  });

  test('without sound has a video Producer only; with sound only, an audio Producer', async () => {
    const silent = await open({ type: 'file', url: 'silent.mkv', loop: true }, 'silent');
    expect((await untilStarted(silent.publicationId)).producers.map(({ kind }) => kind)).toEqual(['video']);
    const sound = await open({ type: 'file', url: 'sound.m4a', loop: true }, 'sound');
    expect((await untilStarted(sound.publicationId)).producers.map(({ kind }) => kind)).toEqual(['audio']);
  });

  test('that does not loop ends as finished', async () => {
    const { publicationId } = await open({ type: 'file', url: 'copied.mp4', loop: false });
    await until('its end', () => told(publicationId).ended.length > 0);
    expect(told(publicationId)).toMatchObject({ started: [{}], ended: [{ reason: 'finished' }] });
  });

  test('is a plain name in the folder, and no link out of it', async () => {
    await symlink('/etc/passwd', join(folder, 'link.mp4'));
    const refused = (url: string) => expect(open({ type: 'file', url, loop: true })).rejects;
    await refused('../copied.mp4').toMatchObject({ code: 'badRequest' });
    await refused('/etc/passwd').toMatchObject({ code: 'badRequest' });
    await refused('missing.mp4').toMatchObject({ code: 'notFound' });
    await refused('link.mp4').toMatchObject({ code: 'forbidden' });
  });

  test('that names other files or URLs makes FFmpeg open none of them', async () => {
    let asked = 0;
    const server = createServer((_, response) => {
      asked++;
      response.end();
    }).listen(0, '127.0.0.1');
    await until('listening', () => server.address());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/x.ts`;
    const hls = (target: string): string => `#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n${target}\n#EXT-X-ENDLIST\n`;
    const hostile: Record<string, string> = {
      'a.m3u8': hls('file:///etc/passwd'),
      'b.m3u8': hls(url),
      'c.mp4': hls(join(folder, 'copied.mp4')),
      'd.mp4': `ffconcat version 1.0\nfile copied.mp4\n`,
      'e.mp4': `v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n`,
      'f.mpd': `<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><BaseURL>${url}</BaseURL></MPD>`,
    };
    try {
      for (const [name, text] of Object.entries(hostile)) {
        await writeFile(join(folder, name), text);
        const { publicationId } = await open({ type: 'file', url: name, loop: true });
        await until('its end', () => told(publicationId).ended.length > 0);
        expect(told(publicationId)).toMatchObject({ started: [], ended: [{ reason: 'failed' }] });
        expect(told(publicationId).ended[0]!.message).toMatch(/not a video file|no video or audio that/);
      }
      expect(asked).toBe(0);
    } finally {
      server.close();
    }
  });
});
