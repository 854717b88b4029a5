import type { AnalysisView, DetectionMessage, PublisherReport } from '@framelock/server/protocol';
import type { LatencyBudget } from '../PlayerStats.ts';
import { SlidingWindow } from './SlidingWindow.ts';

const keptFrames = 300;

/** What the meter asks when a figure needs another clock. */
export interface LatencyClocks {
  /** Server clock minus this viewer's, ms. */
  serverOffsetMs(): number | undefined;
  /** Round trip viewer <-> sfu, ms. */
  viewerRttMs(): number | undefined;
}

/**
 * Where the milliseconds from capture to overlay go; medians over the last 300 frames.
 *
 * Measured: the publisher's encode and send delay (its own report, a mean of the last second), the stages on the
 * inference node (its own clock), arrival, presentation and drawing here (our clock). Across machines, by ping
 * midpoints: `dataChannel`, and captureToOverlay of exact pictures, whose path is capture -> inference node received
 * -> drawn here. Estimated: `uplink` as half the publisher's round trip; for predicted and interpolated pictures the
 * downlink as half of ours. Not in it: the screen's own delay after drawing, and a camera's before capture.
 */
export class LatencyMeter {
  readonly #clocks: LatencyClocks;
  readonly #decode = new SlidingWindow(keptFrames);
  readonly #modelAndQueue = new SlidingWindow(keptFrames);
  readonly #publish = new SlidingWindow(keptFrames);
  readonly #dataChannel = new SlidingWindow(keptFrames);
  readonly #jitterBuffer = new SlidingWindow(keptFrames);
  readonly #display = new SlidingWindow(keptFrames);
  readonly #receiveToDrawn = new SlidingWindow(60);
  readonly #captureToOverlay = new SlidingWindow(keptFrames);
  readonly #predictionAge = new SlidingWindow(keptFrames);
  #report: PublisherReport | undefined;
  #analysis: AnalysisView | undefined;

  constructor(clocks: LatencyClocks) {
    this.#clocks = clocks;
  }

  onReport(report: PublisherReport): void {
    this.#report = report;
  }

  onAnalysis(analysis: AnalysisView): void {
    this.#analysis = analysis;
  }

  onMessage({ t }: DetectionMessage, arrivedAtUnixMs: number): void {
    this.#decode.add(t.decoded);
    this.#modelAndQueue.add(t.inferred - t.decoded);
    this.#publish.add(t.sent - t.inferred);
    const arrivedAtMs = this.#onServerClock(arrivedAtUnixMs);
    if (arrivedAtMs !== undefined) this.#dataChannel.add(Math.max(0, arrivedAtMs - this.#receivedAt(t) - t.sent));
  }

  onPresented(receivedAtMs: number, presentedAtMs: number, drawnAtMs: number): void {
    this.#jitterBuffer.add(presentedAtMs - receivedAtMs);
    this.#display.add(Math.max(0, drawnAtMs - presentedAtMs));
    this.#receiveToDrawn.add(drawnAtMs - receivedAtMs);
  }

  /** An exact picture was drawn with its own message. */
  onExact({ t }: DetectionMessage, drawnAtUnixMs: number): void {
    const drawnAtMs = this.#onServerClock(drawnAtUnixMs);
    // A publisher's page that computes them says when it captured the picture itself.
    const toSfuMs = this.#analysis?.computedBy === 'browser' ? 0 : this.#toSfu();
    if (drawnAtMs === undefined || toSfuMs === undefined) return;
    this.#captureToOverlay.add(Math.max(0, toSfuMs + drawnAtMs - this.#receivedAt(t)));
  }

  /** Capture to drawn, where the medium itself tells when a picture was captured (HLS). */
  addCaptureToOverlay(ms: number): void {
    if (ms >= 0) this.#captureToOverlay.add(ms);
  }

  /** A picture was drawn with boxes made from others'. */
  onOther(receivedAtMs: number, drawnAtMs: number, predictionAgeMs: number | undefined): void {
    if (predictionAgeMs !== undefined) this.#predictionAge.add(predictionAgeMs);
    const toSfuMs = this.#toSfu();
    if (toSfuMs === undefined) return;
    this.#captureToOverlay.add(toSfuMs + (this.#clocks.viewerRttMs() ?? 0) / 2 + drawnAtMs - receivedAtMs);
  }

  #toSfu(): number | undefined {
    return this.#report && this.#report.captureToSendMs + this.#report.rttMs / 2;
  }

  #onServerClock(unixMs: number): number | undefined {
    const offsetMs = this.#clocks.serverOffsetMs();
    return offsetMs === undefined ? undefined : unixMs + offsetMs;
  }

  /** The inference node's `received` on the server's clock. */
  #receivedAt(t: DetectionMessage['t']): number {
    return t.received - (this.#analysis?.clockOffsetMs ?? 0);
  }

  get budget(): LatencyBudget {
    const modelAndQueue = this.#modelAndQueue.median;
    const queue = modelAndQueue === null ? null : Math.min(modelAndQueue, this.#analysis?.stageMs?.queue ?? 0);
    return {
      captureToSend: this.#report?.captureToSendMs ?? null,
      uplink: this.#report ? this.#report.rttMs / 2 : null,
      decode: this.#decode.median,
      queue,
      inference: modelAndQueue === null || queue === null ? null : modelAndQueue - queue,
      publish: this.#publish.median,
      dataChannel: this.#dataChannel.median,
      jitterBuffer: this.#jitterBuffer.median,
      display: this.#display.median,
    };
  }

  get captureToOverlayMs(): { p50: number | null; p95: number | null } {
    const [p50, p95] = this.#captureToOverlay.percentiles(0.5, 0.95);
    return { p50: p50!, p95: p95! };
  }

  /** Last packet received to drawn, over the last two seconds. */
  get receiveToDrawnMs(): number | null {
    return this.#receiveToDrawn.median;
  }

  get predictionAgeMs(): number | null {
    return this.#predictionAge.median;
  }

  /** What is known of another Publication or another mode says nothing of this one. */
  clear(): void {
    this.#report = undefined;
    this.clearFrames();
    for (const window of [this.#decode, this.#modelAndQueue, this.#publish, this.#dataChannel]) window.clear();
  }

  clearFrames(): void {
    for (const window of [
      this.#jitterBuffer,
      this.#display,
      this.#receiveToDrawn,
      this.#captureToOverlay,
      this.#predictionAge,
    ]) {
      window.clear();
    }
  }
}
