/** HTTP's Date header (RFC 9110 section 6.6.1) has whole seconds. */
const stepMs = 1000;

/**
 * Server clock minus ours, ms, from Date headers: each answer says only that the server's clock stood within one second,
 * and answers at other moments of the second narrow it down. 0 where that is possible, since most clocks are set by NTP.
 */
export class DateClock {
  #leastMs = -Infinity;
  #mostMs = Infinity;

  /** Our Unix ms before the request and after its answer. */
  add(date: string | null, sentAtMs: number, receivedAtMs: number): void {
    const serverMs = date === null ? NaN : Date.parse(date);
    if (Number.isNaN(serverMs) || receivedAtMs < sentAtMs) return;
    const least = serverMs - receivedAtMs;
    const most = serverMs + stepMs - sentAtMs;
    const [leastMs, mostMs] = [Math.max(this.#leastMs, least), Math.min(this.#mostMs, most)];
    // One of the clocks was set anew: what was known before is over.
    const apart = leastMs > mostMs;
    this.#leastMs = apart ? least : leastMs;
    this.#mostMs = apart ? most : mostMs;
  }

  get offsetMs(): number | undefined {
    if (this.#leastMs === -Infinity) return undefined;
    if (this.#leastMs <= 0 && this.#mostMs >= 0) return 0;
    return (this.#leastMs + this.#mostMs) / 2;
  }
}
