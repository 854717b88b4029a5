import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { hlsNames } from '@framelock/server/protocol';
import { FfmpegProcess } from '../../source/FfmpegProcess.ts';
import type { StoredSegment } from '../store/segmentIndex.ts';
import { joinRuns, type Run } from './joinRuns.ts';
import { firstDecodeTime, rebaseFragments } from './rebaseFragments.ts';

export interface Mp4RemuxOptions {
  folder: string;
  segments: readonly StoredSegment[];
  ffmpegBin: string;
}

const copied = ['-map', '0:v:0', '-map', '0:a:0?', '-c', 'copy'];
const toMp4 = [
  ...['-avoid_negative_ts', 'make_zero', '-movflags', '+frag_keyframe+empty_moov+default_base_moof'],
  ...['-f', 'mp4', 'pipe:1'],
];
/** Parameter sets travel in the stream there, so that pictures of another size can follow. */
const toTs = ['-copyts', '-muxdelay', '0', '-muxpreload', '0', '-f', 'mpegts', 'pipe:1'];

/**
 * One MP4 of all Segments of a folder, copied, from time 0 on and without gaps. What changes its init section (another
 * picture size) goes through MPEG-TS, one FFmpeg after the other.
 */
export class Mp4Remux {
  /** Fails where FFmpeg does, or where a Segment is gone. */
  readonly stream: Readable;
  readonly #options: Mp4RemuxOptions;
  readonly #running = new Set<FfmpegProcess>();
  /** Of the first sample, once it is known. */
  #origin: number | undefined;
  #stopped = false;

  constructor(options: Mp4RemuxOptions) {
    this.#options = options;
    const runs = joinRuns(options.segments);
    const bytes =
      runs.length <= 1
        ? this.#ffmpeg(['-f', 'mp4', '-i', 'pipe:0', ...copied, ...toMp4], () => this.#readRuns(runs))
        : this.#ffmpeg(['-f', 'mpegts', '-i', 'pipe:0', ...copied, '-bsf:a', 'aac_adtstoasc', ...toMp4], () =>
            this.#readTs(runs),
          );
    this.stream = Readable.from(bytes, { objectMode: false });
  }

  /** Kills what runs. Idempotent. */
  stop(): void {
    this.#stopped = true;
    this.stream.destroy();
    for (const ffmpeg of this.#running) void ffmpeg.kill();
  }

  async *#ffmpeg(args: string[], input: () => AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
    if (this.#stopped) return;
    let inputError: Error | undefined;
    const stdin = Readable.from(input(), { objectMode: false });
    stdin.on('error', (error) => (inputError = error));
    const ffmpeg = new FfmpegProcess({ bin: this.#options.ffmpegBin, args, stdin, readsOutput: true });
    this.#running.add(ffmpeg);
    try {
      for await (const chunk of ffmpeg.output) yield chunk as Buffer;
      const { code, message } = await ffmpeg.exited;
      if (inputError) throw inputError;
      if (code !== 0) throw new Error(message);
    } finally {
      await ffmpeg.kill();
      this.#running.delete(ffmpeg);
    }
  }

  async *#readTs(runs: readonly Run[]): AsyncGenerator<Buffer> {
    for (const run of runs) {
      yield* this.#ffmpeg(['-f', 'mp4', '-i', 'pipe:0', ...copied, ...toTs], () => this.#readRuns([run]));
    }
  }

  /** Init section and Segments, each moved to its place. */
  async *#readRuns(runs: readonly Run[]): AsyncGenerator<Buffer> {
    for (const run of runs) {
      yield await this.#read(hlsNames.init(run.initIndex));
      for (const { segment, offset } of run.segments) {
        const data = await this.#read(hlsNames.segment(segment.msn));
        // Sound may begin a little before the picture: the timeline begins with whatever is first.
        this.#origin ??= firstDecodeTime(data) ?? segment.start;
        const lead = this.#options.segments[0]!.start - this.#origin;
        rebaseFragments(data, offset === undefined ? -this.#origin : offset + lead);
        yield data;
      }
    }
  }

  #read(name: string): Promise<Buffer> {
    return readFile(join(this.#options.folder, name));
  }
}
