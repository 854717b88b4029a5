import { constants, setPriority } from 'node:os';
import { Readable } from 'node:stream';
import { hlsThumbnailEvery } from '@framelock/server/protocol';
import { FfmpegProcess } from '../../source/FfmpegProcess.ts';
import type { Segment } from '../media.ts';

export interface ThumbnailerOptions {
  ffmpegBin: string;
}

export const thumbnailWidth = 160;
const maxBytes = 512 * 1024;
const giveUpAfterMs = 10_000;
const args = [
  ...['-threads', '1', '-f', 'mp4', '-i', 'pipe:0', '-map', '0:v:0', '-frames:v', '1'],
  ...['-vf', `scale=${thumbnailWidth}:-2`, '-q:v', '6', '-c:v', 'mjpeg', '-f', 'image2pipe', 'pipe:1'],
];

/** Small pictures for the seek bar, one at a time and behind everything else: none is worth a late Part. */
export class Thumbnailer {
  readonly counts = { made: 0, skipped: 0, failed: 0 };
  readonly #ffmpegBin: string;
  #running: FfmpegProcess | undefined;

  constructor({ ffmpegBin }: ThumbnailerOptions) {
    this.#ffmpegBin = ffmpegBin;
  }

  /** Of every `hlsThumbnailEvery`-th Segment: `done` gets a JPEG of its first key frame, if one can be made. */
  offer(segment: Segment, init: Buffer, done: (jpeg: Buffer) => void): void {
    if (segment.msn % hlsThumbnailEvery !== 0) return;
    const part = segment.parts.find(({ independent }) => independent);
    if (this.#running || !part) {
      this.counts.skipped++;
      return;
    }
    void this.#make(Buffer.concat([init, part.data])).then((jpeg) => {
      if (jpeg) done(jpeg);
    });
  }

  async close(): Promise<void> {
    await this.#running?.kill();
  }

  async #make(media: Buffer): Promise<Buffer | undefined> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const ffmpeg = new FfmpegProcess({
      bin: this.#ffmpegBin,
      args,
      stdin: Readable.from([media]),
      onBytes: (chunk) => {
        bytes += chunk.length;
        if (bytes <= maxBytes) chunks.push(chunk);
      },
    });
    this.#running = ffmpeg;
    lowerPriority(ffmpeg.pid);
    const timer = setTimeout(() => void ffmpeg.kill(), giveUpAfterMs);
    const { code } = await ffmpeg.exited;
    clearTimeout(timer);
    this.#running = undefined;
    const jpeg = Buffer.concat(chunks);
    // SOI: FFmpeg ends with 0 where there was no picture, too.
    if (code !== 0 || bytes > maxBytes || jpeg.length < 4 || jpeg.readUInt16BE(0) !== 0xffd8) {
      this.counts.failed++;
      return undefined;
    }
    this.counts.made++;
    return jpeg;
  }
}

function lowerPriority(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    setPriority(pid, constants.priority.PRIORITY_LOW);
  } catch {
    // It has ended already, or this system has no such thing.
  }
}
