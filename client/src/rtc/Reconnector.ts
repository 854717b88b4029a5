import { Refusal } from '@framelock/server/protocol';
import { backoffMs } from './backoffMs.ts';

/** One connected path to the server and the sfu. It never heals itself: it ends once, and the next one is made. */
export interface Link {
  /** Resolves, never rejects, when the path is gone. */
  readonly ended: Promise<LinkEnd>;
  close(reason: string): void;
}

export interface LinkEnd {
  reason: string;
  /** A RefusalCode, or what the server's `closing` event said. */
  code?: string;
}

export interface ReconnectorOptions<L extends Link> {
  connect(): Promise<L>;
  onConnected(link: L): void;
  /** Told once per loss, and once per different reason while retrying. */
  onLost(end: LinkEnd): void;
  /** It gave up: retrying cannot help. */
  onFailed(end: LinkEnd): void;
}

/** Refusals that no retry can change. */
const finalCodes = new Set([
  ...['badRequest', 'unauthorized', 'forbidden', 'notFound', 'gone', 'unsupported'],
  // Somebody else did it on purpose; coming back by ourselves would undo it.
  ...['stopped', 'takenOver'],
]);
/** Someone else publishes: on a reconnection that is most often our own old connection, which the server soon notices. */
const conflictPatienceMs = 10_000;

/** Keeps one Link alive until closed: connects, waits for its end, waits a little, connects again. */
export class Reconnector<L extends Link> {
  readonly #options: ReconnectorOptions<L>;
  #link: L | undefined;
  #closed = false;
  #connections = 0;
  #isRenewing = false;
  #wake: (() => void) | undefined;

  constructor(options: ReconnectorOptions<L>) {
    this.#options = options;
    globalThis.addEventListener?.('online', this.#onOnline);
    void this.#run();
  }

  get link(): L | undefined {
    return this.#link;
  }

  /** Successful connections after the first. */
  get reconnections(): number {
    return Math.max(0, this.#connections - 1);
  }

  async #run(): Promise<void> {
    let attempt = 0;
    let lostAtMs = performance.now();
    let lastReason = '';
    await this.#sleep(0); // whoever creates the owner adds listeners first
    while (!this.#closed) {
      let end: LinkEnd;
      try {
        const link = await this.#options.connect();
        if (this.#closed) return link.close('closed meanwhile');
        this.#link = link;
        this.#connections++;
        this.#options.onConnected(link);
        const connectedAtMs = performance.now();
        end = await link.ended;
        this.#link = undefined;
        if (this.#isRenewing) {
          this.#isRenewing = false;
          continue;
        }
        // A link that broke at once gets no fresh start, or a flapping server would be hammered.
        if (performance.now() - connectedAtMs > 2_000) attempt = 0;
        lostAtMs = performance.now();
        lastReason = '';
      } catch (error) {
        end = endOf(error);
      }
      if (this.#closed) return;
      if (this.#isFinal(end, performance.now() - lostAtMs)) {
        this.close();
        return this.#options.onFailed(end);
      }
      if (end.reason !== lastReason) this.#options.onLost(end);
      lastReason = end.reason;
      await this.#sleep(backoffMs(attempt++));
    }
  }

  /** Another link at once in place of the present one, which is as it should be: nobody is told of a loss. */
  renew(reason: string): void {
    if (!this.#link) return;
    this.#isRenewing = true;
    this.#link.close(reason);
  }

  #isFinal({ code }: LinkEnd, sinceLostMs: number): boolean {
    if (code === undefined) return false;
    if (code === 'conflict') return this.#connections === 0 || sinceLostMs > conflictPatienceMs;
    return finalCodes.has(code);
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  readonly #onOnline = (): void => this.#wake?.();

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    globalThis.removeEventListener?.('online', this.#onOnline);
    this.#link?.close('closed');
    this.#link = undefined;
    this.#wake?.();
  }
}

function endOf(error: unknown): LinkEnd {
  if (error instanceof Refusal) return { reason: error.message, code: error.code };
  return { reason: error instanceof Error ? error.message : String(error) };
}
