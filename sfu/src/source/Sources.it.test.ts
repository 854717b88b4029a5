import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { SourceSpec } from '@framelock/server/protocol';
import { clipCodecs, makeClip, testFfmpegBin } from '../testing/clips.ts';
import { RtspCamera } from '../testing/RtspCamera.ts';
import { RtpPeer } from '../testing/RtpPeer.ts';
import { startSfu, type TestSfu } from '../testing/startSfu.ts';
import { until } from '../testing/until.ts';
import { FfmpegProcess, runningFfmpegs } from './FfmpegProcess.ts';
import { SrtPorts } from './SrtPorts.ts';

let folder: string;
let sfu: TestSfu;
let attempts = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'framelock-clips-'));
  await Promise.all([
    makeClip(folder, 'copied.mp4', clipCodecs.copied),
    makeClip(folder, 'copied.ts', clipCodecs.copied, { seconds: 4 }),
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
    sources: {
      ffmpegBin: testFfmpegBin,
      sourceFilesDir: folder,
      srtPort: 0,
      rtmpPort: 0,
      sourceTimeouts: { connectMs: 12_000, stallMs: 4_000 },
    },
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

describe('the test picture', () => {
  test('is H264 and Opus at 30 pictures a second', async () => {
    const { publicationId } = await open({ type: 'test' });
    const { producers } = await untilStarted(publicationId);
    expect(producers.map(({ mimeType }) => mimeType).sort()).toEqual(['audio/opus', 'video/H264']);
    const timestamps = await tapTimestamps(publicationId, 30);
    for (const [i, one] of timestamps.slice(1).entries()) expect((one - timestamps[i]!) >>> 0).toBe(3000);
  });
});

describe('SRT', () => {
  const peers: FfmpegProcess[] = [];
  afterEach(async () => {
    await Promise.all(peers.splice(0).map((one) => one.kill()));
  });

  /** FFmpeg as an encoder that is not ours. */
  function encoder(...output: string[]): FfmpegProcess {
    const args = [
      '-nostdin',
      '-re',
      '-stream_loop',
      '-1',
      '-i',
      join(folder, 'copied.ts'),
      '-c',
      'copy',
      '-f',
      'mpegts',
    ];
    const peer = new FfmpegProcess({ bin: testFfmpegBin, args: [...args, ...output] });
    peers.push(peer);
    return peer;
  }

  test('listens with the stream key as passphrase, and ends as finished when the encoder leaves', async () => {
    const { publicationId, listenUrl } = await open({ type: 'srt' });
    expect(listenUrl).toMatch(/^srt:\/\/127\.0\.0\.1:\d+\?/);
    expect(listenUrl).not.toContain('a-stream-key-of-tests');
    const wrong = encoder('-passphrase', 'not-the-stream-key', listenUrl!);
    await wrong.exited;
    expect(told(publicationId)).toMatchObject({ started: [], ended: [] });
    const right = encoder('-passphrase', 'a-stream-key-of-tests', listenUrl!);
    const { video, listenUrl: toldUrl } = await untilStarted(publicationId);
    expect(video).toEqual({ codec: 'h264', how: 'copied' });
    expect(toldUrl).toBe(listenUrl);
    await tapTimestamps(publicationId, 30);
    await right.stop();
    await until('its end', () => told(publicationId).ended.length > 0);
    expect(told(publicationId)).toMatchObject({ started: [{}], ended: [{ reason: 'finished' }] });
  });

  test('calls an encoder that listens', async () => {
    const port = await new SrtPorts(0, '127.0.0.1').take('any');
    encoder('-mode', 'listener', '-passphrase', 'another-passphrase', `srt://127.0.0.1:${port}`);
    const url = `srt://127.0.0.1:${port}?passphrase=another-passphrase&latency=120`;
    const { publicationId } = await open({ type: 'srt', url });
    const { video } = await untilStarted(publicationId);
    expect(video).toMatchObject({ how: 'copied' });
  });

  test('says what to do when nobody answers', async () => {
    const port = await new SrtPorts(0, '127.0.0.1').take('any');
    const { publicationId } = await open({ type: 'srt', url: `srt://127.0.0.1:${port}` });
    await until('its end', () => told(publicationId).ended.length > 0, 20_000);
    expect(told(publicationId).ended[0]).toMatchObject({
      reason: 'failed',
      message: expect.stringMatching(/is it on|rejected/),
    });
  });
});

describe('supervision', () => {
  const ffmpegPids = (): number[] => {
    const { sources } = sfu.node.dump() as { sources: { pid?: number }[] };
    return sources.flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
  };

  test('a killed FFmpeg ends its Source once, as failed', async () => {
    const { publicationId } = await open({ type: 'file', url: 'b-frames.mp4', loop: true });
    await untilStarted(publicationId);
    process.kill(ffmpegPids()[0]!, 'SIGKILL');
    await until('its end', () => told(publicationId).ended.length > 0);
    expect(told(publicationId)).toMatchObject({ started: [{}], ended: [{ reason: 'failed' }] });
    expect(sfu.client.told('publicationClosed').filter((one) => one.publicationId === publicationId)).toHaveLength(1);
  });

  test('an FFmpeg that hangs is noticed and killed', async () => {
    const { publicationId } = await open({ type: 'file', url: 'b-frames.mp4', loop: true });
    await untilStarted(publicationId);
    process.kill(ffmpegPids()[0]!, 'SIGSTOP');
    await until('its end', () => told(publicationId).ended.length > 0, 20_000);
    expect(told(publicationId).ended).toMatchObject([
      { reason: 'failed', message: expect.stringMatching(/nothing came for/) },
    ]);
  });

  test('a dead Worker and a closed Publication end it; closing it before it runs does too', async () => {
    const first = await open({ type: 'test' });
    await untilStarted(first.publicationId);
    await sfu.client.ask('closePublication', { publicationId: first.publicationId, reason: 'test' });
    await until('its end', () => told(first.publicationId).ended.length > 0);
    const second = await open({ type: 'test' });
    await untilStarted(second.publicationId);
    process.kill(sfu.node.workers[0]!.pid, 'SIGKILL');
    await until('its end', () => told(second.publicationId).ended.length > 0);
    expect(told(second.publicationId).ended).toMatchObject([
      { reason: 'failed', message: expect.stringMatching(/worker/) },
    ]);
    await until('the next Worker', () => sfu.node.workers.length === 1);
    const third = await open({ type: 'file', url: 'copied.mp4', loop: true });
    await sfu.client.ask('closeSource', { publicationId: third.publicationId });
    await until('its end', () => told(third.publicationId).ended.length > 0);
    expect(told(third.publicationId)).toMatchObject({ started: [], ended: [{ reason: 'requested' }] });
  });

  test('no FFmpeg outlives a process that is killed without a word', async () => {
    const script = join(import.meta.dirname, '../testing/ffmpegHolder.ts');
    const holder = spawn(process.execPath, [script, testFfmpegBin], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(createInterface({ input: holder.stdout }), 'line')) as [string];
    const pid = Number(line);
    expect(isAlive(pid)).toBe(true);
    holder.kill('SIGKILL');
    await until('the end of its FFmpeg', () => !isAlive(pid));
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

describe('RTSP', () => {
  let camera: RtspCamera;
  beforeEach(async () => {
    camera = await RtspCamera.create(testFfmpegBin, join(folder, 'copied.ts'), 'user:pass word');
  });
  // Before the check that nothing is left, which counts its FFmpeg.
  const unplug = (): Promise<void> => camera.close();

  test('is pulled inside TCP and copied; a camera that goes silent ends it as failed, without a socket left', async () => {
    const { publicationId } = await open({
      type: 'rtsp',
      url: `rtsp://user:pass%20word@127.0.0.1:${camera.port}/live`,
    });
    const { video } = await untilStarted(publicationId);
    expect(video).toEqual({ codec: 'h264', how: 'copied' });
    await tapTimestamps(publicationId, 30);
    camera.goSilent();
    await until('its end', () => told(publicationId).ended.length > 0, 20_000);
    expect(told(publicationId).ended[0]).toMatchObject({ reason: 'failed' });
    await until('no socket', () => camera.sockets === 0);
    await unplug();
  });

  test('says what is wrong: password, path, nobody there; and never the password', async () => {
    const port = camera.port;
    const ends = async (url: string): Promise<string> => {
      const { publicationId } = await open({ type: 'rtsp', url });
      await until('its end', () => told(publicationId).ended.length > 0, 20_000);
      return told(publicationId).ended[0]!.message;
    };
    expect(await ends(`rtsp://user:secret-word@127.0.0.1:${port}/live`)).toBe('wrong user or password (401)');
    expect(await ends(`rtsp://user:pass%20word@127.0.0.1:${port}/other`)).toMatch(/nothing under this path \(404\)/);
    await unplug();
    expect(await ends(`rtsp://user:secret-word@127.0.0.1:${port}/live`)).toMatch(/connection refused/);
    expect(JSON.stringify(sfu.client.events)).not.toContain('secret-word');
  });

  test('does not call addresses inside the network unless that is allowed', async () => {
    const spec = { type: 'rtsp' as const, url: `rtsp://127.0.0.1:${camera.port}/live` };
    const params = { streamId: 's1', publicationId: 'inside', spec, streamKey: 'k', allowPrivateAddresses: false };
    await expect(sfu.client.ask('openSource', params)).rejects.toMatchObject({ code: 'forbidden' });
    expect(camera.requests).toEqual([]);
    await unplug();
  });
});
