import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
export const testFfmpegBin = process.env.FFMPEG_BIN || 'ffmpeg';

export const clipCodecs = {
  copied: ['-c:v', 'libx264', '-preset', 'ultrafast', '-bf', '0', '-g', '15', '-pix_fmt', 'yuv420p', '-c:a', 'aac'],
  bFrames: ['-c:v', 'libx264', '-preset', 'fast', '-bf', '2', '-g', '30', '-pix_fmt', 'yuv420p', '-c:a', 'aac'],
  highColour: ['-c:v', 'libx264', '-preset', 'ultrafast', '-bf', '0', '-pix_fmt', 'yuv422p', '-an'],
  hevc: ['-c:v', 'libx265', '-preset', 'ultrafast', '-x265-params', 'log-level=none', '-an'],
  vp9: ['-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8', '-c:a', 'libopus'],
  silent: ['-c:v', 'libx264', '-preset', 'ultrafast', '-bf', '0', '-g', '15', '-pix_fmt', 'yuv420p', '-an'],
  soundOnly: ['-vn', '-c:a', 'aac'],
  rareKeys: [
    '-c:v',
    'libx264',
    '-preset',
    'ultrafast',
    '-bf',
    '0',
    '-g',
    '9999',
    '-sc_threshold',
    '0',
    '-pix_fmt',
    'yuv420p',
    '-an',
  ],
} as const;

/** Makes a clip with this name and returns its path. */
export async function makeClip(
  folder: string,
  name: string,
  codecs: readonly string[],
  { seconds = 2, size = '320x180' }: { seconds?: number; size?: string } = {},
): Promise<string> {
  const path = join(folder, name);
  const inputs = ['-f', 'lavfi', '-i', `testsrc2=s=${size}:r=30`, '-f', 'lavfi', '-i', 'sine=440:r=44100'];
  await run(testFfmpegBin, ['-nostdin', '-v', 'error', '-y', ...inputs, '-t', String(seconds), ...codecs, path]);
  return path;
}
