import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { explainFfmpeg } from './explainFfmpeg.ts';
import type { SourceInput } from './SourceInput.ts';

export interface FfmpegProcessOptions {
  bin: string;
  args: readonly string[];
  /** Its stdin; otherwise it has none. Destroyed with it. */
  stdin?: Readable;
  /** What must never show up in messages, e.g. a passphrase. */
  secrets?: readonly string[];
  /** Ends it when its log, of level info then, has such a line. */
  forbidden?: SourceInput['forbidden'];
  /** Lines of its stdout. */
  onLine?(line: string): void;
  /** Bytes of its stdout, where that is media; instead of `onLine`. */
  onBytes?(chunk: Buffer): void;
  /** `output` is read by somebody; instead of `onLine`. */
  readsOutput?: boolean;
  /** Bytes of its fourth descriptor (`pipe:3`). */
  onSide?(chunk: Buffer): void;
}

export interface FfmpegExit {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** Why, for people; only worth reading when it did not end by our wish. */
  message: string;
  /** It did what is `forbidden`: nothing that it read may be used. */
  forbidden: boolean;
}

const maxLines = 60;
const maxLineChars = 500;
const killAfterMs = 1_500;
/** Ends it with this process even where that gets no chance to; without it, FFmpeg ends at its next write to stdout. */
const setpriv = ['/usr/bin/setpriv', '/bin/setpriv'].find((path) => process.platform === 'linux' && existsSync(path));

/** Child processes of this kind that run, in the whole process: for metrics and tests. */
let running = 0;
export const runningFfmpegs = (): number => running;

/** One FFmpeg. Its stderr is kept as a short tail, and `exited` resolves when it is gone, whatever happened. */
export class FfmpegProcess {
  readonly exited: Promise<FfmpegExit>;
  readonly #child: ChildProcess;
  readonly #options: FfmpegProcessOptions;
  readonly #tail: string[] = [];
  /** Why it may not go on. */
  #forbidden: string | undefined;
  #gone = false;
  #killTimer: NodeJS.Timeout | undefined;

  constructor(options: FfmpegProcessOptions) {
    this.#options = options;
    const { bin, args, stdin, onLine, onBytes, onSide, readsOutput, forbidden } = options;
    const command = setpriv ? [setpriv, '--pdeathsig', 'KILL', '--', bin] : [bin];
    const log = ['-hide_banner', '-nostats', '-loglevel', forbidden ? 'level+info' : 'warning'];
    this.#child = spawn(command[0]!, [...command.slice(1), ...log, ...args], {
      stdio: [stdin ? 'pipe' : 'ignore', 'pipe', 'pipe', onSide ? 'pipe' : 'ignore'],
      // No proxy, no own configuration of FFmpeg: an input goes where its URL says.
      env: {
        PATH: process.env.PATH ?? '',
        LC_ALL: 'C',
        ...(process.env.LD_LIBRARY_PATH ? { LD_LIBRARY_PATH: process.env.LD_LIBRARY_PATH } : {}),
      },
    });
    const { stdout, stderr, stdio } = this.#child;
    if (onBytes) stdout!.on('data', onBytes);
    else if (!readsOutput) createInterface({ input: stdout! }).on('line', (line) => onLine?.(line));
    createInterface({ input: stderr! }).on('line', (line) => this.#keep(line));
    if (onSide) (stdio[3] as Readable).on('data', onSide);
    if (stdin) this.#feed(stdin);
    this.exited = this.#watch();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get output(): Readable {
    return this.#child.stdout!;
  }

  get gone(): boolean {
    return this.#gone;
  }

  #feed(stdin: Readable): void {
    const pipe = this.#child.stdin!;
    // FFmpeg may end before its input does: that is told by its exit.
    pipe.on('error', () => stdin.destroy());
    stdin.on('error', () => pipe.end());
    stdin.pipe(pipe);
  }

  #keep(line: string): void {
    const { forbidden } = this.#options;
    if (forbidden?.pattern.test(line)) {
      this.#forbidden = forbidden.says;
      void this.kill();
    }
    const kept = forbidden ? withoutLevel(line) : line;
    const text = kept.slice(0, maxLineChars).trim();
    if (!text) return;
    this.#tail.push(text);
    if (this.#tail.length > maxLines) this.#tail.shift();
  }

  async #watch(): Promise<FfmpegExit> {
    running++;
    let failure: Error | undefined;
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
      this.#child.once('error', (error) => {
        failure = error;
        if (this.#child.pid === undefined) resolve([null, null]);
      });
      // `close` comes after the last of its output was read.
      this.#child.once('close', (exitCode, exitSignal) => resolve([exitCode, exitSignal]));
    });
    running--;
    this.#gone = true;
    clearTimeout(this.#killTimer);
    this.#options.stdin?.destroy();
    if (signal === 'SIGKILL') this.#tail.push('FFmpeg was killed: is this machine out of memory?');
    const lines = failure ? [...this.#tail, `FFmpeg did not start: ${failure.message}`] : this.#tail;
    const message = this.#forbidden ?? explainFfmpeg(lines, this.#options.secrets);
    return { code, signal, message, forbidden: this.#forbidden !== undefined };
  }

  /** SIGTERM, then SIGKILL. Resolves when it is gone. */
  async stop(): Promise<void> {
    if (!this.#gone && !this.#killTimer) {
      this.#options.stdin?.destroy();
      this.#child.kill('SIGTERM');
      this.#killTimer = setTimeout(() => this.#child.kill('SIGKILL'), killAfterMs);
    }
    await this.exited;
  }

  /** For one whose end nobody has to wait for politely. */
  async kill(): Promise<void> {
    this.#options.stdin?.destroy();
    if (!this.#gone) this.#child.kill('SIGKILL');
    await this.exited;
  }
}

/** `[rtsp @ 0x55] [error] words` as a log of level warning would have it; nothing for what it would not have. */
function withoutLevel(line: string): string {
  const [, origin = '', words = ''] = /^(\[[^\]]*\] )?\[(?:warning|error|fatal|panic)\] (.*)$/.exec(line) ?? [];
  return origin + words;
}
