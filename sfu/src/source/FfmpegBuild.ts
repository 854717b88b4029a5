import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Refusal } from '@framelock/server/protocol';

const run = promisify(execFile);

/** What the FFmpeg of this node can do; asked once. */
export class FfmpegBuild {
  readonly bin: string;
  readonly version: string;
  /** Input protocols. */
  readonly protocols: readonly string[];
  readonly encoders: readonly string[];

  private constructor(bin: string, version: string, protocols: string[], encoders: string[]) {
    this.bin = bin;
    this.version = version;
    this.protocols = protocols;
    this.encoders = encoders;
  }

  /** @throws Refusal `unavailable` where it does not run. */
  static async create(bin: string): Promise<FfmpegBuild> {
    const ask = async (...args: string[]): Promise<string> => {
      const { stdout } = await run(bin, ['-hide_banner', ...args], { timeout: 10_000, maxBuffer: 4 * 1024 * 1024 });
      return stdout;
    };
    try {
      const [version, protocols, encoders] = await Promise.all([ask('-version'), ask('-protocols'), ask('-encoders')]);
      return new FfmpegBuild(
        bin,
        /^ffmpeg version (\S+)/.exec(version)?.[1] ?? 'unknown',
        readProtocols(protocols),
        readEncoders(encoders),
      );
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const problem = code === 'ENOENT' ? 'is not there' : 'does not run';
      throw new Refusal('unavailable', `FFmpeg (${bin}) ${problem}: install ffmpeg or set FFMPEG_BIN to one that runs`);
    }
  }

  /** @throws Refusal `unavailable` naming what is missing. */
  require(what: 'protocol' | 'encoder', name: string): void {
    const has = what === 'protocol' ? this.protocols : this.encoders;
    if (has.includes(name)) return;
    throw new Refusal(
      'unavailable',
      `this node's FFmpeg (${this.version}) has no ${name} ${what}: set FFMPEG_BIN to one that has it`,
    );
  }
}

/** Names between `Input:` and `Output:`. */
export function readProtocols(listing: string): string[] {
  const input = /^Input:\s*$([\s\S]*?)(^Output:|(?![\s\S]))/m.exec(listing)?.[1] ?? '';
  return input.split('\n').flatMap((line) => (line.trim() ? [line.trim()] : []));
}

/** ` V....D libx264   words`. */
export function readEncoders(listing: string): string[] {
  return [...listing.matchAll(/^ [VAS][A-Z.]{5} (\S+)/gm)].map(([, name]) => name!).filter((name) => name !== '=');
}
