import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

const ffmpeg = process.env.FFMPEG_BIN || 'ffmpeg';

/** FFmpeg as somebody's encoder: a file in real time, for ever, without encoding it again. */
export class FfmpegPublisher {
  readonly #process: ChildProcess;
  #errors = '';

  private constructor(child: ChildProcess) {
    this.#process = child;
    child.stderr!.on('data', (chunk: Buffer) => (this.#errors = (this.#errors + chunk.toString()).slice(-4_000)));
  }

  /** `output`: FFmpeg's arguments for where it goes, e.g. `['-f', 'flv', 'rtmp://…']`. */
  static create(file: string, output: readonly string[]): FfmpegPublisher {
    const input = ['-hide_banner', '-loglevel', 'warning', '-nostdin', '-re', '-stream_loop', '-1', '-i', file];
    const child = spawn(ffmpeg, [...input, '-c', 'copy', ...output], { stdio: ['ignore', 'ignore', 'pipe'] });
    return new FfmpegPublisher(child);
  }

  get running(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** The end of what it wrote to stderr. */
  get errors(): string {
    return this.#errors;
  }

  async close(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    if (!this.running) return;
    const ended = once(this.#process, 'exit');
    this.#process.kill(signal);
    await ended;
  }
}
