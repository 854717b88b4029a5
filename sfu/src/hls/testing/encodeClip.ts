import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { AudioFormat, VideoFormat } from '../media.ts';

const run = promisify(execFile);
const [sps, pps, delimiter, idr] = [7, 8, 9, 5];

export interface EncodedClip {
  format: VideoFormat;
  pictures: { key: boolean; data: Buffer }[];
}

async function encode(bin: string, args: readonly string[]): Promise<Buffer> {
  const options = { encoding: 'buffer' as const, maxBuffer: 64_000_000 };
  const { stdout } = await run(bin, ['-hide_banner', '-v', 'error', '-nostdin', ...args, 'pipe:1'], options);
  return stdout;
}

/** H264 as a live encoder makes it, a key frame every `gop` pictures, as samples for fMP4. */
export async function encodeVideo(
  ffmpeg: string,
  { size, frames, gop = 30 }: { size: [number, number]; frames: number; gop?: number },
): Promise<EncodedClip> {
  const source = `testsrc2=size=${size.join('x')}:rate=30`;
  const args = ['-f', 'lavfi', '-i', source, '-frames:v', `${frames}`, '-c:v', 'libx264', '-preset', 'ultrafast'];
  const live = ['-tune', 'zerolatency', '-g', `${gop}`, '-x264-params', 'aud=1:scenecut=0', '-pix_fmt', 'yuv420p'];
  const stream = await encode(ffmpeg, [...args, ...live, '-f', 'h264']);
  const format: Partial<VideoFormat> = { width: size[0], height: size[1] };
  const pictures: EncodedClip['pictures'] = [];
  let nals: Buffer[] = [];
  const close = (): void => {
    if (nals.length > 0) pictures.push({ key: nals.some((nal) => (nal[0]! & 0x1f) === idr), data: withLengths(nals) });
    nals = [];
  };
  for (const nal of splitAnnexB(stream)) {
    const type = nal[0]! & 0x1f;
    if (type === delimiter) close();
    else if (type === sps) format.sps = nal;
    else if (type === pps) format.pps = nal;
    else nals.push(nal);
  }
  close();
  format.codec = `avc1.${format.sps!.subarray(1, 4).toString('hex')}`;
  return { format: format as VideoFormat, pictures };
}

/** AAC frames without ADTS. */
export async function encodeAudio(ffmpeg: string, seconds: number): Promise<{ format: AudioFormat; frames: Buffer[] }> {
  const source = `sine=frequency=440:sample_rate=48000:duration=${seconds}`;
  const stream = await encode(ffmpeg, ['-f', 'lavfi', '-i', source, '-ac', '2', '-c:a', 'aac', '-b:a', '96k', '-f', 'adts']); // prettier-ignore
  const frames: Buffer[] = [];
  for (let at = 0; at + 7 <= stream.length;) {
    const length = ((stream[at + 3]! & 3) << 11) | (stream[at + 4]! << 3) | (stream[at + 5]! >> 5);
    frames.push(stream.subarray(at + 7, at + length));
    at += length;
  }
  // AAC-LC, 48 kHz, stereo (ISO/IEC 14496-3, 1.6.2.1).
  const config = Buffer.from([0x11, 0x90]);
  return { format: { codec: 'mp4a.40.2', sampleRate: 48_000, channels: 2, config }, frames };
}

function splitAnnexB(stream: Buffer): Buffer[] {
  const startCode = Buffer.from([0, 0, 1]);
  const nals: Buffer[] = [];
  let begin = stream.indexOf(startCode);
  while (begin >= 0) {
    const next = stream.indexOf(startCode, begin + 3);
    let end = next < 0 ? stream.length : next;
    while (end > begin + 3 && stream[end - 1] === 0) end--;
    nals.push(stream.subarray(begin + 3, end));
    begin = next;
  }
  return nals;
}

function withLengths(nals: readonly Buffer[]): Buffer {
  return Buffer.concat(
    nals.flatMap((nal) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(nal.length);
      return [length, nal];
    }),
  );
}
