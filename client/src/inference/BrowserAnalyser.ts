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
import { GalleryTeller } from './GalleryTeller.ts';
import { GalleryWatch } from './GalleryWatch.ts';
import type { MediaGlobals } from './mediaTypes.ts';
import type { FrameReport, FromFrameWorker, FromModelWorker, LoadModel, ToFrameWorker } from './messages.ts';
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

const loadTimeoutMs = 60_000;
/** More waits for the network than a second of detections: they would come too late. */
const maxBufferedBytes = 64 * 1024;
const maxThreads = 4;

/**
 * Runs a Model in this page on the frames that it publishes. `track` is what is to be sent: the captured frames, each
 * of which passed through here, so that it is known which of them is sent under which RTP timestamp.
 */
export class BrowserAnalyser {
  /** To be sent in place of the captured one. */
  readonly track: MediaStreamTrack;
  readonly provider: BrowserProvider;
  readonly threads: number;
  readonly spec: BrowserModelSpec;
  readonly #events = new TypedEmitter<{ state: BrowserAnalyserState }>();
  readonly #frameWorker: Worker;
  readonly #modelWorker: Worker;
  readonly #galleryWatch: GalleryWatch | undefined;
  #captured: MediaStreamTrack;
  readonly #teller = new GalleryTeller({
    onTold: (gallery, revision) => this.#tell({ kind: 'gallery', gallery, revision }),
  });
  #galleryProblem: string | undefined;
  #connections = 0;
  #connection: AnalyserConnection | undefined;
  #report: FrameReport = {};
  #failure: string | undefined;
  #bufferFull = 0;
  #closed = false;

  /** Resolves when the model has run once. @throws with the reason where it can't here. */
  static async create(options: BrowserAnalyserOptions): Promise<BrowserAnalyser> {
    const problem = whyNotHere(globalThis as unknown as MediaGlobals);
    if (problem) throw new Error(problem);
    const modelWorker = new Worker(new URL('./modelWorker.ts', import.meta.url), { type: 'module', name: 'model' });
    const { port1, port2 } = new MessageChannel();
    try {
      const ready = await loadModel(modelWorker, {
        spec: options.spec,
        providers: options.providers ?? (await providersHere()),
        threads: options.threads ?? threadsHere(),
        frames: port1,
      });
      return new BrowserAnalyser(options, modelWorker, port2, ready);
    } catch (error) {
      modelWorker.terminate();
      throw error;
    }
  }

  private constructor(
    { streamId, track, spec, token }: BrowserAnalyserOptions,
    modelWorker: Worker,
    model: MessagePort,
    { provider, threads }: { provider: BrowserProvider; threads: number },
  ) {
    const { MediaStreamTrackGenerator } = globalThis as unknown as Required<MediaGlobals>;
    // First, since it throws for a capture that is over: nothing is there yet that would have to be ended.
    const frames = framesOf(track);
    const generator = new MediaStreamTrackGenerator({ kind: 'video' });
    generator.contentHint = track.contentHint;
    this.track = generator;
    this.spec = spec;
    this.provider = provider;
    this.threads = threads;
    this.#captured = track;
    this.#modelWorker = modelWorker;
    modelWorker.onmessage = ({ data }: MessageEvent<FromModelWorker>) => {
      if (data.kind === 'failed') this.#fail(data.reason);
    };
    modelWorker.onerror = ({ message }) => this.#fail(message || 'its worker failed');
    this.#frameWorker = new Worker(new URL('./frameWorker.ts', import.meta.url), { type: 'module', name: 'frames' });
    this.#frameWorker.onerror = ({ message }) => this.#fail(message || 'its worker failed');
    this.#frameWorker.onmessage = ({ data }: MessageEvent<FromFrameWorker>) => this.#hear(data);
    this.#tell({ kind: 'begin', frames, sink: generator.writable, model, brands: spec.brands }, [
      ...[frames, generator.writable, model],
    ]);
    if (spec.brands) {
      this.#galleryWatch = new GalleryWatch({
        streamId,
        modelSha256: spec.sha256,
        ...(token ? { token } : {}),
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

  get state(): BrowserAnalyserState {
    const { provider: executionProvider, threads } = this;
    const { dropped = {}, ...report } = this.#report;
    const common = { executionProvider, threads, ...report, dropped: { ...dropped, buffer: this.#bufferFull } };
    if (this.#failure !== undefined) return { ...common, state: 'failed', reason: this.#failure.slice(0, 300) };
    const reason = report.reason ?? (this.#galleryProblem && noNames(this.#galleryProblem));
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
    const { provider: executionProvider } = this;
    const { id: modelId, name, input, labels, brands } = this.spec;
    const { width: inputWidth, height: inputHeight } = input;
    const named = [unknownMarkLabel, ...(gallery?.brands ?? []).map((brand) => brand.name)];
    return { modelId, name, labels: brands ? named : labels, inputWidth, inputHeight, executionProvider };
  }

  /** The sender of `track`, of a new connection: nothing is encoded before its transform is in place. */
  attach(sender: RTCRtpSender): void {
    const { RTCRtpScriptTransform } = globalThis as unknown as Required<MediaGlobals>;
    this.#connection = undefined;
    this.#teller.use(undefined);
    this.#tell({ kind: 'publication', publication: undefined });
    const { told } = this.#teller;
    if (told) this.#tell({ kind: 'gallery', gallery: told, revision: 0 });
    sender.transform = new RTCRtpScriptTransform(this.#frameWorker, { connection: ++this.#connections });
  }

  /** From now on detections go there. */
  connect(connection: AnalyserConnection): void {
    this.#connection = connection;
    const { signaling, publicationId: id, revision } = connection;
    this.#tell({ kind: 'publication', publication: { id, revision, connection: this.#connections } });
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
    if (message.kind !== 'report') return;
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

  #fail(reason: string): void {
    if (this.#closed || this.#failure !== undefined) return;
    this.#failure = reason;
    this.#say();
  }

  #say(): void {
    const { state } = this;
    this.#events.emit('state', state);
    // One that is refused harms nobody: the next comes in a second, or the connection ends.
    this.#connection?.signaling.request('reportAnalysis', state).catch(() => undefined);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#galleryWatch?.close();
    this.#teller.use(undefined);
    this.#frameWorker.terminate();
    this.#modelWorker.terminate();
    this.track.stop();
    this.#events.clear();
  }
}

function noNames(problem: string): string {
  return `the gallery of brands could not be read: ${problem}`;
}

function framesOf(track: MediaStreamTrack): ReadableStream<VideoFrame> {
  const { MediaStreamTrackProcessor } = globalThis as unknown as Required<MediaGlobals>;
  return new MediaStreamTrackProcessor({ track, maxBufferSize: 2 }).readable;
}

async function loadModel(worker: Worker, message: LoadModel): Promise<{ provider: BrowserProvider; threads: number }> {
  const answer = await new Promise<FromModelWorker>((resolve) => {
    const fail = (reason: string) => resolve({ kind: 'failed', reason });
    setTimeout(() => fail('the model did not load in time'), loadTimeoutMs);
    worker.onmessage = ({ data }: MessageEvent<FromModelWorker>) => resolve(data);
    worker.onerror = ({ message: said }) => fail(said || 'its worker did not start');
    worker.postMessage(message, [message.frames]);
  });
  if (answer.kind === 'failed') throw new Error(answer.reason);
  return answer;
}

/** WebGPU only where there is something behind it. */
async function providersHere(): Promise<BrowserProvider[]> {
  const { gpu } = navigator as Navigator & { gpu?: { requestAdapter(): Promise<unknown> } };
  const adapter = await gpu?.requestAdapter().catch(() => null);
  return adapter ? ['webgpu', 'wasm'] : ['wasm'];
}

function threadsHere(): number {
  if (!globalThis.crossOriginIsolated) return 1;
  return Math.max(1, Math.min(maxThreads, Math.floor((navigator.hardwareConcurrency || 2) / 2)));
}
