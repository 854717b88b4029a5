import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

const program = new URL('./obsPublish.ts', import.meta.url).pathname;

export interface ObsProcessOptions {
  whipUrl: string;
  bearer: string;
  clipFolder: string;
  until?: 'posted' | 'connected' | 'publishing';
}

/** An OBS-like publisher that can be killed, or frozen: to its server, a network that lost every packet. */
export class ObsProcess {
  readonly #process: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#process = child;
  }

  /** Resolves when it is as far as `until` says. */
  static async create({ whipUrl, bearer, clipFolder, until = 'publishing' }: ObsProcessOptions): Promise<ObsProcess> {
    const args = [program, '--whip', whipUrl, '--key', bearer, '--clip', clipFolder, '--until', until];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const ready = new Promise<void>((resolve, reject) => {
      const take = (chunk: Buffer) => {
        output += chunk.toString();
        if (/^ready$/m.test(output)) resolve();
      };
      child.stdout.on('data', take);
      child.stderr.on('data', take);
      child.once('exit', (code) => reject(new Error(`the publisher ended with ${code}:\n${output}`)));
    });
    await ready;
    return new ObsProcess(child);
  }

  freeze(): void {
    this.#process.kill('SIGSTOP');
  }

  /** SIGKILL: its sockets are gone, nobody was told. SIGTERM: as OBS stops. */
  async close(signal: 'SIGTERM' | 'SIGKILL' = 'SIGKILL'): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, 'exit');
    this.#process.kill(signal);
    if (signal === 'SIGTERM') this.#process.kill('SIGCONT');
    await ended;
  }
}
