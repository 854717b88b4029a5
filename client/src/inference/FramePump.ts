import type { Gallery } from '@framelock/server/protocol';
import {
  BrandNamer,
  encodeDetections,
  GalleryIndex,
  Tracker,
  unpackObjects,
} from '@framelock/server/protocol/analysis';
import { embeddingDimensions, unknownMarkLabel } from '@framelock/server/protocol';
import { FrameKeys } from './FrameKeys.ts';
import { FrameMeter } from './FrameMeter.ts';
import type { FrameReport, FrameResult, FrameToAnalyse, PublicationKey, ToFrameWorker } from './messages.ts';

export interface FramePumpOptions {
  onDetections(bytes: Uint8Array<ArrayBuffer>): void;
  onReport(report: FrameReport): void;
  /** The capture is over. */
  onEnded(): void;
}

interface FrameFacts {
  /** Unix ms, this machine's clock. */
  capturedAtMs: number;
  analysedAtMs: number;
  width: number;
  height: number;
}

/** Results that wait for their frame to come out of the encoder. */
const maxWaiting = 8;
/** Keys that wait for their result. */
const maxKeys = 300;
const reportEveryMs = 1_000;

type Begin = Extract<ToFrameWorker, { kind: 'begin' }>;

/**
 * Hands each captured frame to the encoder, and the newest one to the model when that is idle. A result goes out under
 * the RTP timestamp of the very frame that it was computed on, or not at all.
 */
export class FramePump {
  readonly #options: FramePumpOptions;
  readonly #meter = new FrameMeter();
  #keys = new FrameKeys();
  #connection: number | undefined;
  #sink: WritableStreamDefaultWriter<VideoFrame> | undefined;
  #reader: ReadableStreamDefaultReader<VideoFrame> | undefined;
  #model: MessagePort | undefined;
  #isModelBusy = false;
  /** The newest frame that the model has not seen. */
  #next: FrameToAnalyse | undefined;
  #nextId = 1;
  readonly #facts = new Map<number, FrameFacts>();
  /** RTP timestamps of frames that came out of the encoder. */
  readonly #rtpOf = new Map<number, number>();
  #newestOut = 0;
  #waiting: FrameResult[] = [];
  #publication: PublicationKey | undefined;
  #sequence = 0;
  #clockOffsetMs: number | undefined;
  #tracker = new Tracker();
  #brands: Begin['brands'];
  #namer: BrandNamer | undefined;

  constructor(options: FramePumpOptions) {
    this.#options = options;
    setInterval(() => this.#report(), reportEveryMs);
  }

  begin({ frames, sink, model, brands }: Begin): void {
    this.#sink = sink.getWriter();
    this.#model = model;
    this.#brands = brands;
    if (brands) this.#nameFrom({ revision: 0, modelSha256: '0'.repeat(64), brands: [] });
    model.onmessage = ({ data }: MessageEvent<FrameResult>) => this.#analysed(data);
    void this.take(frames);
  }

  async take(frames: ReadableStream<VideoFrame>): Promise<void> {
    void this.#reader?.cancel().catch(() => undefined);
    const reader = frames.getReader();
    this.#reader = reader;
    for (;;) {
      const { value: frame, done } = await reader.read().catch(() => ({ value: undefined, done: true as const }));
      if (done) {
        if (this.#reader === reader) this.#options.onEnded();
        return;
      }
      if (this.#reader === reader) await this.#pass(frame);
      else frame.close();
    }
  }

  async #pass(frame: VideoFrame): Promise<void> {
    const { timestamp: timestampUs, displayWidth: width, displayHeight: height } = frame;
    this.#meter.captured(width, height);
    const nowMs = performance.now();
    // Without a transform nobody would see under which timestamp it is sent.
    if (this.#connection === undefined || !this.#sink || !this.#keys.mayWrite(timestampUs, nowMs)) {
      if (this.#connection !== undefined) this.#meter.dropped('encoder');
      return frame.close();
    }
    const id = this.#nextId++;
    this.#facts.set(id, { capturedAtMs: unixMs(), analysedAtMs: 0, width, height });
    this.#offer({ id, frame: frame.clone() });
    this.#forgetOld();
    this.#keys.written({ id, timestampUs }, nowMs);
    // Closed by the sink, or by us where that is gone.
    await this.#sink.write(frame).catch(() => frame.close());
  }

  #offer(frame: FrameToAnalyse): void {
    if (this.#next) {
      this.#next.frame.close();
      this.#meter.dropped('sampler');
    }
    this.#next = frame;
    this.#analyseNext();
  }

  #analyseNext(): void {
    if (this.#isModelBusy || !this.#next || !this.#model) return;
    const { id, frame } = this.#next;
    this.#next = undefined;
    this.#isModelBusy = true;
    const facts = this.#facts.get(id);
    if (facts) facts.analysedAtMs = unixMs();
    this.#model.postMessage({ id, frame } satisfies FrameToAnalyse, [frame]);
  }

  #analysed(result: FrameResult): void {
    this.#isModelBusy = false;
    this.#analyseNext();
    this.#waiting.push(result);
    if (this.#waiting.length > maxWaiting) {
      this.#waiting.shift();
      this.#meter.dropped('noTimestamp');
    }
    this.#flush();
  }

  openConnection(connection: number): void {
    this.#connection = connection;
    this.#keys = new FrameKeys();
    this.#forget();
  }

  /** An encoded frame passes. */
  encoded(connection: number, rtpTimestamp: number | undefined): void {
    if (connection !== this.#connection) return;
    const id = this.#keys.encoded(rtpTimestamp, performance.now());
    if (id === undefined || rtpTimestamp === undefined) return;
    this.#rtpOf.set(id, rtpTimestamp);
    this.#newestOut = id;
    if (this.#rtpOf.size > maxKeys) this.#rtpOf.delete(this.#rtpOf.keys().next().value!);
    this.#flush();
  }

  /** In the order of frames: a result whose frame was passed by, or was dropped by the encoder, has no key. */
  #flush(): void {
    for (let result = this.#waiting[0]; result; result = this.#waiting[0]) {
      const rtpTimestamp = this.#rtpOf.get(result.id);
      if (rtpTimestamp === undefined && result.id > this.#newestOut && this.#keys.timing === 'known') return;
      this.#waiting.shift();
      if (rtpTimestamp === undefined) this.#meter.dropped('noTimestamp');
      else this.#publish(result, rtpTimestamp);
    }
  }

  #publish(result: FrameResult, rtpTimestamp: number): void {
    const publication = this.#publication;
    const facts = this.#facts.get(result.id);
    if (!publication || !facts || publication.connection !== this.#connection) return;
    // On the server's clock, as everything else that viewers compare.
    const toServerMs = this.#clockOffsetMs ?? 0;
    const objects = unpackObjects(result.packed, 0, result.count);
    if (result.embeddings) {
      for (const [i, object] of objects.entries()) {
        object.embedding = result.embeddings.subarray(i * embeddingDimensions, (i + 1) * embeddingDimensions);
      }
    }
    const trackIds = this.#tracker.update(objects, rtpTimestamp);
    this.#namer?.name(objects, trackIds, rtpTimestamp);
    const { capturedAtMs, analysedAtMs, width, height } = facts;
    const nowMs = unixMs();
    const inferredAtMs = Math.min(nowMs, analysedAtMs + result.preparedMs + result.ranMs);
    const { bytes, cut } = encodeDetections({
      ...{ publicationId: publication.id, revision: publication.revision, sequence: this.#sequence++ },
      ...{ rtpTimestamp, width, height, objects, trackIds },
      receivedAtMs: capturedAtMs + toServerMs,
      decodedAtMs: capturedAtMs + toServerMs,
      inferredAtMs: inferredAtMs + toServerMs,
      sentAtMs: nowMs + toServerMs,
    });
    if (cut > 0) this.#meter.dropped('objects', cut);
    this.#meter.published({
      queueMs: Math.max(0, analysedAtMs - capturedAtMs),
      inferenceMs: result.preparedMs + result.ranMs,
      publishMs: Math.max(0, nowMs - inferredAtMs),
    });
    // The encoder's buffer is its own.
    this.#options.onDetections(bytes.slice());
  }

  setPublication(publication: PublicationKey | undefined): void {
    const before = this.#publication;
    this.#publication = publication;
    if (before?.id === publication?.id && before?.revision === publication?.revision) return;
    this.#sequence = 0;
    if (before?.id !== publication?.id) this.#tracker = new Tracker();
  }

  setClock(offsetMs: number): void {
    this.#clockOffsetMs = offsetMs;
  }

  /** `revision`: of the description that told viewers the labels of this gallery. */
  setGallery(gallery: Gallery, revision: number): void {
    if (!this.#brands) return;
    this.#nameFrom(gallery);
    if (this.#publication) this.setPublication({ ...this.#publication, revision });
  }

  #nameFrom(gallery: Gallery): void {
    if (!this.#brands) return;
    const index = new GalleryIndex(gallery, this.#brands.matchThreshold);
    if (this.#namer) this.#namer.setIndex(index);
    else this.#namer = new BrandNamer(index, this.#brands);
  }

  #forget(): void {
    this.#rtpOf.clear();
    this.#waiting = [];
    this.#newestOut = 0;
    this.#tracker = new Tracker();
  }

  #forgetOld(): void {
    if (this.#facts.size > maxKeys) this.#facts.delete(this.#facts.keys().next().value!);
  }

  #report(): void {
    const { counts, timing, reason } = this.#keys;
    this.#options.onReport({
      ...this.#meter.take(),
      timing,
      ...(reason ? { reason } : {}),
      dropped: {
        ...this.#meter.droppedSoFar,
        ...{ doubts: counts.doubts, ambiguous: counts.ambiguous, strangers: counts.strangers },
        byEncoder: counts.droppedByEncoder,
      },
    });
  }
}

/** Until a gallery is there. */
export const unnamedLabels: readonly string[] = [unknownMarkLabel];

function unixMs(): number {
  return performance.timeOrigin + performance.now();
}
