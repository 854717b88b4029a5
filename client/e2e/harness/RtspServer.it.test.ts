import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EncodedClip } from './EncodedClip.ts';
import { eventually } from './eventually.ts';
import { openClip } from './openClip.ts';
import { RtspServer } from './RtspServer.ts';

const ffmpeg = process.env.FFMPEG_BIN || 'ffmpeg';
const run = promisify(execFile);

describe('RtspServer', () => {
  let folder: string;
  let clip: EncodedClip;
  let server: RtspServer;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'framelock-rtsp-'));
    const raw = await openClip({ width: 320, height: 180, frames: 60, diameter: 40 });
    const layers = [{ width: 320, height: 180, bitrateBps: 800_000 }];
    clip = await EncodedClip.create({ path: raw.path, fps: raw.fps, layers }, folder);
    await raw.close();
    server = await RtspServer.create(clip);
  });

  afterAll(async () => {
    await server?.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** What FFmpeg reads of it in 1.5 s: `stream,pts,flags` of each packet in the order of arrival. */
  async function read(transport: string): Promise<string[][]> {
    const input = ['-hide_banner', '-loglevel', 'error', '-nostdin', '-rtsp_transport', transport, '-i', server.url];
    const output = ['-t', '1.5', '-map', '0:v', '-map', '0:a', '-c', 'copy', '-f', 'framecrc', '-'];
    const { stdout } = await run(ffmpeg, [...input, ...output]);
    return stdout
      .split('\n')
      .filter((line) => /^\d/.test(line))
      .map((line) => line.split(',').map((field) => field.trim()));
  }

  it('plays H264 and Opus to FFmpeg, frame after frame', async () => {
    const packets = await read('tcp');
    const video = packets.filter(([stream]) => stream === '0').map(([, , pts]) => Number(pts));
    expect(video.length).toBeGreaterThan(30);
    // FFmpeg dates frames by the sender reports, whose fractions of a second round.
    for (const [i, pts] of video.slice(1).entries()) expect(Math.abs(pts - video[i]! - 3000)).toBeLessThanOrEqual(2);
    expect(packets.filter(([stream]) => stream === '1').length).toBeGreaterThan(50);
    await eventually('the caller is gone', () => server.callers === 0);
  });

  it('refuses UDP', async () => {
    await expect(read('udp')).rejects.toThrow('461');
  });
});

describe('EncodedClip.muxed', () => {
  it('is an MP4 with H264 and AAC of the clip’s length', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'framelock-mux-'));
    try {
      const raw = await openClip({ width: 320, height: 180, frames: 60, diameter: 40 });
      const layers = [{ width: 320, height: 180, bitrateBps: 800_000 }];
      const clip = await EncodedClip.create({ path: raw.path, fps: raw.fps, layers }, folder);
      await raw.close();
      const { stderr } = await run(ffmpeg, ['-hide_banner', '-i', await clip.muxed(), '-c', 'copy', '-f', 'null', '-']);
      expect(stderr).toMatch(/Video: h264 \(High\)/);
      expect(stderr).toMatch(/Audio: aac/);
      expect(stderr).toMatch(/frame= +60/);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
