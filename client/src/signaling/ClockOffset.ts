/** Unix ms with sub-millisecond steps; monotonic inside one page. */
export function unixNowMs(): number {
  return performance.timeOrigin + performance.now();
}

const keptRoundTrips = 24;

/**
 * Server clock minus ours, from pings: the midpoint of the shortest of the last 24 round trips (two minutes of them).
 * Its error is at most half that round trip (Cristian 1989); a longer round trip only tells less.
 */
export class ClockOffset {
  readonly #rounds: { rttMs: number; offsetMs: number }[] = [];

  add(sentAtMs: number, serverTimeMs: number, receivedAtMs: number): void {
    const rttMs = receivedAtMs - sentAtMs;
    if (!(rttMs >= 0) || !Number.isFinite(serverTimeMs)) return;
    this.#rounds.push({ rttMs, offsetMs: serverTimeMs - (sentAtMs + receivedAtMs) / 2 });
    if (this.#rounds.length > keptRoundTrips) this.#rounds.shift();
  }

  #best(): { rttMs: number; offsetMs: number } | undefined {
    let best = this.#rounds[0];
    for (const round of this.#rounds) if (best && round.rttMs < best.rttMs) best = round;
    return best;
  }

  get offsetMs(): number | undefined {
    return this.#best()?.offsetMs;
  }

  get rttMs(): number | undefined {
    return this.#best()?.rttMs;
  }
}
