import { z } from 'zod';
import { eventViewSchema, historyBatchSchema } from '../protocol/index.ts';

/** What is written as one: a HistoryBatch with its events, or events of our own. */
export const historyItemSchema = z.object({
  batch: historyBatchSchema.optional(),
  events: z.array(eventViewSchema),
});
export type HistoryItem = z.infer<typeof historyItemSchema>;

export interface BatchKey {
  runId: string;
  sequence: number;
}

/** Bytes that it holds in memory, nearly. */
export function weightOf({ batch, events }: HistoryItem): number {
  const ofEvents = 500 * events.length;
  if (!batch) return ofEvents;
  const pictures = batch.tracks.reduce((bytes, { jpeg }) => bytes + (jpeg?.length ?? 0), 0);
  const rest = 300 * (batch.tracks.length + batch.events.length + batch.properties.length) + 1_000;
  return batch.detections.length + pictures + ofEvents + rest + (batch.heatmap ? 10_400 : 0);
}

export const keysOf = (items: readonly HistoryItem[]): BatchKey[] =>
  items.flatMap(({ batch }) => (batch ? [{ runId: batch.runId, sequence: batch.sequence }] : []));
