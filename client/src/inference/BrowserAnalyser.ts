import {
  type BrowserAnalysisReport,
  type BrowserModel,
  type BrowserProvider,
  type Gallery,
  unknownMarkLabel,
} from '@framelock/server/protocol';
import type { DataProducer } from 'mediasoup-client/types';
import type { SignalingClient } from '../signaling/SignalingClient.ts';
import { TypedEmitter } from '../signaling/TypedEmitter.ts';
import type { BrowserModelSpec } from './BrowserModelSpec.ts';
import { readBundledGallery } from './bundledGallery.ts';
import { GalleryTeller } from './GalleryTeller.ts';
import { GalleryWatch } from './GalleryWatch.ts';
import type { MediaGlobals } from './mediaTypes.ts';
import type { FrameReport, FromFrameWorker, ToFrameWorker } from './messages.ts';
import { PageModel } from './PageModel.ts';
import { providersHere, threadsHere } from './providersHere.ts';
import { whyNotHere } from './whyNotHere.ts';

export interface BrowserAnalyserOptions {
  /** Where it is published. */
  streamId: string;
  /** What is captured; not stopped with this. */
  track: MediaStreamTrack;
  spec: BrowserModelSpec;
  /** Default: WebGPU where there is an adapter, then WebAssembly. */
  providers?: BrowserProvider[];
  /** Of WebAssembly. Default: half of the processors, 1 where pages have no shared memory. */
  threads?: number;
  token?: string;
}

export type BrowserAnalyserState = Pick<BrowserAnalysisReport, 'state'> & BrowserAnalysisReport;

/** What a connection offers for the detections. */
export interface AnalyserConnection {
  signaling: SignalingClient;
  publicationId: string;
  detections: DataProducer;
  /** Of the description that viewers were told. */
  revision: number;
}

/** More waits for the network than a second of detections: they would come too late. */
const maxBufferedBytes = 64 * 1024;
/** The worker of frames reports once a second; a hidden page may be slowed. */
const silentAfterMs = 8_000;

/**
 * Runs a Model in this page on the frames that it publishes. `track` is what is to be sent: the captured frames, each
 * of which passed through here, so that it is known which of them is sent under which RTP timestamp.
 */
export class BrowserAnalyser {
  /** To be sent in place of the captured one. */
  readonly track: MediaStreamTrack;
  readonly spec: BrowserModelSpec;
  readonly #events = new TypedEmitter<{ state: BrowserAnalyserState }>();
  readonly #frameWorker: Worker;
  readonly #model: PageModel;
  readonly #galleryWatch: GalleryWatch | undefined;
  readonly #silenceTimer: ReturnType<typeof setInterval>;
  #captured: MediaStreamTrack;
  readonly #teller = new GalleryTeller({ onTold: (gallery, revision) => this.#useGallery(gallery, revision) });
  #galleryProblem: string | undefined;
  #connections = 0;
  #connection: AnalyserConnection | undefined;
  #report: FrameReport = {};
  #heardAtMs = performance.now();
  #faults = 0;
  #bufferFull = 0;
  #closed = false;

  /** Resolves when the model has run once. @throws with the reason where it can't here. */
  static async create(options: BrowserAnalyserOptions): Promise<BrowserAnalyser> {
    const problem = whyNotHere(globalThis as unknown as MediaGlobals);
    if (problem) throw new Error(problem);
    const model = await PageModel.create({
      spec: options.spec,
      providers: options.providers ?? (await providersHere()),
      threads: options.threads ?? threadsHere(),
      openWorker: () => new Worker(new URL('./modelWorker.ts', import.meta.url), { type: 'module', name: 'model' }),
    });
    try {
      return new BrowserAnalyser(options, model);
    } catch (error) {
      model.close();
      throw error;
    }
  }

  private constructor({ streamId, track, spec, token }: BrowserAnalyserOptions, model: PageModel) {
    const { MediaStreamTrackGenerator } = globalThis as unknown as Required<MediaGlobals>;
    // First, since it throws for a capture that is over: nothing is there yet that would have to be ended.
    const frames = framesOf(track);
    const generator = new MediaStreamTrackGenerator({ kind: 'video' });
    generator.contentHint = track.contentHint;
    this.track = generator;
    this.spec = spec;
    this.#captured = track;
    this.#model = model;
    this.#frameWorker = new Worker(new URL('./frameWorker.ts', import.meta.url), { type: 'module', name: 'frames' });
    // What it threw in one task does not end it: frames go on, and reports say whether they do.
    this.#frameWorker.onerror = () => this.#faults++;
    this.#frameWorker.onmessage = ({ data }: MessageEvent<FromFrameWorker>) => this.#hear(data);
    this.#tell({ kind: 'begin', frames, sink: generator.writable }, [frames, generator.writable]);
    model.listen({
      onPort: (port) => this.#tell({ kind: 'model', port }, port ? [port] : []),
      onChange: () => this.#say(),
    });
    this.#silenceTimer = setInterval(() => this.#isSilent && this.#say(), 1_000);
    if (spec.brands) {
      const { galleryUrl } = spec.brands;
      this.#galleryWatch = new GalleryWatch({
        streamId,
        modelSha256: spec.sha256,
        ...(token ? { token } : {}),
        ...(galleryUrl ? { bundled: () => readBundledGallery(galleryUrl, spec.sha256) } : {}),
        onGallery: (gallery) => this.#teller.want(gallery),
        onProblem: (problem) => (this.#galleryProblem = problem),
      });
    }
  }

  on(event: 'state', listener: (state: BrowserAnalyserState) => void): () => void {
    return this.#events.on(event, listener);
  }

  get captured(): MediaStreamTrack {
    return this.#captured;
  }

  get #isSilent(): boolean {
    return performance.now() - this.#heardAtMs > silentAfterMs;
  }

  get state(): BrowserAnalyserState {
    const { provider: executionProvider, threads, problem, note, restarts } = this.#model;
    const { dropped = {}, ...report } = this.#report;
    const common = {
      ...{ executionProvider, threads, ...report },
      dropped: { ...dropped, buffer: this.#bufferFull, restarts, faults: this.#faults },
    };
    const failure =
      problem ?? (this.#isSilent ? 'the worker that passes the frames on says nothing any more' : undefined);
    if (failure) return { ...common, analysisFps: 0, state: 'failed', reason: failure.slice(0, 300) };
    const reason = report.reason ?? (this.#galleryProblem && noNames(this.#galleryProblem)) ?? note;
    return {
      ...common,
      ...(reason ? { reason: reason.slice(0, 300) } : {}),
      state: report.timing === undefined ? 'starting' : 'running',
    };
  }

  /** For viewers, by way of the server, which is to be told of it now. */
  describe(): BrowserModel {
    this.#teller.toldOtherwise();
    return this.#descriptionWith(this.#teller.wanted);
  }

  #descriptionWith(gallery: Gallery | undefined): BrowserModel {
    const { provider: executionProvider } = this.#model;
    const { id: modelId, name, input, labels, brands } = this.spec;
    const { width: inputWidth, height: inputHeight } = input;
    const named = [unknownMarkLabel, ...(gallery?.brands ?? []).map((brand) => brand.name)];
    return { modelId, name, labels: brands ? named : labels, inputWidth, inputHeight, executionProvider };
  }

  #useGallery(gallery: Gallery, revision: number): void {
    this.#tell({ kind: 'gallery', version: this.#model.setGallery(gallery), revision });
  }

  /** The sender of `track`, of a new connection: nothing is encoded before its transform is in place. */
  attach(sender: RTCRtpSender): void {
    const { RTCRtpScriptTransform } = globalThis as unknown as Required<MediaGlobals>;
    this.#connection = undefined;
    this.#teller.use(undefined);
    this.#tell({ kind: 'publication', publication: undefined });
    sender.transform = new RTCRtpScriptTransform(this.#frameWorker, { connection: ++this.#connections });
  }

  /** From now on detections go there. */
  connect(connection: AnalyserConnection): void {
    this.#connection = connection;
    const { signaling, publicationId: id, revision } = connection;
    const { told } = this.#teller;
    const galleryVersion = told ? this.#model.setGallery(told) : 0;
    this.#tell({
      kind: 'publication',
      publication: { id, revision, galleryVersion, connection: this.#connections },
    });
    this.#teller.use(async (gallery) => {
      const model = this.#descriptionWith(gallery);
      return (await signaling.request('setAnalysis', { by: 'browser', model })).revision;
    });
  }

  /** Another camera, under the same sender. */
  setCaptured(track: MediaStreamTrack): void {
    if (track === this.#captured || this.#closed) return;
    const frames = framesOf(track);
    this.#captured = track;
    this.#tell({ kind: 'frames', frames }, [frames]);
  }

  #tell(message: ToFrameWorker, transfer: Transferable[] = []): void {
    this.#frameWorker.postMessage(message, transfer);
  }

  #hear(message: FromFrameWorker): void {
    if (this.#closed) return;
    if (message.kind === 'detections') this.#send(message.bytes);
    if (message.kind === 'stalled') this.#model.stalled();
    if (message.kind !== 'report') return;
    this.#heardAtMs = performance.now();
    this.#report = message.report;
    const { signaling } = this.#connection ?? {};
    const offsetMs = signaling?.clockOffsetMs;
    if (offsetMs !== undefined) this.#tell({ kind: 'clock', offsetMs });
    this.#say();
  }

  #send(bytes: Uint8Array<ArrayBuffer>): void {
    const detections = this.#connection?.detections;
    if (!detections || detections.closed || detections.readyState !== 'open') return;
    if (detections.bufferedAmount > maxBufferedBytes) this.#bufferFull++;
    else detections.send(bytes);
  }

  #say(): void {
    if (this.#closed) return;
    const { state } = this;
    this.#events.emit('state', state);
    // One that is refused harms nobody: the next comes in a second, or the connection ends.
    this.#connection?.signaling.request('reportAnalysis', state).catch(() => undefined);
  }

  /** Computes nothing any more; what its sender sends still passes through, until `close`. */
  release(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#silenceTimer);
    this.#galleryWatch?.close();
    this.#teller.use(undefined);
    this.#model.close();
    this.#connection = undefined;
    this.#tell({ kind: 'release' });
    this.#events.clear();
  }

  close(): void {
    this.release();
    this.#frameWorker.terminate();
    this.track.stop();
  }
}

function noNames(problem: string): string {
  return `the server’s gallery of brands could not be read: ${problem}`;
}

function framesOf(track: MediaStreamTrack): ReadableStream<VideoFrame> {
  const { MediaStreamTrackProcessor } = globalThis as unknown as Required<MediaGlobals>;
  return new MediaStreamTrackProcessor({ track, maxBufferSize: 2 }).readable;
}
