import { promisify } from 'node:util';
import { zstdDecompress } from 'node:zlib';
import type { DetectionBatchRow, HistoryQueries } from '@framelock/db';
import { Decoder } from '@msgpack/msgpack';
import {
  type DetectionMessage,
  detectionMessageSchema,
  maxObjectsPerFrame,
  type StoredFrame,
} from '../protocol/index.ts';
import type { FramePosition } from './historyCursors.ts';

const decompress = promisify(zstdDecompress);

/** Of one page: what is decompressed, and batches that are looked through where filters let little pass. */
const maxPageBytes = 4_000_000;
const maxPageBatches = 240;
const batchesPerRead = 8;
/** No honest batch is as large: 300 objects in each of 60 Frames a second take a tenth of it in two seconds. */
const maxBatchBytes = 16_000_000;

const decoder = new Decoder({
  maxStrLength: 256,
  maxBinLength: 0,
  maxExtLength: 0,
  maxArrayLength: maxObjectsPerFrame,
  maxMapLength: 32,
});

export interface DetectionScope {
  streamId: string;
  from?: Date | undefined;
  to?: Date | undefined;
  label?: string | undefined;
  minScore?: number | undefined;
}

export interface StoredDetections {
  frames: StoredFrame[];
  /** Undefined: that was all. */
  next: FramePosition | undefined;
  /** Batches that could not be read: spoiled, and left out. */
  spoiled: number;
}

/**
 * Analysed Frames of a Stream exactly as viewers got them, oldest first; with a filter those alone that have an object that
 * passes it, and of them these objects.
 */
export async function readDetections(
  queries: HistoryQueries,
  scope: DetectionScope,
  start: FramePosition | undefined,
  limit: number,
): Promise<StoredDetections> {
  const page: StoredDetections = { frames: [], next: undefined, spoiled: 0 };
  const models = new ModelNames(queries);
  let [bytes, batches, position] = [0, 0, start];
  for (;;) {
    const rows = await queries.batches(scope, position, batchesPerRead + 1);
    await models.learn(rows);
    for (const [index, row] of rows.entries()) {
      const isStart = start !== undefined && row.runId === start.runId && row.sequence === start.sequence;
      const skip = isStart && row.startedAt.getTime() === start.startedAt.getTime() ? start.index : 0;
      position = { startedAt: row.startedAt, runId: row.runId, sequence: row.sequence, index: skip };
      const isFull = bytes + row.rawBytes > maxPageBytes || batches >= maxPageBatches;
      if (page.frames.length >= limit || (batches > 0 && isFull)) return { ...page, next: position };
      if (index === batchesPerRead) break;
      bytes += row.rawBytes;
      batches += 1;
      const messages = await messagesOf(row);
      if (!messages) {
        page.spoiled += 1;
        continue;
      }
      for (const [at, message] of messages.entries()) {
        if (at < skip) continue;
        const frame = frameOf(message, row, scope, models);
        if (!frame) continue;
        if (page.frames.length >= limit) return { ...page, next: { ...position, index: at } };
        page.frames.push(frame);
      }
    }
    if (rows.length <= batchesPerRead) return page;
  }
}

/** Undefined where the batch is spoiled. */
async function messagesOf(row: DetectionBatchRow): Promise<DetectionMessage[] | undefined> {
  try {
    const raw = await decompress(row.messages, { maxOutputLength: maxBatchBytes });
    const messages: DetectionMessage[] = [];
    for (let at = 0; at < raw.length;) {
      const length = raw.readUInt32LE(at);
      if (at + 4 + length > raw.length) return undefined;
      messages.push(detectionMessageSchema.parse(decoder.decode(raw.subarray(at + 4, at + 4 + length))));
      at += 4 + length;
    }
    return messages;
  } catch {
    return undefined;
  }
}

function frameOf(
  message: DetectionMessage,
  row: DetectionBatchRow,
  { from, to, label, minScore }: DetectionScope,
  models: ModelNames,
): StoredFrame | undefined {
  const atMs = message.t.received;
  if ((from && atMs < from.getTime()) || (to && atMs >= to.getTime())) return undefined;
  const model = models.of(row.publicationId, message.model);
  const least = minScore === undefined ? undefined : Math.fround(minScore);
  const objects = message.o
    .map(([trackId, index, score, x, y, w, h]) => {
      return { trackId, label: model?.labels[index] ?? `label ${index}`, score, x, y, w, h };
    })
    .filter((one) => (label === undefined || one.label === label) && (least === undefined || one.score >= least));
  const isFiltered = label !== undefined || minScore !== undefined;
  if (isFiltered && objects.length === 0) return undefined;
  return {
    at: new Date(atMs).toISOString(),
    publicationId: row.publicationId,
    rtpTimestamp: message.rtp,
    sequence: message.seq,
    width: message.w,
    height: message.h,
    modelId: model?.modelId ?? null,
    objects,
  };
}

/** What label indices mean, asked once for each Publication. */
class ModelNames {
  readonly #queries: HistoryQueries;
  readonly #asked = new Set<string>();
  readonly #models = new Map<string, { modelId: string; labels: string[] }>();

  constructor(queries: HistoryQueries) {
    this.#queries = queries;
  }

  async learn(rows: readonly { publicationId: string }[]): Promise<void> {
    const unknown = [...new Set(rows.map((row) => row.publicationId))].filter((id) => !this.#asked.has(id));
    for (const id of unknown) this.#asked.add(id);
    for (const { publicationId, revision, modelId, labels } of await this.#queries.models(unknown)) {
      this.#models.set(`${publicationId} ${revision}`, { modelId, labels: labels as string[] });
    }
  }

  of(publicationId: string, revision: number): { modelId: string; labels: string[] } | undefined {
    return this.#models.get(`${publicationId} ${revision}`);
  }
}
