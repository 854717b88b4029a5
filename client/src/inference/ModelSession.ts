import { type BrowserProvider, embeddingDimensions } from '@framelock/server/protocol';
import {
  BoxList,
  type DetectedObject,
  floatsPerPicture,
  packObjects,
  SceneMeter,
  unpackObjects,
} from '@framelock/server/protocol/analysis';
import type { InferenceSession, Tensor } from 'onnxruntime-web';
import type { BrowserModelSpec } from './BrowserModelSpec.ts';
import { FrameFitter } from './FrameFitter.ts';
import { loadRuntime } from './loadRuntime.ts';
import { readRows } from './readRows.ts';

export interface ModelSessionOptions {
  spec: BrowserModelSpec;
  /** In the order to try them. */
  providers: readonly BrowserProvider[];
  /** Of WebAssembly. */
  threads: number;
  /** The device behind WebGPU went: no frame will be answered any more. */
  onLost(reason: string): void;
}

export interface FrameObjects {
  /** With embeddings where the model gives them. */
  objects: DetectedObject[];
  /** How much the picture differs from the one before, 0..1. */
  change: number;
  /** Picture to tensor, and the run, ms. */
  preparedMs: number;
  ranMs: number;
}

/** One model on one execution provider of this page. */
export class ModelSession {
  readonly provider: BrowserProvider;
  readonly threads: number;
  readonly #spec: BrowserModelSpec;
  readonly #session: InferenceSession;
  readonly #feeds: Record<string, Tensor>;
  readonly #tensor: Float32Array;
  readonly #fitter: FrameFitter;
  readonly #boxes = new BoxList();
  readonly #scene = new SceneMeter();

  /** The first provider on which the model runs once, and why not those before. @throws with the reasons of all of them. */
  static async create(options: ModelSessionOptions): Promise<{ session: ModelSession; problems: string[] }> {
    const { spec, providers, threads, onLost } = options;
    const problems: string[] = [];
    const response = await fetch(spec.url);
    if (!response.ok) throw new Error(`${spec.name} could not be fetched: HTTP ${response.status}`);
    const file = new Uint8Array(await response.arrayBuffer());
    for (const provider of providers) {
      try {
        const runtime = await loadRuntime(provider, threads);
        const session = await runtime.InferenceSession.create(file, {
          executionProviders: [provider],
          graphOptimizationLevel: 'all',
        });
        const tensor = new Float32Array(floatsPerPicture(spec.input));
        const dims = [1, 3, spec.input.height, spec.input.width];
        const feeds: Record<string, Tensor> = { [spec.inputName]: new runtime.Tensor('float32', tensor, dims) };
        // Asks for the embedding of a given box, which no frame does; ONNX Runtime's web build has no optional inputs.
        if (session.inputNames.includes('query')) {
          feeds['query'] = new runtime.Tensor('float32', new Float32Array(4), [1, 1, 4]);
        }
        const made = new ModelSession(spec, provider, provider === 'wasm' ? threads : 1, session, feeds, tensor);
        await made.#run();
        if (provider === 'webgpu') watchDevice(await runtime.env.webgpu.device, onLost);
        return { session: made, problems };
      } catch (error) {
        problems.push(`${provider}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    throw new Error(`${spec.name} does not run here (${problems.join('; ')})`);
  }

  private constructor(
    spec: BrowserModelSpec,
    provider: BrowserProvider,
    threads: number,
    session: InferenceSession,
    feeds: Record<string, Tensor>,
    tensor: Float32Array,
  ) {
    this.provider = provider;
    this.threads = threads;
    this.#spec = spec;
    this.#session = session;
    this.#feeds = feeds;
    this.#tensor = tensor;
    this.#fitter = new FrameFitter(spec.input);
  }

  /** The frame stays the caller's. */
  async detect(frame: VideoFrame): Promise<FrameObjects> {
    const beganAtMs = performance.now();
    const placement = this.#fitter.fit(frame, this.#tensor);
    const { displayWidth, displayHeight } = frame;
    const change = this.#scene.measure(this.#tensor, this.#spec.input, displayWidth, displayHeight);
    const preparedAtMs = performance.now();
    const { rows, embeddings } = await this.#run();
    const ranAtMs = performance.now();
    const { labels, scoreThreshold, nmsIou } = this.#spec;
    this.#boxes.clear();
    readRows(rows, { scoreThreshold, labelCount: labels.length }, this.#boxes);
    const packed: number[] = [];
    const rowsOf: number[] = [];
    const count = packObjects(this.#boxes, placement, nmsIou, packed, rowsOf);
    const objects = unpackObjects(Float32Array.from(packed), 0, count);
    if (embeddings) {
      for (const [i, object] of objects.entries()) {
        const begin = rowsOf[i]! * embeddingDimensions;
        object.embedding = embeddings.subarray(begin, begin + embeddingDimensions);
      }
    }
    return { objects, change, preparedMs: preparedAtMs - beganAtMs, ranMs: ranAtMs - preparedAtMs };
  }

  /** `embeddings`: a vector for each row. */
  async #run(): Promise<{ rows: Float32Array; embeddings?: Float32Array }> {
    const wanted = this.#spec.brands ? ['detections', 'embeddings'] : ['detections'];
    const outputs = await this.#session.run(this.#feeds, wanted);
    const { detections, embeddings } = outputs;
    if (detections?.dims.length !== 3 || detections.dims[2] !== 6) {
      throw new Error(`its output 'detections' is [${detections?.dims.join(',') ?? 'not there'}], not [1,K,6]`);
    }
    const rows = detections.data as Float32Array;
    if (!this.#spec.brands) return { rows };
    const vectors = `1,${detections.dims[1]},${embeddingDimensions}`;
    if (embeddings?.dims.join(',') !== vectors) {
      throw new Error(`its output 'embeddings' is [${embeddings?.dims.join(',') ?? 'not there'}], not [${vectors}]`);
    }
    return { rows, embeddings: embeddings.data as Float32Array };
  }
}

/** Resolves only when it is lost; ours is never destroyed on purpose. */
function watchDevice(device: unknown, onLost: (reason: string) => void): void {
  const { lost } = device as { lost?: Promise<{ message?: string }> };
  void lost?.then(({ message }) => onLost(`WebGPU lost its device${message ? `: ${message}` : ''}`));
}
