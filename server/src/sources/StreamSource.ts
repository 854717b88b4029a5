import type { Logger } from 'pino';
import { newId } from '../newId.ts';
import type { SfuNode } from '../nodes/NodeRegistry.ts';
import {
  type EventData,
  type EventOf,
  Refusal,
  refusalOf,
  type SfuControlContract,
  type SignalingContract,
  type SourceProgress,
  type SourceSpec,
  type SourceView,
} from '../protocol/index.ts';
import type { LiveStream } from '../streams/LiveStream.ts';
import type { StreamPeer } from '../streams/StreamPeer.ts';
import { withoutCredentials } from './sourceUrl.ts';

const normalTimes = {
  retryFirstMs: 500,
  retryMaxMs: 15_000,
  /** An attempt that ran this long was a good one: the backoff begins anew, and the last error is old news. */
  soundAfterMs: 30_000,
  /** The Publication may end a little before the sfu tells why the Source did. */
  endWithinMs: 2_000,
};
export type SourceTimes = typeof normalTimes;

export interface StreamSourceOptions {
  live: LiveStream;
  spec: SourceSpec;
  /** What an RTMP publisher must give; the passphrase of an SRT listener. */
  streamKey: string;
  allowPrivateAddresses: boolean;
  logger: Logger;
  times?: Partial<SourceTimes>;
  /** Runs the opening of an attempt; bounds how many Sources begin at once. */
  gate<T>(task: () => Promise<T>): Promise<T>;
  onAttempt(outcome: 'opened' | 'refused' | 'finished' | 'failed'): void;
  /** A file that does not loop came to its end. */
  onFinished(): void;
  /** It ended by itself: its Stream was deleted, the server stops. */
  onClosed(): void;
}

interface AttemptEnd {
  reason: 'requested' | 'finished' | 'failed';
  message: string;
  /** The sfu said so: nothing is left there. */
  toldBySfu?: boolean;
  /** There was nothing to try it on. */
  noNode?: boolean;
}

/** One run on one sfu node; its id is that of the Publication it makes. */
class Attempt {
  readonly publicationId = newId();
  readonly sfu: SfuNode;
  progress: SourceProgress | undefined;
  openedAtMs: number | undefined;
  adoptedAtMs: number | undefined;
  over: AttemptEnd | undefined;
  readonly ended: Promise<AttemptEnd>;
  #resolve!: (end: AttemptEnd) => void;

  constructor(sfu: SfuNode) {
    this.sfu = sfu;
    this.ended = new Promise((resolve) => (this.#resolve = resolve));
  }

  end(end: AttemptEnd): void {
    if (this.over) return;
    this.over = end;
    this.#resolve(end);
  }
}

/**
 * Keeps a Stream fed by its Source: one attempt after the other on the Stream's sfu node, each with a Publication of its
 * own, until it is closed. It is a peer of its LiveStream for as long as it means to publish, also while it waits, so
 * that viewers and attempts meet on the same node.
 *
 * One server replica only: nothing stops a second replica that shares the database from running the same Source. With
 * several, the row needs a lease (holder and time, renewed by the server's beat), and LiveStreams a home replica first.
 */
export class StreamSource implements StreamPeer {
  readonly id = newId();
  readonly role = 'publish';
  readonly spec: SourceSpec;
  /** The first attempt was opened; rejects with the Refusal where it was not. */
  readonly accepted: Promise<void>;
  readonly #options: StreamSourceOptions;
  readonly #times: SourceTimes;
  readonly #logger: Logger;
  #settle!: { resolve(): void; reject(refusal: Refusal): void };
  #attempt: Attempt | undefined;
  #restarts = 0;
  #lastError: string | undefined;
  #retryAt: Date | undefined;
  #finished = false;
  #noNode = false;
  #closed = false;
  #interrupt: (() => void) | undefined;
  #running: Promise<void> | undefined;

  private constructor(options: StreamSourceOptions) {
    this.#options = options;
    this.#times = { ...normalTimes, ...options.times };
    this.spec = options.spec;
    this.#logger = options.logger.child({ streamId: options.live.id, source: options.spec.type });
    this.accepted = new Promise((resolve, reject) => (this.#settle = { resolve, reject }));
    this.accepted.catch(() => undefined); // whoever does not ask does not mind
  }

  static create(options: StreamSourceOptions): StreamSource {
    const source = new StreamSource(options);
    options.live.join(source);
    source.#running = source.#keepRunning();
    return source;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get publishedBy() {
    return this.spec.type;
  }

  get finished(): boolean {
    return this.#finished;
  }

  get view(): SourceView {
    const { spec } = this;
    const progress = this.#attempt?.progress;
    const { listenUrl, video, audio } = progress ?? {};
    const lastError =
      this.#attempt && this.#ranMs(this.#attempt) > this.#times.soundAfterMs ? undefined : this.#lastError;
    return {
      type: spec.type,
      ...('url' in spec && spec.url !== undefined ? { url: withoutCredentials(spec.url) } : {}),
      state: this.#finished ? 'finished' : this.#retryAt ? 'retrying' : (progress?.state ?? 'starting'),
      ...(listenUrl === undefined ? {} : { listenUrl }),
      ...(video ? { video } : {}),
      ...(audio ? { audio } : {}),
      restarts: this.#restarts,
      ...(lastError === undefined ? {} : { lastError }),
      ...(this.#retryAt ? { retryAt: this.#retryAt.toISOString() } : {}),
    };
  }

  /** Whether it is set up for a publisher to come to it. */
  get #listens(): boolean {
    const { spec } = this;
    return spec.type === 'rtmp' || (spec.type === 'srt' && spec.url === undefined);
  }

  async #keepRunning(): Promise<void> {
    let retryMs = this.#times.retryFirstMs;
    while (!this.#closed) {
      const { end, ranMs, adopted } = await this.#runOnce();
      if (this.#closed) return;
      if (end.reason === 'finished' && this.spec.type === 'file' && !this.spec.loop) return this.#finish();
      this.#noNode = end.noNode ?? false;
      if (ranMs > this.#times.soundAfterMs) retryMs = this.#times.retryFirstMs;
      // Its publisher stopped: the door stays open for the next one. Who never sent anything waits like a failure.
      if (end.reason === 'finished' && this.#listens && adopted) continue;
      this.#lastError = this.#forPeople(end.message);
      await this.#pause(retryMs);
      retryMs = Math.min(retryMs * 2, this.#times.retryMaxMs);
    }
  }

  #finish(): void {
    this.#finished = true;
    this.#lastError = undefined;
    this.#options.onFinished();
    this.#options.live.leave(this);
  }

  /** From the choice of a node until nothing of it is left there; never throws. */
  async #runOnce(): Promise<{ end: AttemptEnd; ranMs: number; adopted: boolean }> {
    const attempt = this.#newAttempt();
    if (!(attempt instanceof Attempt)) return { end: attempt, ranMs: 0, adopted: false };
    this.#attempt = attempt;
    const { live } = this.#options;
    const { publicationId, sfu } = attempt;
    await this.#options.gate(() => this.#open(attempt));
    const end = await attempt.ended;
    const ranMs = this.#ranMs(attempt);
    const adopted = attempt.adoptedAtMs !== undefined;
    live.publicationClosed(publicationId, end.reason === 'failed' ? 'sourceFailed' : 'sourceEnded');
    if (!end.toldBySfu) await sfu.requestIfOpen('closeSource', { publicationId });
    this.#attempt = undefined;
    if (!this.#closed) {
      this.#restarts++;
      this.#options.onAttempt(end.reason === 'finished' ? 'finished' : 'failed');
      this.#logger.info({ publicationId, reason: end.reason, message: this.#forPeople(end.message) }, 'source ended');
    }
    return { end, ranMs, adopted };
  }

  #newAttempt(): Attempt | AttemptEnd {
    const { live } = this.#options;
    try {
      if (!this.#listens && live.publishedByAnother(this)) throw new Refusal('conflict', takenWords);
      return new Attempt(live.sfu());
    } catch (error) {
      const refusal = refusalOf(error);
      this.#settle.reject(refusal);
      return { reason: 'failed', message: refusal.message, noNode: refusal.code === 'unavailable' };
    }
  }

  async #open(attempt: Attempt): Promise<void> {
    if (attempt.over) return;
    const { live, spec, streamKey, allowPrivateAddresses } = this.#options;
    const { publicationId, sfu } = attempt;
    const streamId = live.id;
    try {
      const progress = await sfu.request('openSource', {
        streamId,
        publicationId,
        spec,
        streamKey,
        allowPrivateAddresses,
      });
      attempt.progress ??= progress;
      attempt.openedAtMs = performance.now();
      this.#options.onAttempt('opened');
      this.#logger.info({ publicationId, sfuNodeId: sfu.id }, 'source opened');
      this.#settle.resolve();
    } catch (error) {
      const refusal = refusalOf(error);
      this.#options.onAttempt('refused');
      this.#settle.reject(new Refusal(refusal.code, this.#forPeople(refusal.message), refusal.details));
      // One that did not answer may have begun it all the same, so it is closed there like any other.
      attempt.end({ reason: 'failed', message: refusal.message });
    }
  }

  /** Media flows: the Stream is live from now on, unless somebody else has it. */
  async started({ publicationId, producers }: EventData<SfuControlContract, 'sourceStarted'>): Promise<void> {
    const attempt = this.#current(publicationId);
    if (!attempt) return;
    const { live } = this.#options;
    try {
      if (live.publishedByAnother(this)) await live.claimPublisher(this);
      if (this.#current(publicationId) !== attempt) return;
      live.adopt(this, attempt.sfu, { publicationId, producers });
      attempt.adoptedAtMs = performance.now();
      this.#logger.info({ publicationId, producers: producers.length }, 'source started');
    } catch (error) {
      const refusal = refusalOf(error);
      attempt.end({ reason: 'failed', message: refusal.code === 'conflict' ? takenWords : refusal.message });
    }
  }

  progressed({ publicationId, progress }: EventData<SfuControlContract, 'sourceProgress'>): void {
    const attempt = this.#current(publicationId);
    if (attempt) attempt.progress = progress;
  }

  ended({ publicationId, reason, message }: EventData<SfuControlContract, 'sourceEnded'>): void {
    this.#current(publicationId)?.end({ reason, message, toldBySfu: true });
  }

  #current(publicationId: string): Attempt | undefined {
    const attempt = this.#attempt;
    return attempt?.publicationId === publicationId && !attempt.over ? attempt : undefined;
  }

  /** Waiting for a publisher is what a listener is for; anything else is well once media flows. */
  #ranMs(attempt: Attempt): number {
    const sinceMs = this.#listens ? attempt.openedAtMs : attempt.adoptedAtMs;
    return sinceMs === undefined ? 0 : performance.now() - sinceMs;
  }

  /** The sfu takes credentials out of its words already; this is for what FFmpeg writes in a way it does not know. */
  #forPeople(message: string): string {
    const { spec } = this;
    if (!('url' in spec) || spec.url === undefined) return message;
    const userinfo = /^[a-z]+:\/\/([^/@]+)@/i.exec(spec.url)?.[1];
    const shown = message.replaceAll(spec.url, withoutCredentials(spec.url));
    return userinfo === undefined ? shown : shown.replaceAll(`${userinfo}@`, '');
  }

  async #pause(ms: number): Promise<void> {
    this.#retryAt = new Date(Date.now() + ms);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#interrupt = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#interrupt = undefined;
    this.#retryAt = undefined;
  }

  /** A node came up: no need to wait out the pause. */
  nodeOpened(): void {
    if (this.#noNode) this.#interrupt?.();
  }

  /** The Stream's events; the end of its own Publication is the one that concerns it. */
  emit<E extends EventOf<SignalingContract>>(event: E, data: EventData<SignalingContract, E>): void {
    if (event !== 'publicationEnded') return;
    const { publicationId, reason } = data as EventData<SignalingContract, 'publicationEnded'>;
    const attempt = this.#current(publicationId);
    if (!attempt) return;
    const message = `its Publication ended (${reason})`;
    const timer = setTimeout(() => attempt.end({ reason: 'failed', message }), this.#times.endWithinMs);
    void attempt.ended.then(() => clearTimeout(timer));
  }

  /** A Source is our own: it is never a dead socket that somebody may take over. */
  answers(): Promise<boolean> {
    return Promise.resolve(true);
  }

  sfuLost(sfu: SfuNode): void {
    if (this.#attempt?.sfu !== sfu) return;
    this.#attempt.end({ reason: 'failed', message: 'the sfu node that ran it was lost', noNode: true });
  }

  close(code: string, message: string): void {
    // Only its turn is over: it tries again, and says meanwhile who has the Stream.
    if (code === 'takenOver') return this.#attempt?.end({ reason: 'failed', message });
    void this.stop();
  }

  /** Resolves when its FFmpeg is gone (or its sfu node is). */
  async stop(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#settle.reject(new Refusal('gone', 'the Source was closed meanwhile'));
      this.#attempt?.end({ reason: 'requested', message: 'requested' });
      this.#interrupt?.();
      this.#options.live.leave(this);
      this.#options.onClosed();
    }
    await this.#running;
  }

  dump(): Record<string, unknown> {
    return { id: this.id, streamId: this.#options.live.id, ...this.view, publicationId: this.#attempt?.publicationId };
  }
}

const takenWords = 'somebody else publishes this Stream just now: stop that publisher, then the Source takes over';
