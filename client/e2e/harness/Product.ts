import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createdStreamSchema, streamViewSchema, type CreatedStream, type StreamView } from '@framelock/server/protocol';
import { descendants } from './descendants.ts';

const root = new URL('../../../', import.meta.url).pathname;
const startTimeoutMs = 90_000;

/** The whole product, started as a user starts it, on ports and a data folder of its own. */
export class Product {
  readonly url: string;
  readonly dataDir: string;
  readonly #launcher: ChildProcess;
  readonly #output: string[];

  private constructor(url: string, dataDir: string, launcher: ChildProcess, output: string[]) {
    this.url = url;
    this.dataDir = dataDir;
    this.#launcher = launcher;
    this.#output = output;
  }

  static async create(environment: Record<string, string> = {}): Promise<Product> {
    const dataDir = await mkdtemp(join(tmpdir(), 'framelock-e2e-'));
    const [port, rtcPort, rtmpPort] = [await freePort(), await freePort(), await freePort()];
    const launcher = spawn(process.execPath, [join(root, 'deploy/start.mjs')], {
      cwd: root,
      env: {
        ...process.env,
        HOST: '127.0.0.1',
        PORT: String(port),
        RTC_PORT: String(rtcPort),
        RTMP_PORT: String(rtmpPort),
        SRT_PORT: '0',
        DATA_DIR: dataDir,
        // Most tests rely on markers: their boxes are true to the pixel on any machine.
        MODEL: 'marker',
        DATABASE_URL: '',
        LOG_LEVEL: 'info',
        ...environment,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const output: string[] = [];
    const url = await new Promise<string>((resolve, reject) => {
      const fail = (why: string) => {
        launcher.kill('SIGTERM');
        void rm(dataDir, { recursive: true, force: true });
        reject(new Error(`the product did not start: ${why}\n${output.join('')}`));
      };
      const timer = setTimeout(() => fail(`no ready line in ${startTimeoutMs} ms`), startTimeoutMs);
      const take = (chunk: Buffer) => {
        output.push(chunk.toString());
        const ready = /framelock ready: (https?:\/\/\S+)/.exec(output.join(''));
        if (!ready) return;
        clearTimeout(timer);
        resolve(ready[1]!);
      };
      launcher.stdout.on('data', take);
      launcher.stderr.on('data', take);
      launcher.once('exit', (code) => (clearTimeout(timer), fail(`it ended with ${code}`)));
    });
    return new Product(url, dataDir, launcher, output);
  }

  get output(): string {
    return this.#output.join('');
  }

  /** Where Sources of type `file` find their files. */
  get sourceFilesDir(): string {
    return join(this.dataDir, 'files');
  }

  get launcherPid(): number {
    return this.#launcher.pid!;
  }

  async createStream(name: string): Promise<CreatedStream> {
    const response = await fetch(`${this.url}/api/v1/streams`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name }),
    });
    return createdStreamSchema.parse(await response.json());
  }

  async stream(id: string): Promise<StreamView> {
    const response = await fetch(`${this.url}/api/v1/streams/${id}`);
    return streamViewSchema.parse(await response.json());
  }

  /** Pids of this product's processes whose command line holds `part`. */
  async pids(part: string): Promise<number[]> {
    const found: number[] = [];
    for (const pid of await descendants(this.launcherPid)) {
      const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      if (commandLine.replaceAll('\0', ' ').includes(part)) found.push(pid);
    }
    return found;
  }

  async kill(part: string): Promise<void> {
    const pids = await this.pids(part);
    if (pids.length === 0) throw new Error(`no process of the product is called ${part}`);
    for (const pid of pids) process.kill(pid, 'SIGKILL');
  }

  /** Stops the processes called `part` from answering for a while: to their peers, a network that lost every packet. */
  async freeze(part: string, forMs: number): Promise<void> {
    const pids = await this.pids(part);
    if (pids.length === 0) throw new Error(`no process of the product is called ${part}`);
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, forMs));
    for (const pid of pids) process.kill(pid, 'SIGCONT');
  }

  async close(): Promise<void> {
    if (this.#launcher.exitCode === null && this.#launcher.signalCode === null) {
      const ended = new Promise((resolve) => this.#launcher.once('exit', resolve));
      this.#launcher.kill('SIGTERM');
      await ended;
    }
    await rm(this.dataDir, { recursive: true, force: true });
  }
}

/** Free for TCP when asked; as likely free for UDP. Away from the ephemeral range, from which the kernel hands out others. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    const free = await new Promise<boolean>((resolve) => {
      const server = createServer();
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (free) return port;
  }
}
