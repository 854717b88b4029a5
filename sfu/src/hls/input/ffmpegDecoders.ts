import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const asked = new Map<string, Promise<string[]>>();

/** Decoders that this FFmpeg has; asked once. Rejects where it does not run, and asks again then. */
export function ffmpegDecoders(bin: string): Promise<string[]> {
  let answer = asked.get(bin);
  if (!answer) {
    answer = run(bin, ['-hide_banner', '-decoders'], { timeout: 10_000, maxBuffer: 4 * 1024 * 1024 }).then(
      ({ stdout }) =>
        [...stdout.matchAll(/^ [VAS][A-Z.]{5} (\S+)/gm)].map(([, name]) => name!).filter((name) => name !== '='),
    );
    asked.set(bin, answer);
    answer.catch(() => asked.delete(bin));
  }
  return answer;
}
