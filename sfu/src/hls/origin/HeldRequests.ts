import type { ServerResponse } from 'node:http';

interface Held {
  /** Of a playlist: counts as a player. */
  publicationId: string | undefined;
  sinceMs: number;
}

interface Players {
  now: number;
  /** Most at once, in this period and in the one before. */
  most: number;
  mostBefore: number;
}

const periodMs = 2_000;

/**
 * Answers that wait for what does not exist yet. An LL-HLS player has one playlist request open at nearly every moment,
 * so the most that were held at once in the last 2 to 4 s are about the players; behind a cache that joins equal requests
 * it is the caches.
 */
export class HeldRequests {
  readonly #max: number;
  readonly #held = new Map<ServerResponse, Held>();
  readonly #players = new Map<string, Players>();
  #periodStartMs = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#held.size;
  }

  /** false: there are too many. */
  add(response: ServerResponse, publicationId: string | undefined, nowMs: number): boolean {
    if (this.#held.size >= this.#max) return false;
    this.#held.set(response, { publicationId, sinceMs: nowMs });
    response.on('close', this.#onClose);
    if (publicationId === undefined) return true;
    let players = this.#players.get(publicationId);
    if (!players) this.#players.set(publicationId, (players = { now: 0, most: 0, mostBefore: 0 }));
    players.most = Math.max(players.most, ++players.now);
    return true;
  }

  /** false: it is gone, and so is its client. */
  take(response: ServerResponse): boolean {
    const held = this.#held.get(response);
    if (!held) return false;
    this.#held.delete(response);
    response.off('close', this.#onClose);
    if (held.publicationId !== undefined) this.#players.get(held.publicationId)!.now--;
    return true;
  }

  players(publicationId: string): number {
    const players = this.#players.get(publicationId);
    return players ? Math.max(players.most, players.mostBefore) : 0;
  }

  /** Those held for longer; call it about every second. */
  expired(nowMs: number, limitMs: number): ServerResponse[] {
    if (nowMs - this.#periodStartMs >= periodMs) this.#beginPeriod(nowMs);
    const expired: ServerResponse[] = [];
    for (const [response, { sinceMs }] of this.#held) {
      if (nowMs - sinceMs < limitMs) break;
      expired.push(response);
    }
    return expired;
  }

  #beginPeriod(nowMs: number): void {
    this.#periodStartMs = nowMs;
    for (const [publicationId, players] of this.#players) {
      players.mostBefore = players.most;
      players.most = players.now;
      if (players.mostBefore === 0 && players.now === 0) this.#players.delete(publicationId);
    }
  }

  // One function for all of them: a closure per held request is memory that thousands of players would pay for.
  readonly #onClose = ((held: HeldRequests) =>
    function (this: ServerResponse): void {
      held.take(this);
    })(this);
}
