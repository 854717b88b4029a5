import type { BrowserProvider } from '@framelock/server/protocol';
import { BoxList, floatsPerPicture, packObjects } from '@framelock/server/protocol/analysis';
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
}

export interface FrameObjects {
  /** See objectStride. */
  packed: Float32Array;
  count: number;
  /** One after another in the objects' order, where the model gives them. */
  embeddings?: Float32Array;
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
  readonly #input: Tensor;
  readonly #tensor: Float32Array;
  readonly #fitter: FrameFitter;
  readonly #boxes = new BoxList();

  /** The first provider on which the model runs once. @throws with the reasons of all of them. */
  static async create({ spec, providers, threads }: ModelSessionOptions): Promise<ModelSession> {
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
        const input = new runtime.Tensor('float32', tensor, [1, 3, spec.input.height, spec.input.width]);
        const made = new ModelSession(spec, provider, provider === 'wasm' ? threads : 1, session, input, tensor);
        await made.#run();
        return made;
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
    input: Tensor,
    tensor: Float32Array,
  ) {
    this.provider = provider;
    this.threads = threads;
    this.#spec = spec;
    this.#session = session;
    this.#input = input;
    this.#tensor = tensor;
    this.#fitter = new FrameFitter(spec.input);
  }

  /** The frame stays the caller's. */
  async detect(frame: VideoFrame): Promise<FrameObjects> {
    const beganAtMs = performance.now();
    const placement = this.#fitter.fit(frame, this.#tensor);
    const preparedAtMs = performance.now();
    const { rows, embeddings } = await this.#run();
    const ranAtMs = performance.now();
    const { labels, scoreThreshold, nmsIou } = this.#spec;
    this.#boxes.clear();
    readRows(rows, { scoreThreshold, labelCount: labels.length }, this.#boxes);
    const packed: number[] = [];
    const rowsOf: number[] = [];
    const count = packObjects(this.#boxes, placement, nmsIou, packed, rowsOf);
    const objects: FrameObjects = {
      packed: Float32Array.from(packed),
      count,
      preparedMs: preparedAtMs - beganAtMs,
      ranMs: ranAtMs - preparedAtMs,
    };
    if (embeddings) objects.embeddings = pickRows(embeddings.data, embeddings.dimensions, rowsOf);
    return objects;
  }

  async #run(): Promise<{ rows: Float32Array; embeddings?: { data: Float32Array; dimensions: number } }> {
    const wanted = this.#spec.brands ? ['detections', 'embeddings'] : ['detections'];
    const outputs = await this.#session.run({ [this.#spec.inputName]: this.#input }, wanted);
    const { detections, embeddings } = outputs;
    if (detections?.dims.length !== 3 || detections.dims[2] !== 6) {
      throw new Error(`its output 'detections' is [${detections?.dims.join(',') ?? 'not there'}], not [1,K,6]`);
    }
    const rows = detections.data as Float32Array;
    if (!this.#spec.brands) return { rows };
    if (embeddings?.dims.length !== 3 || embeddings.dims[1] !== detections.dims[1]) {
      throw new Error(`its output 'embeddings' is [${embeddings?.dims.join(',') ?? 'not there'}]`);
    }
    return { rows, embeddings: { data: embeddings.data as Float32Array, dimensions: embeddings.dims[2]! } };
  }

  async close(): Promise<void> {
    await this.#session.release();
  }
}

function pickRows(data: Float32Array, dimensions: number, rows: readonly number[]): Float32Array {
  const picked = new Float32Array(rows.length * dimensions);
  for (const [i, row] of rows.entries()) {
    picked.set(data.subarray(row * dimensions, (row + 1) * dimensions), i * dimensions);
  }
  return picked;
}
