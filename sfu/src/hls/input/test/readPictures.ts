import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { VideoFormat, VideoSample } from '../../media.ts';
import { codeBits, codeColumns } from '@framelock/server/protocol/tap/testing';
import { testFfmpegBin } from '../../../testing/clips.ts';
import { toAnnexB } from '../accessUnit.ts';

const columnPixels = 8;
const width = codeColumns * columnPixels;
const height = 16;

/** The number that is drawn in each sample (`encodeClip`), or why it cannot be read; samples of one format. */
export async function readPictures(format: VideoFormat, samples: readonly VideoSample[]): Promise<(number | string)[]> {
  const stream = samples.map(({ key, data }) => toAnnexB(key ? [format.sps, format.pps] : [], Buffer.from(data)));
  const scale = `scale=${width}:${height}:flags=area`;
  const output = ['-f', 'rawvideo', '-pix_fmt', 'gray', 'pipe:1'];
  const args = ['-v', 'error', '-f', 'h264', '-i', 'pipe:0', '-vsync', 'passthrough', '-vf', scale, ...output];
  const ffmpeg = spawn(testFfmpegBin, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const chunks: Buffer[] = [];
  ffmpeg.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  ffmpeg.stdin.on('error', () => {});
  const closed = once(ffmpeg, 'close');
  ffmpeg.stdin.end(Buffer.concat(stream));
  await closed;
  const pixels = Buffer.concat(chunks);
  const pictures = [];
  for (let at = 0; at < pixels.length; at += width * height) pictures.push(readNumber(pixels.subarray(at)));
  return pictures;
}

function readNumber(picture: Buffer): number | string {
  let number = 0;
  for (let bit = 0; bit < codeBits; bit++) {
    const x = (bit + 1.5) * columnPixels;
    const [upper, lower] = [picture[width * 3 + x]!, picture[width * 12 + x]!];
    if (Math.abs(upper - lower) < 100) return `bit ${bit} is not clear: ${upper} over ${lower}`;
    if (upper > lower) number |= 1 << bit;
  }
  return number;
}
