import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { VideoCodec } from './Depacketiser.ts';
import type { TestFrame } from './testPackets.ts';

/**
 * Tests and benches only: clips whose every picture carries its number as a bar code. Columns: red, one for each bit
 * (white = 1), blue; the lower half has the bits inverted.
 */
export const codeBits = 12;
export const codeColumns = codeBits + 2;
const columns = codeColumns;

export interface ClipOptions {
  codec: VideoCodec;
  frames: number;
  width: number;
  height: number;
  /** Frames from one key frame to the next. */
  keyEvery: number;
  /** Number of the first picture. */
  firstNumber?: number;
  bitrateBps?: number;
  /** H264 only. */
  slices?: number;
  /** H264 only: so many between two others, always; frames come in order of decoding. */
  bFrames?: number;
  /** Moving noise beside the bars, as much of the picture as an encoder has work with; 0..1. */
  noise?: number;
  /** Draws picture `i` (from 0) instead: RGB, 8 bits each. */
  draw?(i: number): Uint8Array;
}

const encoders: Record<VideoCodec, string[]> = {
  h264: ['-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-profile:v', 'baseline'],
  vp8: ['-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8', '-lag-in-frames', '0', '-auto-alt-ref', '0'],
  vp9: ['-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8', '-lag-in-frames', '0'],
  av1: ['-c:v', 'libaom-av1', '-usage', 'realtime', '-cpu-used', '8', '-lag-in-frames', '0'],
};

/** Encodes with the installed FFmpeg. */
export async function encodeClip(options: ClipOptions): Promise<TestFrame[]> {
  const { codec, frames, width, height, keyEvery, slices = 1, bFrames } = options;
  const bitrate = String(options.bitrateBps ?? 2_000_000);
  const x264 = `keyint=${keyEvery}:min-keyint=${keyEvery}:scenecut=0:repeat-headers=1:aud=1:slices=${slices}:sliced-threads=0`;
  const order = bFrames ? `:bframes=${bFrames}:b-adapt=0:b-pyramid=none:open-gop=0` : '';
  const encoder = bFrames ? encoders.h264.slice(0, 4) : encoders[codec];
  const ffmpeg = spawn(
    process.env.FFMPEG_BIN || 'ffmpeg',
    [
      ...['-v', 'error', '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-s', `${width}x${height}`, '-r', '30', '-i', 'pipe:0'],
      ...encoder,
      ...['-threads', '2', '-pix_fmt', 'yuv420p', '-b:v', bitrate, '-g', String(keyEvery)],
      ...(codec === 'h264'
        ? ['-x264-params', x264 + order, '-f', 'h264']
        : ['-keyint_min', String(keyEvery), '-f', 'ivf']),
      'pipe:1',
    ],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  const output: Buffer[] = [];
  ffmpeg.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  const exited = once(ffmpeg, 'close');
  ffmpeg.stdin.on('error', () => {});
  for (let i = 0; i < frames; i++) {
    const picture = options.draw?.(i) ?? drawPicture(width, height, (options.firstNumber ?? 0) + i, options.noise ?? 0);
    if (!ffmpeg.stdin.write(picture)) await once(ffmpeg.stdin, 'drain');
  }
  ffmpeg.stdin.end();
  const [code] = await exited;
  assert.equal(code, 0, `ffmpeg encodes ${codec}`);
  const encoded = splitFrames(codec, Buffer.concat(output));
  assert.equal(encoded.length, frames);
  return encoded;
}

function drawPicture(width: number, height: number, number: number, noise: number): Buffer {
  const picture = Buffer.alloc(width * height * 3);
  for (const lower of [false, true]) {
    const row = Buffer.alloc(width * 3);
    for (let x = 0; x < width; x++) {
      const column = Math.floor((x * columns) / width);
      const bit = ((number >> (column - 1)) & 1) !== (lower ? 1 : 0);
      const [r, g, b] =
        column === 0 ? [255, 0, 0] : column === columns - 1 ? [0, 0, 255] : bit ? [255, 255, 255] : [0, 0, 0];
      row.set([r, g, b], x * 3);
    }
    for (let y = lower ? height >> 1 : 0; y < (lower ? height : height >> 1); y++) row.copy(picture, y * width * 3);
  }
  // Noise in a band around the middle, away from the rows that are read.
  const band = Math.floor(height * noise * 0.2);
  let state = number * 2654435761;
  for (let y = (height >> 1) - band; y < (height >> 1) + band; y++) {
    for (let i = y * width * 3; i < (y + 1) * width * 3; i += 8) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      picture[i] = state >>> 24;
    }
  }
  return picture;
}

function splitFrames(codec: VideoCodec, stream: Buffer): TestFrame[] {
  if (codec === 'h264') return splitAccessUnits(stream);
  const frames: TestFrame[] = [];
  for (let offset = stream.readUInt16LE(6); offset < stream.length;) {
    const bytes = stream.readUInt32LE(offset);
    const data = stream.subarray(offset + 12, offset + 12 + bytes);
    offset += 12 + bytes;
    if (codec === 'vp8') frames.push({ key: (data[0]! & 1) === 0, units: [data] });
    else if (codec === 'vp9') frames.push({ key: (data[0]! & 0x0c) === 0, units: [data] });
    else frames.push(splitObus(data));
  }
  return frames;
}

/** Annex B with access unit delimiters, which are left out as browsers do. */
function splitAccessUnits(stream: Buffer): TestFrame[] {
  const frames: TestFrame[] = [];
  const starts: number[] = [];
  for (let i = stream.indexOf('000001', 0, 'hex'); i >= 0; i = stream.indexOf('000001', i + 3, 'hex'))
    starts.push(i + 3);
  starts.forEach((begin, i) => {
    let end = i + 1 < starts.length ? starts[i + 1]! - 3 : stream.length;
    while (stream[end - 1] === 0) end--;
    const nal = stream.subarray(begin, end);
    const type = nal[0]! & 0x1f;
    if (type === 9) return frames.push({ key: false, units: [] });
    const frame = frames.at(-1)!;
    frame.units.push(nal);
    if (type === 5) frame.key = true;
  });
  return frames;
}

function splitObus(unit: Buffer): TestFrame {
  const units: Buffer[] = [];
  let key = false;
  for (let offset = 0; offset < unit.length;) {
    const header = unit[offset]!;
    const headBytes = header & 0x04 ? 2 : 1;
    let size = 0;
    let next = offset + headBytes;
    for (let shift = 0; ; shift += 7) {
      const byte = unit[next++]!;
      size += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    const type = (header >> 3) & 0x0f;
    if (type === 1) key = true;
    if (type !== 2) {
      const head = Buffer.from(unit.subarray(offset, offset + headBytes));
      head[0] = header & ~0x02;
      units.push(Buffer.concat([head, unit.subarray(next, next + size)]));
    }
    offset = next + size;
  }
  return { key, units };
}
