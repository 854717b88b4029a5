import { hlsTargetDurationS } from '@framelock/server/protocol';
import { partTargetS } from '../mux/segmenterTypes.ts';
import type { MediaPlaylist } from './MediaPlaylist.ts';

/** Delivery directives of a playlist request (RFC 8216bis 6.2.5). */
export interface ReloadRequest {
  msn?: number;
  part?: number;
  skip: boolean;
}

/** RFC 8216bis 6.2.5.2: a reload may be so far ahead of the last full Segment… */
const maxAheadSegments = 2;
/** …and of the last Part ("Advance Part Limit"). */
const maxAheadParts = partTargetS < 1 ? 3 / partTargetS : 3;
const maxDigits = 15;

/** undefined: the directives are not what they may be, 400. */
export function parseReload(query: URLSearchParams): ReloadRequest | undefined {
  const msn = wholeNumber(query.get('_HLS_msn'));
  const part = wholeNumber(query.get('_HLS_part'));
  if (msn === null || part === null || (part !== undefined && msn === undefined)) return undefined;
  const skip = query.get('_HLS_skip');
  // v2 would skip EXT-X-DATERANGE too, of which there is none.
  return { msn, part, skip: skip === 'YES' || skip === 'v2' };
}

/** undefined: not there; null: not a whole number. */
function wholeNumber(text: string | null): number | undefined | null {
  if (text === null) return undefined;
  return /^\d+$/.test(text) && text.length <= maxDigits ? Number(text) : null;
}

/** `refuse`: too far in the future, 400. */
export function decideReload(playlist: MediaPlaylist, { msn, part }: ReloadRequest): 'now' | 'wait' | 'refuse' {
  if (playlist.ended || msn === undefined || playlist.has(msn, part)) return 'now';
  if (msn > playlist.last + maxAheadSegments) return 'refuse';
  const ahead = msn === playlist.last + 1 ? playlist.openParts : 0;
  if (msn > playlist.last && part !== undefined && part >= ahead + maxAheadParts) return 'refuse';
  return 'wait';
}

export interface ReloadWaitersOptions {
  playlist: MediaPlaylist;
  /** Requests that wait at once; more are answered `full`. */
  limit: number;
  /** RFC 8216bis 6.2.5.2: 503 after three target durations. */
  timeoutMs?: number;
}

/** `ready`: it is there, or never comes because it has ended. `timeout`, `full`: 503. */
export type ReloadAnswer = 'ready' | 'timeout' | 'full';

interface Waiter {
  request: ReloadRequest;
  answer(how: ReloadAnswer): void;
}

/** Requests that wait for the playlist to have more: reloads of it, and Parts that it hinted at. */
export class ReloadWaiters {
  readonly #playlist: MediaPlaylist;
  readonly #limit: number;
  readonly #timeoutMs: number;
  readonly #waiters = new Set<Waiter>();
  readonly #unsubscribe: () => void;
  /** Since it began. */
  readonly counts = { refused: 0, timedOut: 0 };
  #closed = false;

  constructor({ playlist, limit, timeoutMs = 3 * hlsTargetDurationS * 1_000 }: ReloadWaitersOptions) {
    this.#playlist = playlist;
    this.#limit = limit;
    this.#timeoutMs = timeoutMs;
    this.#unsubscribe = playlist.onChange(() => this.#look());
  }

  get size(): number {
    return this.#waiters.size;
  }

  /** For one that `decideReload` lets wait. `signal`: nobody waits for the answer any more; then it is `timeout`. */
  wait(request: ReloadRequest, signal?: AbortSignal): Promise<ReloadAnswer> {
    if (this.#has(request)) return Promise.resolve('ready');
    if (this.#waiters.size >= this.#limit || this.#closed) {
      this.counts.refused++;
      return Promise.resolve('full');
    }
    return new Promise((resolve) => {
      const answer = (how: ReloadAnswer): void => {
        this.#waiters.delete(waiter);
        clearTimeout(timer);
        signal?.removeEventListener('abort', gone);
        resolve(how);
      };
      const gone = (): void => answer('timeout');
      const timer = setTimeout(() => {
        this.counts.timedOut++;
        answer('timeout');
      }, this.#timeoutMs);
      const waiter = { request, answer };
      this.#waiters.add(waiter);
      if (signal?.aborted) gone();
      else signal?.addEventListener('abort', gone);
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#unsubscribe();
    for (const waiter of this.#waiters) waiter.answer('timeout');
  }

  #look(): void {
    for (const waiter of this.#waiters) if (this.#has(waiter.request)) waiter.answer('ready');
  }

  #has({ msn, part }: ReloadRequest): boolean {
    return this.#playlist.ended || msn === undefined || this.#playlist.has(msn, part);
  }
}
