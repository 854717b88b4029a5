import { encodeDetections } from '@framelock/server/protocol/analysis';
import { copyFrame } from './copyFrame.ts';
import { FrameKeys } from './FrameKeys.ts';
import { FrameMeter } from './FrameMeter.ts';
import { PilotWriter } from './PilotWriter.ts';
import type { FrameReport, FrameResult, FrameToAnalyse, PublicationKey, ToFrameWorker } from './messages.ts';

export interface FramePumpOptions {
  onDetections(bytes: Uint8Array<ArrayBuffer>): void;
  onReport(report: FrameReport): void;
  /** The model has not answered for too long. */
  onStalled(): void;
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
/** Frames that the sink has not taken yet. */
const maxUnwritten = 4;
/** Also a slow machine answers a frame by then. */
const stalledAfterMs = 30_000;

type Begin = Extract<ToFrameWorker, { kind: 'begin' }>;

/**
 * Hands each captured frame to the encoder, at once and whatever the analysis does, and a copy of the next one to the model
 * when that is idle: Chromium 156 gave no frame any more while two were kept. A result goes out under the RTP timestamp of the very frame that it was computed on, or not at all.
 */
export class FramePump {
  readonly #options: FramePumpOptions;
  readonly #meter = new FrameMeter();
  readonly #reportTimer: ReturnType<typeof setInterval>;
  #keys = new FrameKeys();
  #connection: number | undefined;
  #sink: WritableStreamDefaultWriter<VideoFrame> | undefined;
  #reader: ReadableStreamDefaultReader<VideoFrame> | undefined;
  readonly #pilots = new PilotWriter({
    onDue: (frame) => {
      this.#keys.pilotWritten(frame.timestamp, performance.now());
      this.#write(frame);
    },
    onProblem: () => this.#meter.dropped('pilots'),
  });
  #model: MessagePort | undefined;
  /** When the model got the frame that it has, performance.now(). */
  #busySinceMs: number | undefined;
  #isNewScene = true;
  #nextId = 1;
  readonly #facts = new Map<number, FrameFacts>();
  /** RTP timestamps of frames that came out of the encoder. */
  readonly #rtpOf = new Map<number, number>();
  #newestOut = 0;
  #waiting: FrameResult[] = [];
  #publication: PublicationKey | undefined;
  #sequence = 0;
  #clockOffsetMs: number | undefined;

  constructor(options: FramePumpOptions) {
    this.#options = options;
    this.#reportTimer = setInterval(() => this.#report(), reportEveryMs);
  }

  begin({ frames, sink }: Begin): void {
    this.#sink = sink.getWriter();
    void this.take(frames);
  }

  async take(frames: ReadableStream<VideoFrame>): Promise<void> {
    void this.#reader?.cancel().catch(() => undefined);
    const reader = frames.getReader();
    this.#reader = reader;
    this.#isNewScene = true;
    this.#pilots.cancel();
    this.#keys.restart();
    for (;;) {
      const { value: frame, done } = await reader.read().catch(() => ({ value: undefined, done: true as const }));
      if (done) return;
      if (this.#reader !== reader) frame.close();
      else this.#passOn(frame);
    }
  }

  /** An error with one of them must not end the video. */
  #passOn(frame: VideoFrame): void {
    try {
      this.#pass(frame);
    } catch (error) {
      frame.close();
      reportError(error);
    }
  }

  #pass(frame: VideoFrame): void {
    const { timestamp: timestampUs, displayWidth: width, displayHeight: height } = frame;
    this.#meter.captured(width, height);
    this.#pilots.cancel();
    // Before the transform is in place nothing is sent.
    if (this.#connection === undefined || !this.#sink) return frame.close();
    if ((this.#sink.desiredSize ?? 0) <= -maxUnwritten) {
      this.#meter.dropped('sink');
      return frame.close();
    }
    const id = this.#nextId++;
    this.#facts.set(id, { capturedAtMs: unixMs(), analysedAtMs: 0, width, height });
    if (this.#facts.size > maxKeys) this.#facts.delete(this.#facts.keys().next().value!);
    this.#offer(id, frame);
    const nowMs = performance.now();
    this.#keys.written(id, timestampUs, nowMs);
    const pilotUs = this.#keys.pilotAfter();
    if (pilotUs !== undefined) this.#pilots.prepare(frame.clone(), pilotUs, nowMs + (pilotUs - timestampUs) / 1000);
    this.#write(frame);
  }

  /** Not awaited: what the encoder does not keep up with is dropped there, as of any camera. */
  #write(frame: VideoFrame): void {
    void this.#sink?.write(frame).catch(() => frame.close());
  }

  /** Of the model that is there from now on; undefined = none is. */
  setModel(port: MessagePort | undefined): void {
    if (this.#busySinceMs !== undefined) this.#meter.dropped('model');
    this.#model?.close();
    this.#model = port;
    this.#busySinceMs = undefined;
    this.#isNewScene = true;
    if (port) {
      port.onmessage = ({ data }: MessageEvent<FrameResult>) => {
        if (this.#model === port) this.#analysed(data);
      };
    }
  }

  #offer(id: number, frame: VideoFrame): void {
    const port = this.#model;
    if (!port) return this.#meter.dropped('model');
    if (this.#busySinceMs !== undefined) return this.#meter.dropped('sampler');
    this.#busySinceMs = performance.now();
    const isNewScene = this.#isNewScene;
    this.#isNewScene = false;
    copyFrame(frame.clone(), frame.timestamp).then(
      (copy) => {
        // Lost meanwhile.
        if (this.#model !== port) return copy.close();
        const facts = this.#facts.get(id);
        if (facts) facts.analysedAtMs = unixMs();
        port.postMessage({ id, frame: copy, isNewScene } satisfies FrameToAnalyse, [copy]);
      },
      () => {
        this.#meter.dropped('copy');
        if (this.#model !== port) return;
        this.#busySinceMs = undefined;
        this.#isNewScene ||= isNewScene;
      },
    );
  }

  #analysed(result: FrameResult): void {
    this.#busySinceMs = undefined;
    this.#waiting.push(result);
    if (this.#waiting.length > maxWaiting) {
      this.#waiting.shift();
      this.#meter.dropped('noTimestamp');
    }
    this.#flush();
  }

  openConnection(connection: number): void {
    this.#connection = connection;
    this.#pilots.cancel();
    this.#keys = new FrameKeys();
    this.#rtpOf.clear();
    this.#newestOut = 0;
    for (; this.#waiting.length > 0; this.#waiting.pop()) this.#meter.dropped('noTimestamp');
  }

  /** An encoded frame passes. */
  encoded(connection: number, rtpTimestamp: number | undefined): void {
    if (connection !== this.#connection) return;
    for (const key of this.#keys.encoded(rtpTimestamp, performance.now())) {
      this.#rtpOf.set(key.id, key.rtpTimestamp);
      this.#newestOut = key.id;
    }
    while (this.#rtpOf.size > maxKeys) this.#rtpOf.delete(this.#rtpOf.keys().next().value!);
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
    // Viewers would read its labels from another table.
    if (result.galleryVersion !== publication.galleryVersion) return this.#meter.dropped('gallery');
    // On the server's clock, as everything else that viewers compare.
    const toServerMs = this.#clockOffsetMs ?? 0;
    const { capturedAtMs, analysedAtMs, width, height } = facts;
    const { objects, trackIds } = result;
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
    if (before?.id !== publication?.id || before?.revision !== publication?.revision) this.#sequence = 0;
  }

  /** `revision`: of the description that told viewers the labels of this gallery. */
  setGallery(galleryVersion: number, revision: number): void {
    if (this.#publication) this.setPublication({ ...this.#publication, galleryVersion, revision });
  }

  setClock(offsetMs: number): void {
    this.#clockOffsetMs = offsetMs;
  }

  /** Nothing is analysed or written any more. */
  release(): void {
    clearInterval(this.#reportTimer);
    this.#pilots.cancel();
    void this.#reader?.cancel().catch(() => undefined);
    this.#reader = undefined;
    this.setModel(undefined);
    this.#connection = undefined;
    this.#waiting = [];
  }

  #report(): void {
    if (this.#busySinceMs !== undefined && performance.now() - this.#busySinceMs > stalledAfterMs) {
      this.#busySinceMs = performance.now();
      this.#options.onStalled();
    }
    const { counts, timing, reason } = this.#keys;
    this.#options.onReport({
      ...this.#meter.take(),
      timing,
      ...(reason ? { reason } : {}),
      dropped: {
        ...this.#meter.droppedSoFar,
        ...{ doubts: counts.doubts, ambiguous: counts.ambiguous, strangers: counts.strangers },
        ...{ unproven: counts.unproven, byEncoder: counts.droppedByEncoder },
      },
    });
  }
}

function unixMs(): number {
  return performance.timeOrigin + performance.now();
}
