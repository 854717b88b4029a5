import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { testFfmpegBin } from '../../testing/clips.ts';
import { bearer } from './HlsBench.ts';

const run = promisify(execFile);

/** Sizes of the pictures that FFmpeg plays from a playlist, in order; rejects where it finds anything wrong. */
export async function decodedSizes(url: string): Promise<string[]> {
  const input = ['-headers', `Authorization: ${bearer.authorization}\r\n`, '-i', url];
  const output = ['-an', '-vf', 'showinfo', '-f', 'null', '-'];
  const { stderr } = await run(testFfmpegBin, ['-nostdin', '-xerror', ...input, ...output], { maxBuffer: 64e6 });
  if (/error|invalid|corrupt/i.test(stderr)) throw new Error(stderr);
  const sizes = [...stderr.matchAll(/ s:(\d+x\d+) /g)].map(([, size]) => size!);
  return sizes.filter((size, i) => size !== sizes[i - 1]);
}
