import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Logger } from 'pino';
import {
  Refusal,
  RpcCaller,
  type ModelDescription,
  type Opaque,
  type PackagerSettings,
  type StoredRecording,
} from '@framelock/server/protocol';
import { ConfigError } from '../config.ts';
import type { Publication } from '../Publication.ts';
import type { SfuNode } from '../SfuNode.ts';
import { hlsControlContract, type HlsControlContract, type HlsMessage } from './hlsControl.ts';
import { PublicationFeed } from './PublicationFeed.ts';

export interface HlsHostOptions {
  node: SfuNode;
  /** Of the hls process, besides what this process has. */
  environment?: Record<string, string>;
  log: Logger;
}

const exitConfig = 78;
/** Recordings that a crash left are repaired first. */
const startTimeoutMs = 120_000;
const stopTimeoutMs = 4_000;
/** Control messages have a limit, and a node may have tens of thousands. */
const recordingsPerPage = 2_000;
const backoffMs = { least: 250, most: 10_000 };
/** One that ran so long was well. */
const wellAfterMs = 30_000;
/** Detections that wait in the channel of a process that does not read: more are dropped. */
export const maxWaiting = 512;

/**
 * The sfu's hls process: packagers and their origin, apart from everything that WebRTC needs. It is started again when it
 * dies, and told all Publications anew; what it had stored it finds on its disk.
 */
export class HlsHost {
  readonly #options: HlsHostOptions;
  readonly #log: Logger;
  readonly #feeds = new Map<string, PublicationFeed>();
  #child: ChildProcess | undefined;
  #rpc: RpcCaller<HlsControlContract> | undefined;
  #url: string | undefined;
  /** What `#url` leads to, which may be another one. */
  #port: number | undefined;
  /** Before that it does not hear. */
  #isListening = false;
  #startedAtMs = 0;
  #failures = 0;
  #waiting = 0;
  #retryTimer: NodeJS.Timeout | undefined;
  readonly #started = Promise.withResolvers<void>();
  #closed = false;
  /** Times that it died. */
  restarts = 0;
  detectionsDropped = 0;

  private constructor(options: HlsHostOptions) {
    this.#options = options;
    this.#log = options.log;
    options.node.on('publication', (publication) => this.#watch(publication));
    this.started.catch(() => {}); // nobody may have asked yet
    this.#start().catch(() => {}); // its exit is dealt with
  }

  /** Its process is being started: nothing of WebRTC waits for it. */
  static create(options: HlsHostOptions): HlsHost {
    return new HlsHost(options);
  }

  /** It listens, or did. Rejects with a ConfigError where it can't begin without a person: its port, its configuration. */
  get started(): Promise<void> {
    return this.#started.promise;
  }

  /** http base of its origin; undefined while it is away. */
  get url(): string | undefined {
    return this.#isListening ? this.#url : undefined;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Detections in the channel to it. */
  get waiting(): number {
    return this.#waiting;
  }

  get taps(): number {
    return [...this.#feeds.values()].reduce((sum, feed) => sum + feed.taps, 0);
  }

  async #start(): Promise<void> {
    const { environment } = this.#options;
    // The same port again, so that who knows the origin finds it.
    const port = this.#port === undefined ? {} : { HLS_PORT: String(this.#port) };
    const child = fork(new URL('./main.ts', import.meta.url), [], {
      serialization: 'advanced',
      env: { ...process.env, ...environment, ...port },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#child = child;
    this.#startedAtMs = performance.now();
    const listening = new Promise<string>((resolve, reject) => {
      const rpc = (this.#rpc = new RpcCaller<HlsControlContract>(hlsControlContract, {
        // What can't be sent any more is answered by its exit.
        send: (text) => child.send({ text } satisfies HlsMessage, () => {}),
        on: {
          listening: ({ url, port: own }) => {
            this.#port = own;
            resolve(url);
          },
          want: ({ publicationId }) => this.#feeds.get(publicationId)?.setWanted(true),
          unwant: ({ publicationId }) => this.#feeds.get(publicationId)?.setWanted(false),
          hls: (data) => this.#options.node.emit('hls', data),
          recording: (data) => this.#options.node.emit('recording', data),
        },
        onMalformed: (reason) => this.#log.warn({ reason }, 'malformed message of the hls process'),
      }));
      child.on('message', ({ text }: { text: string }) => rpc.receive(text));
      child.once('exit', (code, signal) => {
        rpc.close('the hls process ended');
        reject(new Error(`the hls process ended with ${signal ?? code}`));
        this.#onExit(child, code, signal);
      });
      child.on('error', (error) => {
        this.#log.error({ error: error.message }, 'the hls process');
        reject(error);
        // One that could not be made has no exit.
        if (child.pid === undefined) this.#onExit(child, null, null);
      });
      setTimeout(() => reject(new Error('the hls process does not answer')), startTimeoutMs).unref();
    });
    try {
      this.#url = await listening;
      this.#isListening = true;
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
    this.#started.resolve();
    this.#log.info({ pid: child.pid, url: this.#url }, 'hls process listening');
    for (const feed of this.#feeds.values()) this.#attach(feed);
  }

  #onExit(child: ChildProcess, code: number | null, signal: NodeJS.Signals | null): void {
    if (this.#child !== child) return;
    this.#child = this.#rpc = undefined;
    this.#isListening = false;
    this.#waiting = 0;
    for (const feed of this.#feeds.values()) feed.detach();
    if (this.#closed) return;
    if (this.#url === undefined && code === exitConfig)
      return this.#started.reject(new ConfigError('the hls process cannot start; see above'));
    this.restarts++;
    this.#failures = performance.now() - this.#startedAtMs > wellAfterMs ? 1 : this.#failures + 1;
    const waitMs = Math.min(backoffMs.most, backoffMs.least * 2 ** (this.#failures - 1));
    this.#log.error({ code, signal, waitMs }, 'the hls process died; starting it again');
    for (const { publication } of this.#feeds.values()) {
      const alert = 'The HLS packager stopped and is being started again.';
      this.#options.node.emit('hls', {
        publicationId: publication.id,
        streamId: publication.streamId,
        hls: { state: 'failed', alert },
      });
    }
    this.#retryTimer = setTimeout(() => void this.#start().catch(() => {}), waitMs); // its exit brings us here again
  }

  #watch(publication: Publication): void {
    const feed = new PublicationFeed({ publication, log: this.#log });
    this.#feeds.set(publication.id, feed);
    publication.once('closed', (reason) => {
      this.#feeds.delete(publication.id);
      feed.close(reason);
    });
    this.#attach(feed);
  }

  #attach(feed: PublicationFeed): void {
    const rpc = this.#rpc;
    if (!rpc || !this.#isListening) return;
    const sendDetection = (publicationId: string, detection: Uint8Array): void =>
      this.#sendDetection({ publicationId, detection });
    feed
      .attach({ rpc, sendDetection }, this.restarts)
      .catch((error: Error) => this.#log.warn({ error: error.message }, 'a Publication is not known to HLS'));
  }

  #sendDetection(message: HlsMessage): void {
    const child = this.#child;
    if (!this.#isListening || !child?.connected) return;
    if (this.#waiting >= maxWaiting) {
      this.detectionsDropped++;
      return;
    }
    this.#waiting++;
    child.send(message, () => this.#waiting--);
  }

  #ask(): RpcCaller<HlsControlContract> {
    if (!this.#rpc || !this.#isListening) throw new Refusal('unavailable', 'the hls process is being started');
    return this.#rpc;
  }

  async setPackager(publicationId: string, settings: PackagerSettings): Promise<void> {
    await this.#feed(publicationId).setPackager(settings);
  }

  async describeModel(publicationId: string, description: ModelDescription): Promise<void> {
    await this.#feed(publicationId).describeModel(description);
  }

  #feed(publicationId: string): PublicationFeed {
    const feed = this.#feeds.get(publicationId);
    if (!feed) throw new Refusal('notFound', `there is no Publication ${publicationId}`);
    return feed;
  }

  /** A server asks as soon as it is connected, when the hls process may not listen yet. */
  async listRecordings(offset: number): Promise<{ recordings: StoredRecording[]; next?: number }> {
    await this.started;
    const { recordings } = await this.#ask().request('listRecordings', {});
    const next = offset + recordingsPerPage;
    return { recordings: recordings.slice(offset, next), ...(recordings.length > next ? { next } : {}) };
  }

  async deleteRecording(recording: { streamId: string; publicationId: string }): Promise<void> {
    await this.#ask().request('deleteRecording', recording);
  }

  /** Prometheus text of the hls process; empty while it is away. */
  async metrics(): Promise<string> {
    const answer = await this.#rpc?.request('metrics', {}, 2_000).catch(() => undefined);
    return answer?.text ?? '';
  }

  async dump(): Promise<Opaque> {
    const { pid, url, restarts, taps, detectionsDropped } = this;
    const inside = await this.#rpc?.request('dump', {}, 2_000).catch(() => null);
    return { pid, url, restarts, taps, detectionsDropped, process: inside ?? null };
  }

  /** Resolves when its process is gone. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#retryTimer);
    for (const feed of this.#feeds.values()) feed.close('shutdown');
    this.#feeds.clear();
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
    child.kill('SIGTERM');
    await gone;
    clearTimeout(timer);
  }
}
