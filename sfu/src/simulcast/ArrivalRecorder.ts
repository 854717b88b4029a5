import type { types } from 'mediasoup';
import { rtpTicksBetween } from '@framelock/server/protocol';
import type { FrameArrival } from './LayerTimeline.ts';

/** Five seconds at 120 fps; a check never lasts that long. */
const mostFrames = 600;

/**
 * Notes when the first packet of each frame reaches the Worker, by its own clock: mediasoup's `rtp` trace tells each
 * packet's header and time. A Consumer would see them only from its next key frame on, and OBS sends none when asked.
 */
export class ArrivalRecorder {
  readonly #producer: types.Producer;
  #frames: FrameArrival[] = [];
  #newest: number | undefined;
  #recording = false;

  constructor(producer: types.Producer) {
    this.#producer = producer;
    producer.on('trace', this.#onTrace);
  }

  get frames(): readonly FrameArrival[] {
    return this.#frames;
  }

  start(): void {
    this.#frames = [];
    this.#newest = undefined;
    this.#trace(true);
  }

  stop(): void {
    if (this.#recording) this.#trace(false);
  }

  /** `keyframe` always: the ingest meter counts them. The call replaces whatever was enabled. */
  #trace(recording: boolean): void {
    this.#recording = recording;
    if (this.#producer.closed) return;
    this.#producer.enableTraceEvent(recording ? ['keyframe', 'rtp'] : ['keyframe']).catch(() => {}); // closed meanwhile
  }

  readonly #onTrace = ({ type, timestamp, info }: types.ProducerTraceEventData): void => {
    // A packet that begins a key frame is traced as that only.
    if (!this.#recording || (type !== 'rtp' && type !== 'keyframe')) return;
    const { rtpPacket, isRtx } = info as { rtpPacket?: { timestamp?: number }; isRtx?: boolean };
    const rtp = rtpPacket?.timestamp;
    if (rtp === undefined || isRtx || this.#frames.length >= mostFrames) return;
    if (this.#newest !== undefined && rtpTicksBetween(rtp, this.#newest) <= 0) return;
    this.#newest = rtp;
    this.#frames.push({ rtp, atMs: timestamp });
  };

  close(): void {
    this.stop();
    this.#producer.off('trace', this.#onTrace);
  }
}
