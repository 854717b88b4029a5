import type { VideoCodec } from '@framelock/server/protocol/tap';
import { encodeClip, expectedBytes } from '@framelock/server/protocol/tap/testing';
import { spawnSync } from 'node:child_process';
import { afterEach, describe, expect, it } from 'vitest';
import { maxPosterBytes, PosterEncoder, posterSize } from './PosterEncoder.ts';
import { VideoDecoder } from './VideoDecoder.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

/** JPEGs of a clip whose pictures are `stepMs` apart. */
async function postersOf(clip: { codec: VideoCodec; width: number; height: number; noise?: number; frames?: number }) {
  const { codec, frames = 3 } = clip;
  const encoded = await encodeClip({ ...clip, frames, keyEvery: 30, bitrateBps: 20_000_000 });
  const decoder = VideoDecoder.create(codec);
  const posters = new PosterEncoder(5_000);
  cleanups.push(
    () => decoder.close(),
    () => posters.close(),
  );
  const jpegs: Uint8Array[] = [];
  for (const [index, frame] of encoded.entries()) {
    decoder.decode([expectedBytes(codec, frame)], frame.key, index * 3000, (picture) =>
      posters.keep(picture, 1_000 + index * 2_000),
    );
    const jpeg = posters.encode();
    if (jpeg) jpegs.push(jpeg);
  }
  return jpegs;
}

/** With a decoder that is not the one under test. */
function decodeJpeg(jpeg: Uint8Array, width: number, height: number) {
  const args = ['-v', 'error', '-f', 'mjpeg', '-i', 'pipe:0', '-f', 'rawvideo', '-pix_fmt', 'rgb24', 'pipe:1'];
  const { stdout, stderr } = spawnSync(process.env.FFMPEG_BIN || 'ffmpeg', args, { input: jpeg });
  expect(String(stderr)).toBe('');
  expect(stdout.length).toBe(width * height * 3);
  return (x: number, y: number): number[] => [...stdout.subarray((y * width + x) * 3, (y * width + x) * 3 + 3)];
}

describe('PosterEncoder', () => {
  it.each<VideoCodec>(['h264', 'vp8', 'vp9', 'av1'])(
    'makes a small JPEG with the right colours of %s',
    async (codec) => {
      const [jpeg, ...more] = await postersOf({ codec, width: 1280, height: 720 });
      expect(more).toEqual([]);
      expect(jpeg!.byteLength).toBeLessThan(maxPosterBytes);
      expect(jpeg!.byteLength).toBeGreaterThan(500);
      const pixel = decodeJpeg(jpeg!, 480, 270);
      const [red, blue] = [pixel(10, 60), pixel(470, 60)];
      expect(red[0]).toBeGreaterThan(200);
      expect(Math.max(red[1]!, red[2]!)).toBeLessThan(60);
      expect(blue[2]).toBeGreaterThan(200);
      expect(Math.max(blue[0]!, blue[1]!)).toBeLessThan(60);
    },
  );

  it('makes one every so often, and of a picture that is upright too', async () => {
    const jpegs = await postersOf({ codec: 'vp8', width: 360, height: 640, frames: 8 });
    // Pictures 2 s apart, posters 5 s: at 1, 7 and 13 s.
    expect(jpegs).toHaveLength(3);
    decodeJpeg(jpegs[0]!, 270, 480);
  });

  it('keeps a noisy picture under its limit', async () => {
    const [jpeg] = await postersOf({ codec: 'h264', width: 1920, height: 1080, noise: 1 });
    expect(jpeg!.byteLength).toBeLessThanOrEqual(maxPosterBytes);
    decodeJpeg(jpeg!, 480, 270);
  });

  it('never enlarges, and has even edges', () => {
    expect(posterSize(320, 240)).toEqual({ width: 320, height: 240 });
    expect(posterSize(1920, 1080)).toEqual({ width: 480, height: 270 });
    expect(posterSize(7680, 16)).toEqual({ width: 480, height: 2 });
    expect(posterSize(101, 75)).toEqual({ width: 102, height: 76 });
  });
});
