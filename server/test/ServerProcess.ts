import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { NodeHeartbeat } from '../src/protocol/index.ts';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

/** The real server in a process of its own, which may be killed at any moment. */
export class ServerProcess {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #output: { text: string };

  private constructor(child: ChildProcess, url: string, output: { text: string }) {
    this.#child = child;
    this.url = url;
    this.#output = output;
  }

  /** When it listens. @throws with its output where it ends before. */
  static async create(environment: Record<string, string>): Promise<ServerProcess> {
    const child = spawn(process.execPath, [main], {
      env: { PATH: process.env.PATH, PORT: '0', LOG_LEVEL: 'info', ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const output = { text: '' };
    const add = (data: Buffer) => void (output.text = (output.text + data.toString()).slice(-100_000));
    child.stderr.on('data', add);
    const url = await new Promise<string>((resolve, reject) => {
      child.stdout.on('data', (data: Buffer) => {
        add(data);
        const line = output.text.split('\n').find((one) => one.includes('"listening"'));
        const found = line && /"url":"([^"]+)"/.exec(line)?.[1];
        if (found) resolve(found);
      });
      child.on('exit', (code) => reject(new Error(`the server ended with ${code}: ${output.text}`)));
    });
    return new ServerProcess(child, url, output);
  }

  /** The end of what it has printed. */
  get output(): string {
    return this.#output.text;
  }

  heartbeat(heartbeat: NodeHeartbeat, nodeSecret: string): Promise<Response> {
    return fetch(`${this.url}/internal/nodes/heartbeat`, {
      method: 'POST',
      headers: { authorization: `Bearer ${nodeSecret}`, 'content-type': 'application/json' },
      body: JSON.stringify(heartbeat),
    });
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }
}
