import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createdStreamSchema, streamViewSchema, type CreatedStream, type StreamView } from '@framelock/server/protocol';
import { eventually } from './eventually.ts';

const root = new URL('../../../', import.meta.url).pathname;

/** Server and sfu, and no inference node: what a small machine may run. The client has to be built. */
export class NoInference {
  readonly url: string;
  readonly #dataDir: string;
  readonly #start: (main: string) => ChildProcess;
  readonly #server: ChildProcess;
  #sfu: ChildProcess;

  private constructor(url: string, dataDir: string, start: (main: string) => ChildProcess) {
    this.url = url;
    this.#dataDir = dataDir;
    this.#start = start;
    this.#server = start('server/src/main.ts');
    this.#sfu = start('sfu/src/main.ts');
  }

  static async create(): Promise<NoInference> {
    const dataDir = await mkdtemp(join(tmpdir(), 'framelock-no-inference-'));
    const port = String(await freePort());
    const url = `http://127.0.0.1:${port}`;
    const env = {
      ...process.env,
      ...{ PORT: port, DATA_DIR: dataDir, SERVER_URL: url, NODE_SECRET: 'secret-of-a-test-without-inference' },
      ...{ HOST: '127.0.0.1', DATABASE_URL: '', RTC_PORT: '0', RTMP_PORT: '0', SRT_PORT: '0', LOG_LEVEL: 'warn' },
    };
    const start = (main: string) => spawn(process.execPath, [join(root, main)], { env, stdio: 'inherit' });
    const made = new NoInference(url, dataDir, start);
    try {
      await eventually(
        'server and sfu are up',
        async () => {
          const answer = await fetch(`${url}/readyz`).catch(() => undefined);
          return ((await answer?.json()) as { sfu?: boolean } | undefined)?.sfu === true;
        },
        { withinMs: 90_000 },
      );
      return made;
    } catch (error) {
      await made.close();
      throw error;
    }
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

  /** It dies, and another takes its place. */
  async loseSfu(): Promise<void> {
    await end(this.#sfu, 'SIGKILL');
    this.#sfu = this.#start('sfu/src/main.ts');
  }

  async close(): Promise<void> {
    await Promise.all([end(this.#sfu, 'SIGTERM'), end(this.#server, 'SIGTERM')]);
    await rm(this.#dataDir, { recursive: true, force: true });
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
