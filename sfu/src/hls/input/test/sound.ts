import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { testFfmpegBin } from '../../../testing/clips.ts';
import type { AudioSample } from '../../media.ts';

const run = promisify(execFile);

/** Opus packets of 20 ms: silence, and a beep of 100 ms at each of these times, s. */
export async function beepingOpus(seconds: number, beepsAt: readonly number[]): Promise<Buffer[]> {
  const on = beepsAt.map((at) => `between(t,${at},${at + 0.1})`).join('+');
  const filter = `sine=1000:r=48000,volume=4,volume='if(${on},1,0)':eval=frame`;
  // Small frames in the filter, so that the beep begins where it should.
  const args = ['-v', 'error', '-f', 'lavfi', '-i', filter.replace('r=48000', 'r=48000:samples_per_frame=48')];
  const output = ['-t', String(seconds), '-ac', '2', '-c:a', 'libopus', '-frame_duration', '20', '-f', 'ogg', 'pipe:1'];
  const { stdout } = await run(testFfmpegBin, [...args, ...output], { encoding: 'buffer', maxBuffer: 1e8 });
  return readOgg(stdout).slice(2);
}

/** Packets of an Ogg stream, headers included. */
export function readOgg(stream: Buffer): Buffer[] {
  const packets: Buffer[] = [];
  let parts: Buffer[] = [];
  for (let at = 0; at < stream.length;) {
    const segments = stream[at + 26]!;
    let body = at + 27 + segments;
    for (let i = 0; i < segments; i++) {
      const bytes = stream[at + 27 + i]!;
      parts.push(stream.subarray(body, body + bytes));
      body += bytes;
      if (bytes === 255) continue;
      packets.push(Buffer.concat(parts));
      parts = [];
    }
    at = body;
  }
  return packets;
}

/** Media times at which sound begins after silence. */
export async function beepTimes(samples: readonly AudioSample[]): Promise<number[]> {
  const args = ['-v', 'error', '-f', 'aac', '-i', 'pipe:0', '-f', 's16le', '-ac', '1', '-ar', '48000', 'pipe:1'];
  const ffmpeg = spawn(testFfmpegBin, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const chunks: Buffer[] = [];
  ffmpeg.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const closed = once(ffmpeg, 'close');
  ffmpeg.stdin.end(Buffer.concat(samples.flatMap(({ data }) => [adtsHeader(data.length), data])));
  await closed;
  const pcm = Buffer.concat(chunks);
  const found: number[] = [];
  let loudAt = -Infinity;
  for (let i = 0; i * 2 < pcm.length; i++) {
    if (Math.abs(pcm.readInt16LE(i * 2)) < 3_000) continue;
    if (i - loudAt > 4_800) found.push(samples[0]!.time + i * 1.875);
    loudAt = i;
  }
  return found;
}

/** AAC-LC, 48 kHz, stereo (ISO/IEC 13818-7, 6.2). */
function adtsHeader(bytes: number): Buffer {
  const length = bytes + 7;
  return Buffer.from([
    ...[0xff, 0xf1, 0x4c, 0x80 | (length >> 11), (length >> 3) & 0xff],
    ...[((length & 7) << 5) | 0x1f, 0xfc],
  ]);
}
