/** Thread entry: one InferenceSession. `session.run` blocks the thread that calls it, so it has its own. */
import { parentPort, workerData } from 'node:worker_threads';
import { type ExecutionProvider, Refusal, refusalOf } from '@framelock/server/protocol';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { BoxList, packObjects, type Placement, placePicture } from '@framelock/server/protocol/analysis';
import { endOrder } from '../endThread.ts';
import { missingLibraryOf } from './executionProviders.ts';
import type { OutputTensor } from './families/Family.ts';
import type { BatchOrder, InferenceThreadData, ThreadOrder, ThreadReport } from './InferenceThread.ts';
import { type InspectedModel, inspectModel, queryFeed, readOutput, sizesFeed } from './inspectModel.ts';
import { readModelMetadata } from './modelFormat.ts';

const data = workerData as InferenceThreadData;
const now = (): number => performance.timeOrigin + performance.now();

/** The first provider on which the model loads and runs; why the ones before it did not. */
async function openSession() {
  const metadata = await readModelMetadata(data.modelPath);
  const passedOver: string[] = [];
  for (const executionProvider of data.executionProviders) {
    const missing = missingLibraryOf(executionProvider);
    if (missing !== undefined) {
      passedOver.push(`${executionProvider}: ${missing}`);
      continue;
    }
    let session: InferenceSession | undefined;
    try {
      session = await createSession(executionProvider);
      return { session, executionProvider, passedOver, model: await inspectModel(session, data.entry, metadata) };
    } catch (error) {
      await session?.release();
      if (error instanceof Refusal) throw error;
      passedOver.push(`${executionProvider}: ${firstLine(error)}`);
      if (executionProvider === data.executionProviders.at(-1)) {
        throw new Refusal('unsupported', `ONNX Runtime can't use this model: ${firstLine(error)}`);
      }
    }
  }
  throw new Refusal('unavailable', `no execution provider works: ${passedOver.join('; ')}`);
}

function createSession(executionProvider: ExecutionProvider): Promise<InferenceSession> {
  return InferenceSession.create(data.modelPath, {
    executionProviders: [executionProvider],
    intraOpNumThreads: data.intraOpNumThreads,
    interOpNumThreads: 1,
    logSeverityLevel: 4,
    // Spinning threads win 1 ms and burn a core that decoding needs.
    extra: { session: { intra_op: { allow_spinning: '0' }, inter_op: { allow_spinning: '0' } } },
  });
}

function firstLine(error: unknown): string {
  const [line = ''] = String((error as Error).message).split('\n');
  return line.replace(data.modelPath, 'the file').slice(0, 300);
}

/** Feeds and fetches for each batch size, made once: a run then allocates only what ONNX Runtime itself does. */
class BatchRunner {
  readonly #session: InferenceSession;
  readonly #model: InspectedModel;
  readonly #slots: SharedArrayBuffer;
  readonly #floats: number;
  readonly #boxes = new BoxList();
  readonly #packed: number[] = [];
  /** Of the packed objects of one picture: where their embeddings are. */
  readonly #rows: number[] = [];
  readonly #slotTensors = new Map<number, Tensor>();
  readonly #batchTensors = new Map<number, Tensor>();
  readonly #fetches = new Map<number, Record<string, Tensor>>();
  readonly #sizes = new Map<number, Record<string, Tensor>>();

  constructor(session: InferenceSession, model: InspectedModel, slots: SharedArrayBuffer, floats: number) {
    this.#session = session;
    this.#model = model;
    this.#slots = slots;
    this.#floats = floats;
  }

  async run({ id, slots, sizes, query }: BatchOrder): Promise<ThreadReport> {
    const batch = slots.length;
    const feeds = {
      [this.#model.imageInput]: this.#imageTensor(slots),
      ...this.#sizesOf(batch),
      ...queryFeed(this.#model.queryInput, query),
    };
    const fetches = this.#fetchesOf(batch);
    const startedAtMs = now();
    const results = fetches ? await this.#session.run(feeds, fetches) : await this.#session.run(feeds);
    const finishedAtMs = now();
    const outputs = this.#session.outputNames.map((name) => readOutput(name, results[name]!));
    this.#packed.length = 0;
    const embeddings = outputs.find(({ name }) => name === this.#model.embeddingsOutput);
    const vectors: Float32Array[] = [];
    const counts = slots.map((_, image) => {
      const placement = placePicture(this.#model.input, sizes[image * 2]!, sizes[image * 2 + 1]!);
      const count = this.#read(outputs, image, placement);
      if (embeddings) vectors.push(rowsOf(embeddings, image, this.#rows));
      return count;
    });
    return {
      ...{ kind: 'ran', id, counts, packed: Float32Array.from(this.#packed), startedAtMs, finishedAtMs },
      ...(embeddings ? { embeddings: joined(vectors) } : {}),
      ...(query ? { queryEmbedding: copyOf(outputs, 'queryEmbedding') } : {}),
    };
  }

  #read(outputs: readonly OutputTensor[], image: number, placement: Placement): number {
    this.#boxes.clear();
    this.#rows.length = 0;
    this.#model.decode(outputs, image, this.#boxes);
    return packObjects(this.#boxes, placement, this.#model.nmsIou, this.#packed, this.#rows);
  }

  /** One slot, or several that lie together: the shared memory itself. Else a copy. */
  #imageTensor(slots: readonly number[]): Tensor {
    const [first = 0] = slots;
    const together = slots.every((slot, i) => slot === first + i);
    const { width, height } = this.#model.input;
    const key = first * 64 + slots.length;
    let tensor = together ? this.#slotTensors.get(key) : this.#batchTensors.get(slots.length);
    if (!tensor) {
      const view = together
        ? new Float32Array(this.#slots, first * this.#floats * 4, slots.length * this.#floats)
        : new Float32Array(slots.length * this.#floats);
      // ONNX Runtime's types do not know SharedArrayBuffer; on Node 24 it takes one (facts/decode.md).
      tensor = new Tensor('float32', view as Float32Array<ArrayBuffer>, [slots.length, 3, height, width]);
      if (together) this.#slotTensors.set(key, tensor);
      else this.#batchTensors.set(slots.length, tensor);
    }
    if (!together) {
      const target = tensor.data as Float32Array;
      for (const [i, slot] of slots.entries()) {
        target.set(new Float32Array(this.#slots, slot * this.#floats * 4, this.#floats), i * this.#floats);
      }
    }
    return tensor;
  }

  #sizesOf(batch: number): Record<string, Tensor> {
    let feed = this.#sizes.get(batch);
    if (!feed) this.#sizes.set(batch, (feed = sizesFeed(this.#model.sizesInput, this.#model.input, batch)));
    return feed;
  }

  /** Output memory of our own, reused, where its size is known beforehand. */
  #fetchesOf(batch: number): Record<string, Tensor> | undefined {
    if (!this.#model.fixedOutputs) return undefined;
    let fetches = this.#fetches.get(batch);
    if (!fetches) {
      fetches = {};
      for (const [name, [, ...dims]] of this.#model.fixedOutputs) {
        const floats = dims.reduce((product, dim) => product * dim, batch);
        fetches[name] = new Tensor('float32', new Float32Array(floats), [batch, ...dims]);
      }
      this.#fetches.set(batch, fetches);
    }
    return fetches;
  }
}

/** The vectors of these rows of one picture, one after another. */
function rowsOf({ data, dims }: OutputTensor, image: number, rows: readonly number[]): Float32Array {
  const [, perPicture = 0, dimensions = 0] = dims;
  const vectors = new Float32Array(rows.length * dimensions);
  for (const [i, row] of rows.entries()) {
    const at = (image * perPicture + row) * dimensions;
    vectors.set((data as Float32Array).subarray(at, at + dimensions), i * dimensions);
  }
  return vectors;
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const [only] = parts;
  if (only && parts.length === 1) return only;
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

const copyOf = (outputs: readonly OutputTensor[], wanted: string): Float32Array =>
  Float32Array.from(outputs.find(({ name }) => name === wanted)!.data as Float32Array);

function report(message: ThreadReport): void {
  const buffers =
    message.kind === 'ran'
      ? [message.packed, message.embeddings, message.queryEmbedding].map((part) => part?.buffer)
      : [];
  parentPort!.postMessage(
    message,
    buffers.filter((buffer): buffer is ArrayBuffer => buffer !== undefined),
  );
}

async function main(): Promise<void> {
  let opened: Awaited<ReturnType<typeof openSession>>;
  try {
    opened = await openSession();
  } catch (error) {
    const { code, message } = error instanceof Refusal ? error : refusalOf(error);
    const text = error instanceof Refusal ? message : `the model can't be opened: ${firstLine(error)}`;
    return report({ kind: 'refused', code: error instanceof Refusal ? code : 'unsupported', message: text });
  }
  const { session, model, executionProvider, passedOver } = opened;
  const { family, input, labels, nmsIou, scoreThreshold, dynamicBatch } = model;
  const facts = { family, input, labels, nmsIou, scoreThreshold, dynamicBatch };
  const { slots } = data;
  if (slots) {
    const runner = new BatchRunner(session, model, slots.buffer, slots.floatsPerSlot);
    let ran: Promise<unknown> = Promise.resolve();
    parentPort!.on('message', (order: ThreadOrder) => {
      if (order === endOrder) return void ran.then(() => end(session));
      ran = runner
        .run(order)
        .then(report, (error: unknown) => report({ kind: 'failed', id: order.id, message: firstLine(error) }));
    });
  }
  report({ kind: 'ready', facts, executionProvider, passedOver });
  if (!slots) await session.release();
}

/** With nothing to listen to the thread ends by itself. */
async function end(session: InferenceSession): Promise<void> {
  await session.release();
  parentPort!.close();
}

await main();
