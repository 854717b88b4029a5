import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { AwsClient } from 'aws4fetch';
import type { Logger } from 'pino';
import { contentTypeOf, immutableCacheControl, parseFileName, playlistContentType } from './fileNames.ts';

export interface S3MirrorOptions {
  /** http(s) base; buckets are addressed by path, which every S3-compatible store understands. */
  endpoint: string;
  bucket: string;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
  /** Before every path; '' or with or without a `/` at its end. */
  prefix: string;
  log: Logger;
  /** Of what waits. */
  maxBytes?: number;
  concurrency?: number;
  /** Times that one request is tried. */
  attempts?: number;
  /** Before the second try; twice as long before each further one. */
  backoffMs?: number;
  /** What waits when it is closed gets so long. */
  flushMs?: number;
}

interface Task {
  path: string;
  /** undefined: it is to be deleted. */
  data: Buffer | undefined;
}

const megabyte = 1_000_000;
const requestTimeoutMs = 30_000;
const maxBackoffMs = 10_000;
const maxTasks = 50_000;

/**
 * Copies files to an S3-compatible store under the same paths. A playlist waits until all that was put before it is there,
 * and a newer version takes the place of one that waits.
 */
export class S3Mirror {
  readonly counts = { put: 0, deleted: 0, retried: 0, dropped: 0, failed: 0 };
  readonly #options: Required<S3MirrorOptions>;
  readonly #client: AwsClient;
  readonly #base: string;
  readonly #tasks: Task[] = [];
  readonly #aborter = new AbortController();
  #bytes = 0;
  #active = 0;
  #idle = Promise.withResolvers<void>();
  /** Told in the log. */
  #isFailing = false;
  #closing: Promise<void> | undefined;

  constructor(options: S3MirrorOptions) {
    this.#options = {
      maxBytes: 128 * megabyte,
      concurrency: 4,
      attempts: 8,
      backoffMs: 250,
      flushMs: 5_000,
      ...options,
    };
    const { endpoint, bucket, region, accessKeyId, secretAccessKey, prefix } = options;
    this.#client = new AwsClient({ accessKeyId, secretAccessKey, region, service: 's3', retries: 0 });
    const folder = prefix.replaceAll(/^\/+|\/+$/g, '');
    this.#base = `${endpoint.replace(/\/+$/, '')}/${bucket}/${folder ? `${folder}/` : ''}`;
    this.#idle.resolve();
  }

  /** Files and bytes that wait. */
  get waiting(): { files: number; bytes: number } {
    return { files: this.#tasks.length, bytes: this.#bytes };
  }

  /** `path` as under `/hls/`. Does not wait; drops the oldest when too much does. */
  put(path: string, data: Buffer): void {
    if (this.#closing) return;
    if (isPlaylist(path)) {
      const waiting = this.#tasks.findIndex((task) => task.path === path);
      if (waiting >= 0) this.#drop(waiting);
    }
    this.#add({ path, data });
  }

  remove(paths: readonly string[]): void {
    if (this.#closing) return;
    for (const path of paths) {
      const waiting = this.#tasks.findIndex((task) => task.path === path);
      if (waiting >= 0) this.#drop(waiting);
      this.#add({ path, data: undefined });
    }
  }

  /** Nothing waits or is on its way. */
  idle(): Promise<void> {
    return this.#idle.promise;
  }

  /** Gives what waits a few seconds. Idempotent. */
  close(reason: string): Promise<void> {
    this.#closing ??= this.#close(reason);
    return this.#closing;
  }

  async #close(reason: string): Promise<void> {
    await Promise.race([this.idle(), sleep(this.#options.flushMs, undefined, { ref: false })]);
    this.counts.dropped += this.#tasks.length;
    this.#tasks.length = 0;
    this.#aborter.abort();
    this.#options.log.info({ reason, ...this.counts }, 'S3 mirror closed');
  }

  #add(task: Task): void {
    if (this.#tasks.length === 0 && this.#active === 0) this.#idle = Promise.withResolvers<void>();
    this.#tasks.push(task);
    this.#bytes += task.data?.length ?? 0;
    while (this.#tasks.length > 1 && (this.#bytes > this.#options.maxBytes || this.#tasks.length > maxTasks)) {
      this.#drop(0);
      this.counts.dropped++;
    }
    this.#next();
  }

  #drop(index: number): void {
    const [task] = this.#tasks.splice(index, 1);
    this.#bytes -= task?.data?.length ?? 0;
  }

  #next(): void {
    while (this.#active < this.#options.concurrency) {
      const task = this.#tasks[0];
      if (!task) {
        if (this.#active === 0) this.#idle.resolve();
        return;
      }
      if (isPlaylist(task.path) && this.#active > 0) return;
      this.#drop(0);
      this.#active++;
      void this.#run(task).finally(() => {
        this.#active--;
        this.#next();
      });
      // What comes behind a playlist may be a newer one.
      if (isPlaylist(task.path)) return;
    }
  }

  async #run(task: Task): Promise<void> {
    const { attempts, backoffMs, log } = this.#options;
    let problem = '';
    for (let attempt = 0; attempt < attempts; attempt++) {
      if (attempt > 0) {
        this.counts.retried++;
        const ms = Math.min(maxBackoffMs, backoffMs * 2 ** (attempt - 1)) * (0.75 + Math.random() / 2);
        await sleep(ms, undefined, { signal: this.#aborter.signal, ref: false }).catch(() => undefined);
      }
      if (this.#aborter.signal.aborted) break;
      const outcome = await this.#request(task);
      if (outcome === 'done') {
        this.#isFailing = false;
        this.counts[task.data ? 'put' : 'deleted']++;
        return;
      }
      problem = outcome.problem;
      if (!outcome.again) break;
    }
    this.counts.failed++;
    if (!this.#isFailing) log.warn({ path: task.path, problem }, 'the S3 store does not take HLS');
    this.#isFailing = true;
  }

  async #request({ path, data }: Task): Promise<'done' | { problem: string; again: boolean }> {
    const file = parseFileName(path.slice(path.lastIndexOf('/') + 1));
    const headers: Record<string, string> = {
      'x-amz-content-sha256': createHash('sha256')
        .update(data ?? '')
        .digest('hex'),
    };
    if (data) {
      headers['content-type'] = file ? contentTypeOf[file.kind] : playlistContentType;
      headers['cache-control'] = file ? immutableCacheControl : 'public, max-age=1';
    }
    try {
      const signal = AbortSignal.any([this.#aborter.signal, AbortSignal.timeout(requestTimeoutMs)]);
      const body = data && new Uint8Array(data);
      const signed = await this.#client.sign(this.#base + path, { method: data ? 'PUT' : 'DELETE', headers, body });
      const response = await fetch(signed, { signal });
      const text = await response.text();
      if (response.ok || (!data && response.status === 404)) return 'done';
      const again = response.status >= 500 || response.status === 429 || response.status === 408;
      return { problem: `HTTP ${response.status} ${text.slice(0, 300)}`, again };
    } catch (error) {
      const { cause, message } = error as Error;
      return { problem: cause instanceof Error ? cause.message : message, again: true };
    }
  }
}

const isPlaylist = (path: string): boolean => path.endsWith('.m3u8');
