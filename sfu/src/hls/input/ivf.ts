import type { VideoCodec } from '@framelock/server/protocol/tap';
import { videoClockRate } from '@framelock/server/protocol';

const fourCc: Record<VideoCodec, string> = { h264: 'H264', vp8: 'VP80', vp9: 'VP90', av1: 'AV01' };

/** IVF, which FFmpeg reads a frame at a time, as it comes, with a 64 bit time for each; here in ticks of 90 kHz. */
export function writeIvfHeader(codec: VideoCodec, width: number, height: number): Buffer {
  const header = Buffer.alloc(32);
  header.write('DKIF', 0, 'latin1');
  header.writeUInt16LE(32, 6);
  header.write(fourCc[codec], 8, 'latin1');
  header.writeUInt16LE(width, 12);
  header.writeUInt16LE(height, 14);
  header.writeUInt32LE(videoClockRate, 16);
  header.writeUInt32LE(1, 20);
  return header;
}

export function writeIvfFrameHeader(bytes: number, ticks: number): Buffer {
  const header = Buffer.allocUnsafe(12);
  header.writeUInt32LE(bytes, 0);
  header.writeUInt32LE(ticks % 2 ** 32, 4);
  header.writeUInt32LE(Math.floor(ticks / 2 ** 32), 8);
  return header;
}
