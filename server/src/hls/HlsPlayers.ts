const periodMs = 2_000;
/** Beyond it those without a player are let go of at once. */
const maxIdle = 1_000;

interface Players {
  now: number;
  /** Most at once, in this period and in the one before. */
  most: number;
  mostBefore: number;
  sinceMs: number;
}

/**
 * Players of each Publication behind this proxy. An LL-HLS player has one playlist request open at nearly every moment;
 * the origin sees one of all equal ones, so it can't count them.
 */
export class HlsPlayers {
  readonly #players = new Map<string, Players>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  get size(): number {
    return this.#players.size;
  }

  /** One more request is held, until the answer is called. */
  enter(publicationId: string): () => void {
    let players = this.#players.get(publicationId);
    if (!players) {
      if (this.#players.size >= maxIdle) this.#forgetIdle();
      players = { now: 0, most: 0, mostBefore: 0, sinceMs: this.#nowMs() };
      this.#players.set(publicationId, players);
    }
    this.#roll(players);
    players.most = Math.max(players.most, ++players.now);
    const entered = players;
    return () => void entered.now--;
  }

  of(publicationId: string): number {
    const players = this.#players.get(publicationId);
    if (!players) return 0;
    this.#roll(players);
    return Math.max(players.most, players.mostBefore);
  }

  #roll(players: Players): void {
    const elapsedMs = this.#nowMs() - players.sinceMs;
    if (elapsedMs < periodMs) return;
    players.mostBefore = elapsedMs < 2 * periodMs ? players.most : players.now;
    players.most = players.now;
    players.sinceMs = this.#nowMs();
  }

  #forgetIdle(): void {
    for (const [publicationId, { now }] of this.#players) if (now === 0) this.#players.delete(publicationId);
  }
}
