import type { Delivery } from '@framelock/server/protocol';
import type { Transport } from './Playback.ts';

/** What a person wants; `auto` = what the Stream is set to, with HLS where WebRTC does not come through. */
export type TransportWish = 'auto' | Transport;

export interface TransportChoice {
  transport: Transport;
  /** Why, where nobody chose it. */
  reason: string | undefined;
}

/** `probe`: whether HTTP works where the WebSocket does not. `fallBack`: WebRTC goes on trying beside HLS at first. */
export type ChooserStep = 'none' | 'probe' | 'fallBack' | 'tryWebRtc' | 'giveUpTrying';

/** Without a picture by WebRTC for this long, while somebody publishes, HLS takes over. */
const patienceMs = 6_000;
const firstRetryMs = 30_000;
const longestRetryMs = 300_000;
/** A try that has no picture by then has failed. */
const tryMs = 10_000;
/** HTTP has to answer this often in a row without a WebSocket, or a server that comes back would look like a bad proxy. */
const probesNeeded = 3;
const probeEveryMs = 2_000;
/** HLS that is off, or cannot be played, is not asked again for this long. */
const withoutHlsMs = 60_000;

export const noPathReason = 'no UDP or TCP path';
export const noSocketReason = 'no WebSocket';
export const noWebRtcReason = 'no WebRTC in this browser';
export const manyViewersReason = 'many viewers';
export const rewindReason = 'rewound';

/**
 * Which transport to play by, from what happens; it does nothing by itself. In `auto` it begins with WebRTC unless the
 * Stream is set for many viewers, falls back to HLS when no picture comes, and tries WebRTC again after 30 s and then
 * ever less often, while HLS goes on.
 */
export class TransportChooser {
  readonly #webRtcSupported: boolean;
  #wish: TransportWish;
  #delivery: Delivery | undefined;
  #choice: TransportChoice;
  /** Since when a picture by WebRTC is due; undefined = it is there, or nobody publishes. */
  #dueSinceMs: number | undefined;
  #socketOpen = false;
  #retries = 0;
  #retryAtMs = Infinity;
  #triesSinceMs: number | undefined;
  #hlsOffUntilMs = 0;
  #probes = 0;
  #probedAtMs = -Infinity;

  constructor(wish: TransportWish, webRtcSupported: boolean, nowMs: number) {
    this.#wish = wish;
    this.#webRtcSupported = webRtcSupported;
    this.#choice = this.#first();
    this.#dueSinceMs = nowMs;
  }

  get choice(): Readonly<TransportChoice> {
    return this.#choice;
  }

  get wish(): TransportWish {
    return this.#wish;
  }

  /** A try at WebRTC runs beside HLS. */
  get trying(): boolean {
    return this.#triesSinceMs !== undefined;
  }

  #first(): TransportChoice {
    if (this.#wish === 'hls') return { transport: 'hls', reason: undefined };
    if (!this.#webRtcSupported) return { transport: 'hls', reason: noWebRtcReason };
    if (this.#wish === 'auto' && this.#delivery === 'hls') return { transport: 'hls', reason: manyViewersReason };
    return { transport: 'webrtc', reason: undefined };
  }

  /** Answers whether the transport is another now. */
  setWish(wish: TransportWish, nowMs: number): boolean {
    this.#wish = wish;
    return this.#take(this.#first(), nowMs);
  }

  /** The Stream's setting, as it is told; one that did not change decides nothing. */
  setDelivery(delivery: Delivery, nowMs: number): boolean {
    if (delivery === this.#delivery) return false;
    const known = this.#delivery !== undefined;
    this.#delivery = delivery;
    if (this.#wish !== 'auto' || (!known && delivery === 'webrtc')) return false;
    // A person who went back in time is not brought forward by a setting; live is where it holds again.
    if (this.#choice.reason === rewindReason) return false;
    return this.#take(this.#first(), nowMs);
  }

  /** A person went back in time, which only HLS can. */
  rewind(nowMs: number): boolean {
    return this.#take({ transport: 'hls', reason: rewindReason }, nowMs);
  }

  /** Back to live from there. true = WebRTC is to be tried at once, while HLS goes on. */
  backToLive(nowMs: number): boolean {
    if (this.#choice.reason !== rewindReason) return false;
    const first = this.#first();
    if (first.transport === 'hls') {
      this.#choice = first;
      return false;
    }
    this.#choice = { transport: 'hls', reason: undefined };
    this.#triesSinceMs = nowMs;
    return true;
  }

  #take(choice: TransportChoice, nowMs: number): boolean {
    const isOther = choice.transport !== this.#choice.transport;
    this.#choice = choice;
    this.#triesSinceMs = undefined;
    this.#retries = 0;
    this.#retryAtMs = Infinity;
    if (isOther) this.#dueSinceMs = nowMs;
    return isOther;
  }

  onSocket(open: boolean): void {
    this.#socketOpen = open;
    if (open) this.#probes = 0;
  }

  /** HTTP answered, or did not, while there was no WebSocket. */
  onProbed(answered: boolean): void {
    this.#probes = answered ? this.#probes + 1 : 0;
  }

  /** Somebody publishes, or nobody does. */
  onPublished(published: boolean, nowMs: number): void {
    if (!published) this.#dueSinceMs = undefined;
    else if (this.#choice.transport === 'webrtc') this.#dueSinceMs ??= nowMs;
  }

  /** The path by WebRTC was lost. */
  onLost(nowMs: number): void {
    if (this.#choice.transport === 'webrtc') this.#dueSinceMs ??= nowMs;
  }

  onPicture(): void {
    if (this.#choice.transport === 'webrtc') this.#dueSinceMs = undefined;
  }

  /** The try at WebRTC has its first picture on the canvas. */
  onWebRtcShown(): void {
    this.#choice = { transport: 'webrtc', reason: undefined };
    this.#triesSinceMs = undefined;
    this.#retryAtMs = Infinity;
    this.#dueSinceMs = undefined;
    this.#probes = 0;
    // `#retries` stays: a path that breaks again and again is tried less often.
  }

  /** This browser cannot take the Stream by WebRTC (a codec). Answers whether HLS is to go on instead. */
  onWebRtcFailed(nowMs: number): boolean {
    if (this.#wish !== 'auto' || nowMs < this.#hlsOffUntilMs) return false;
    return this.#take({ transport: 'hls', reason: noWebRtcReason }, nowMs);
  }

  /** HLS cannot be had. Answers whether WebRTC is to go on instead. */
  onHlsFailed(nowMs: number): boolean {
    if (this.#wish === 'hls' || !this.#webRtcSupported) return false;
    this.#hlsOffUntilMs = nowMs + withoutHlsMs;
    return this.#take({ transport: 'webrtc', reason: undefined }, nowMs);
  }

  /** What is due now. */
  step(nowMs: number): ChooserStep {
    if (this.#triesSinceMs !== undefined) {
      if (nowMs - this.#triesSinceMs < tryMs) return 'none';
      this.#triesSinceMs = undefined;
      this.#choice.reason ??= this.#why();
      this.#planRetry(nowMs);
      return 'giveUpTrying';
    }
    if (this.#choice.transport === 'hls') return this.#stepHls(nowMs);
    return this.#stepWebRtc(nowMs);
  }

  #stepWebRtc(nowMs: number): ChooserStep {
    if (this.#wish !== 'auto' || this.#dueSinceMs === undefined || nowMs < this.#hlsOffUntilMs) return 'none';
    const works = this.#socketOpen || this.#probes >= probesNeeded;
    if (works && nowMs - this.#dueSinceMs >= patienceMs) {
      this.#choice = { transport: 'hls', reason: this.#why() };
      this.#triesSinceMs = nowMs;
      return 'fallBack';
    }
    if (this.#socketOpen || nowMs - this.#probedAtMs < probeEveryMs) return 'none';
    this.#probedAtMs = nowMs;
    return 'probe';
  }

  #why(): string {
    return this.#socketOpen ? noPathReason : noSocketReason;
  }

  #stepHls(nowMs: number): ChooserStep {
    if (nowMs < this.#retryAtMs) return 'none';
    this.#retryAtMs = Infinity;
    this.#triesSinceMs = nowMs;
    return 'tryWebRtc';
  }

  #planRetry(nowMs: number): void {
    this.#retryAtMs = nowMs + Math.min(longestRetryMs, firstRetryMs * 2 ** this.#retries);
    this.#retries = Math.min(this.#retries + 1, 10);
  }

  /** The try ended before its time. */
  onTryFailed(nowMs: number): void {
    if (this.#triesSinceMs === undefined) return;
    this.#triesSinceMs = undefined;
    this.#choice.reason ??= this.#why();
    this.#planRetry(nowMs);
  }
}
