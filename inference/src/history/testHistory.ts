/** For tests only: a synthetic analysis through the real Tracker, encoder and history. */
import { zstdDecompressSync } from 'node:zlib';
import {
  type HistoryBatch,
  historyBatchSchema,
  type ModelDescription,
  type ZonesLive,
} from '@framelock/server/protocol';
import { type DetectedObject, encodeDetections, Tracker } from '@framelock/server/protocol/analysis';
import type { AnalysedPicture } from '../exposure/cropThumbnail.ts';
import { bytesSpec, pictureOf } from '../properties/testPictures.ts';
import { AnalysisHistory } from './AnalysisHistory.ts';
import type { HistoryDrop } from './HistoryOutbox.ts';
import { HistoryReporters, type HistoryReportersOptions } from './HistoryReporters.ts';

/** What the viewers got, out of a batch. */
export function messagesOf(batch: HistoryBatch): Buffer[] {
  const raw = zstdDecompressSync(Buffer.from(batch.detections, 'base64'));
  if (raw.length !== batch.rawBytes) throw new Error(`${raw.length} bytes instead of ${batch.rawBytes}`);
  const messages: Buffer[] = [];
  for (let at = 0; at < raw.length;) {
    const end = at + 4 + raw.readUInt32LE(at);
    messages.push(raw.subarray(at + 4, end));
    at = end;
  }
  return messages;
}

/** Grey, a bit lighter to the right. */
const spec = { ...bytesSpec, width: 160, height: 90 };
const { width: inputWidth, height: inputHeight } = spec;
export const plainPicture = (): AnalysedPicture => pictureOf((x) => [100 + 50 * x, 100 + 50 * x, 100 + 50 * x], spec);

export function describeModel(revision: number, labels: string[] = ['person', 'car']): ModelDescription {
  return { revision, modelId: 'test', name: 'Test', labels, inputWidth, inputHeight, executionProvider: 'cpu' };
}

export const startMs = 1_700_000_000_000;

/** All that one synthetic Publication is told about, and the history that comes of it. */
export class HistoryStage {
  readonly batches: HistoryBatch[] = [];
  readonly lives: ZonesLive[] = [];
  readonly dropped: Partial<Record<HistoryDrop, number>> = {};
  readonly sent: Buffer[] = [];
  readonly histories: HistoryReporters;
  readonly history: AnalysisHistory;
  readonly #picture = plainPicture();
  tracker = new Tracker();
  description = describeModel(1);
  naming = false;
  isHeard = true;
  /** Acknowledges what it hears. */
  isStoring = true;
  #sequence = 0;

  constructor(options: Partial<HistoryReportersOptions> = {}) {
    this.histories = new HistoryReporters({
      emit: (batch) => {
        this.batches.push(historyBatchSchema.parse(JSON.parse(JSON.stringify(batch))));
        if (this.isStoring) this.histories.stored(batch.runId, batch.sequence);
      },
      isHeard: () => this.isHeard,
      onDropped: (what, count) => (this.dropped[what] = (this.dropped[what] ?? 0) + count),
      ...options,
    });
    this.histories.tick(startMs);
    this.history = new AnalysisHistory({
      reporter: this.histories.open({ publicationId: 'pub-1', streamId: 'stream-1' }),
      onZonesLive: (live) => this.lives.push(live),
    });
  }

  /** Answers the ids. `label`: what all objects are named once they have ids. */
  frame(objects: DetectedObject[], rtpTicks: number, label?: number): number[] {
    const wallMs = startMs + rtpTicks / 90;
    const trackIds = this.tracker.update(objects, rtpTicks);
    if (label !== undefined) for (const object of objects) object.label = label;
    const { bytes } = encodeDetections({
      ...{ publicationId: 'pub-1', rtpTimestamp: rtpTicks >>> 0, sequence: this.#sequence++, width: 1280, height: 720 },
      ...{ revision: this.description.revision, receivedAtMs: wallMs, decodedAtMs: wallMs, inferredAtMs: wallMs },
      ...{ sentAtMs: wallMs, objects, trackIds },
    });
    this.sent.push(Buffer.from(bytes));
    const { tracker, description, naming } = this;
    const rest = { tracker, description, naming, picture: this.#picture };
    this.history.frame({ message: bytes, objects, trackIds, rtpTicks, wallMs, ...rest });
    // What was copied is not looked at again.
    bytes.fill(0);
    return trackIds;
  }

  /** All that is due, told. */
  async settle(nowMs: number): Promise<void> {
    await this.histories.settled();
    this.histories.tick(nowMs);
  }
}
