import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Picture } from './drawMarker.ts';

export type Codec = 'vp8' | 'h264' | 'vp9';

/** Real-time settings, as a browser would use them. */
const encoders: Record<Codec, string[]> = {
  vp8: ['-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8', '-lag-in-frames', '0'],
  h264: ['-c:v', 'libx264', '-preset', 'veryfast', '-tune', 'zerolatency', '-profile:v', 'baseline'],
  vp9: ['-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8', '-lag-in-frames', '0'],
};

/** Grey pictures after a trip through ffmpeg's encoder and decoder, 30 fps; the same number of them, of the same size. */
export function throughCodec(pictures: Picture[], codec: Codec, bitrateKbps: number): Picture[] {
  const { width, height } = pictures[0]!;
  const folder = mkdtempSync(join(tmpdir(), 'framelock-marker-'));
  try {
    const [raw, coded, decoded] = ['in.gray', 'coded.mkv', 'out.gray'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(raw, Buffer.concat(pictures.map((picture) => Uint8Array.from(picture.data))));
    const format = ['-f', 'rawvideo', '-pix_fmt', 'gray', '-s', `${width}x${height}`, '-r', '30'];
    const quiet = ['-v', 'error', '-y'];
    const rate = ['-b:v', `${bitrateKbps}k`, '-maxrate', `${bitrateKbps}k`, '-bufsize', `${bitrateKbps}k`, '-g', '300'];
    execFileSync('ffmpeg', [...quiet, ...format, '-i', raw, '-pix_fmt', 'yuv420p', ...encoders[codec], ...rate, coded]);
    execFileSync('ffmpeg', [
      ...quiet,
      '-i',
      coded,
      '-fps_mode',
      'passthrough',
      '-f',
      'rawvideo',
      '-pix_fmt',
      'gray',
      decoded,
    ]);
    const bytes = readFileSync(decoded);
    const size = width * height;
    if (bytes.length !== size * pictures.length)
      throw new Error(`${bytes.length / size} of ${pictures.length} pictures came back`);
    return pictures.map((_, at) => ({ data: bytes.subarray(at * size, (at + 1) * size), width, height, channels: 1 }));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
