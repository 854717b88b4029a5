import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pino from 'pino';
import { type Config, parseConfig } from '../src/config.ts';
import { FramelockServer } from '../src/FramelockServer.ts';
import type { CreatedStream, StreamDetail } from '../src/protocol/index.ts';
import type { FakeNode } from './FakeNode.ts';
import { SignalingClient } from './SignalingClient.ts';

export const nodeSecret = 'the-secret-of-the-nodes';

/** A whole server on a free port, with PGlite in a temporary folder. */
export class TestServer {
  readonly server: FramelockServer;
  readonly dataDir: string;
  readonly #keepDataDir: boolean;
  readonly #clients: SignalingClient[] = [];
  readonly #beats: ReturnType<typeof setInterval>[] = [];

  private constructor(server: FramelockServer, dataDir: string, keepDataDir: boolean) {
    this.server = server;
    this.dataDir = dataDir;
    this.#keepDataDir = keepDataDir;
  }

  static async create(options: Partial<Config> = {}): Promise<TestServer> {
    const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'framelock-server-'));
    const config = { ...parseConfig({ NODE_SECRET: nodeSecret, PORT: '0', DATA_DIR: dataDir }), ...options, dataDir };
    const logger = pino({ level: process.env.TEST_LOG_LEVEL ?? 'silent' });
    return new TestServer(await FramelockServer.create({ config, logger }), dataDir, options.dataDir !== undefined);
  }

  /** On loopback, also where it is bound to every address. */
  get url(): string {
    return this.server.url.replace('0.0.0.0', '127.0.0.1');
  }

  /** A request; a body that is no string or bytes goes as JSON. */
  async request(path: string, init: RequestInit & { json?: unknown; token?: string } = {}) {
    const { json, token, ...rest } = init;
    const headers = new Headers(rest.headers);
    if (json !== undefined) headers.set('content-type', 'application/json');
    if (token !== undefined) headers.set('authorization', `Bearer ${token}`);
    const response = await fetch(this.url + path, {
      ...rest,
      headers,
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
    });
    const text = await response.text();
    let body: unknown;
    try {
      body = JSON.parse(text);
    } catch {
      body = undefined;
    }
    return { status: response.status, headers: response.headers, text, body: body as Record<string, never> };
  }

  async createStream(name = 'test', token?: string): Promise<CreatedStream> {
    const { body } = await this.request('/api/v1/streams', {
      method: 'POST',
      json: { name },
      ...(token ? { token } : {}),
    });
    return body as unknown as CreatedStream;
  }

  async stream(id: string): Promise<StreamDetail> {
    return (await this.request(`/api/v1/streams/${id}`)).body as unknown as StreamDetail;
  }

  async client(headers?: Record<string, string>): Promise<SignalingClient> {
    const client = await SignalingClient.create(this.url, headers);
    this.#clients.push(client);
    return client;
  }

  /** Beats for a fake node until `stopBeats`, and waits until the server is connected to it. */
  async attach(node: Pick<FakeNode<never>, 'heartbeat' | 'connections'>): Promise<void> {
    const beat = () =>
      this.request('/internal/nodes/heartbeat', { method: 'POST', json: node.heartbeat, token: nodeSecret });
    await beat();
    this.#beats.push(setInterval(() => void beat().catch(() => undefined), 1_000));
    await until(() => this.connectedNodes().includes(node.heartbeat.nodeId), `${node.heartbeat.nodeId} is connected`);
  }

  connectedNodes(): string[] {
    const { nodes } = this.server.dump() as { nodes: { id: string; open: boolean }[] };
    return nodes.filter(({ open }) => open).map(({ id }) => id);
  }

  async metric(line: string): Promise<number> {
    const { text } = await this.request('/metrics');
    const found = text.split('\n').find((one) => one.startsWith(`${line} `));
    return found === undefined ? 0 : Number(found.slice(line.length + 1));
  }

  stopBeats(): void {
    for (const timer of this.#beats.splice(0)) clearInterval(timer);
  }

  async close(): Promise<void> {
    this.stopBeats();
    for (const client of this.#clients) client.close();
    await this.server.close('test');
    if (!this.#keepDataDir) rmSync(this.dataDir, { recursive: true, force: true });
  }
}

/** Waits for a condition; fails with its name. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let waitedMs = 0; waitedMs < 20_000; waitedMs += 20) {
    if (await condition()) return;
    await sleep(20);
  }
  throw new Error(`this did not come true: ${what}`);
}
