const kept = 256;

/**
 * Pairs the arrival of a frame's last packet with the arrival of its detections, whichever the browser tells first, and
 * gives the difference. Times are performance.now() ms. Keeps the last 256 of each.
 */
export class DetectionDelayMeter {
  readonly #onDelay: (delayMs: number) => void;
  readonly #frames = new Map<number, number>();
  readonly #messages = new Map<number, number>();

  constructor(onDelay: (delayMs: number) => void) {
    this.#onDelay = onDelay;
  }

  onFrame(rtpTimestamp: number, receivedAtMs: number): void {
    if (!Number.isFinite(receivedAtMs)) return;
    const arrivedAtMs = this.#messages.get(rtpTimestamp);
    if (arrivedAtMs === undefined) return remember(this.#frames, rtpTimestamp, receivedAtMs);
    this.#messages.delete(rtpTimestamp);
    this.#onDelay(arrivedAtMs - receivedAtMs);
  }

  onMessage(rtpTimestamp: number, arrivedAtMs: number): void {
    const receivedAtMs = this.#frames.get(rtpTimestamp);
    if (receivedAtMs === undefined) return remember(this.#messages, rtpTimestamp, arrivedAtMs);
    this.#frames.delete(rtpTimestamp);
    this.#onDelay(arrivedAtMs - receivedAtMs);
  }

  clear(): void {
    this.#frames.clear();
    this.#messages.clear();
  }
}

function remember(times: Map<number, number>, rtpTimestamp: number, atMs: number): void {
  times.set(rtpTimestamp, atMs);
  if (times.size > kept) times.delete(times.keys().next().value!);
}
