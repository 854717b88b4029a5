import { tellTrace, type TracedStage } from '@framelock/server/protocol/tracing';

/** One Frame of each Publication so often, ms: a span per frame would cost more than it tells. */
const everyMs = 1_000;

/** When one analysed Frame came to its stages, Unix ms. */
export interface FrameTimes {
  receivedAtMs: number;
  decodedAtMs: number;
  startedAtMs: number;
  inferredAtMs: number;
  sentAtMs: number;
}

/** A frame's journey through the analysis as an OpenTelemetry trace, of one Frame a second. */
export class FrameTracer {
  readonly #attributes: { 'framelock.publication_id': string; 'framelock.stream_id': string };
  #dueAtMs = 0;

  constructor({ publicationId, streamId }: { publicationId: string; streamId: string }) {
    this.#attributes = { 'framelock.publication_id': publicationId, 'framelock.stream_id': streamId };
  }

  /** Whether the next Frame is to be told; asked with each. */
  isDue(nowMs: number): boolean {
    return nowMs >= this.#dueAtMs;
  }

  tell(rtpTimestamp: number, modelId: string, objects: number, times: FrameTimes): void {
    this.#dueAtMs = times.sentAtMs + everyMs;
    const stages: TracedStage[] = [
      ['decode', times.receivedAtMs, times.decodedAtMs],
      ['queue', times.decodedAtMs, times.startedAtMs],
      ['inference', times.startedAtMs, times.inferredAtMs],
      ['publish', times.inferredAtMs, times.sentAtMs],
    ];
    const ofFrame = {
      'framelock.rtp_timestamp': rtpTimestamp,
      'framelock.model_id': modelId,
      'framelock.objects': objects,
    };
    tellTrace('frame', { ...this.#attributes, ...ofFrame }, stages);
  }
}
