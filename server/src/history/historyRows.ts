import type {
  DetectionModelRow,
  EventRow,
  HistoryRows,
  ObjectTrackRow,
  ObjectTrackThumbnailRow,
  PositionHeatmapRow,
} from '@framelock/db';
import type { EventView, HistoryBatch, TrackReport } from '../protocol/index.ts';
import type { HistoryItem } from './HistoryItem.ts';

/** What the columns hold; years 2000 to 2200. What does not fit would keep all that is written with it from being. */
export function isStorable({ batch, events }: HistoryItem): boolean {
  const isTime = (ms: number): boolean => ms > 946_684_800_000 && ms < 7_258_118_400_000;
  const isInteger = (value: number): boolean => value < 2 ** 31;
  if (!events.every(({ at, trackId }) => isTime(Date.parse(at)) && isInteger(trackId ?? 0))) return false;
  if (!batch) return true;
  return (
    [batch, ...batch.tracks].every((one) => isTime(one.fromMs) && isTime(one.toMs) && isInteger(one.frames)) &&
    [batch.sequence, batch.objects, batch.rawBytes, batch.model.revision].every(isInteger) &&
    batch.tracks.every(({ trackId }) => isInteger(trackId)) &&
    batch.events.every(({ atMs, trackId }) => isTime(atMs) && isInteger(trackId)) &&
    batch.properties.every(({ atMs, frames }) => isTime(atMs) && isInteger(frames))
  );
}

/** Of several items what is written of them: one row for each key, the newest. */
export function historyRows(items: readonly HistoryItem[]): HistoryRows {
  const models = new Map<string, DetectionModelRow>();
  const tracks = new Map<string, ObjectTrackRow>();
  const thumbnails = new Map<string, ObjectTrackThumbnailRow>();
  const heatmaps = new Map<string, PositionHeatmapRow>();
  const rows: HistoryRows = {
    ...{ batches: [], events: [], properties: [] },
    ...{ models: [], tracks: [], thumbnails: [], heatmaps: [] },
  };
  const properties = new Set<string>();
  const batches = new Set<string>();
  const events = new Map<string, EventRow>();
  for (const { batch, events: views } of items) {
    for (const view of views) events.set(view.id, eventRow(view));
    if (!batch) continue;
    const { runId, sequence, streamId, publicationId } = batch;
    if (batches.has(`${runId}:${sequence}`)) continue;
    batches.add(`${runId}:${sequence}`);
    rows.batches.push(batchRow(batch));
    models.set(`${publicationId}:${batch.model.revision}`, modelRow(batch));
    for (const report of batch.tracks) {
      const key = `${runId}:${report.trackId}`;
      const jpeg = jpegOf(report.jpeg);
      const row = trackRow(batch, report, jpeg !== undefined);
      tracks.set(key, newerOf(tracks.get(key), row));
      if (!jpeg) continue;
      const known = thumbnails.get(key);
      if (known && known.endedAt >= row.endedAt) continue;
      thumbnails.set(key, { runId, trackId: report.trackId, jpeg, endedAt: row.endedAt });
    }
    for (const { atMs, rtpTimestamp, lastRtpTimestamp, frames, cuts, colours, ...measured } of batch.properties) {
      const at = new Date(atMs);
      const key = `${publicationId}:${at.getTime()}`;
      if (properties.has(key)) continue;
      properties.add(key);
      const { brightness, contrast, saturation, motion, sharpness } = measured;
      rows.properties.push({
        ...{ publicationId, at, streamId, rtpTimestamp, lastRtpTimestamp, frames, cuts: cuts.length, colours },
        ...{ brightness: real(brightness), contrast: real(contrast), saturation: real(saturation) },
        ...{ motion: motion === null ? null : real(motion), sharpness: sharpness === null ? null : real(sharpness) },
      });
    }
    const heatmap = heatmapRow(batch);
    if (heatmap) heatmaps.set(runId, laterOf(heatmaps.get(runId), heatmap));
  }
  rows.events = [...events.values()];
  rows.models = [...models.values()];
  rows.tracks = [...tracks.values()];
  rows.thumbnails = [...thumbnails.values()];
  rows.heatmaps = [...heatmaps.values()];
  return inOrder(rows);
}

/** By key, so that two servers that write of the same do not wait for one another in a circle. */
function inOrder(rows: HistoryRows): HistoryRows {
  rows.tracks.sort((a, b) => (a.runId === b.runId ? a.trackId - b.trackId : a.runId < b.runId ? -1 : 1));
  rows.models.sort((a, b) => (a.publicationId < b.publicationId ? -1 : 1));
  rows.events.sort((a, b) => (a.id < b.id ? -1 : 1));
  return rows;
}

/** The end is at least the begin, whatever a node says: ranges rely on it. */
const endOf = (one: { fromMs: number; toMs: number }): Date => new Date(Math.max(one.fromMs, one.toMs));

function batchRow(batch: HistoryBatch): HistoryRows['batches'][number] {
  const { runId, sequence, streamId, publicationId, firstRtp, lastRtp, frames, objects, rawBytes } = batch;
  return {
    ...{ runId, sequence, streamId, publicationId, firstRtp, lastRtp, frames, objects, rawBytes },
    startedAt: new Date(batch.fromMs),
    endedAt: endOf(batch),
    revision: batch.model.revision,
    messages: Buffer.from(batch.detections, 'base64'),
  };
}

function modelRow(batch: HistoryBatch): DetectionModelRow {
  const { revision, modelId, labels } = batch.model;
  return { publicationId: batch.publicationId, revision, modelId, labels: labels.map(storable), seenAt: endOf(batch) };
}

function trackRow(batch: HistoryBatch, report: TrackReport, hasThumbnail: boolean): ObjectTrackRow {
  const { trackId, firstRtp, lastRtp, frames, bestRtp, bestBox, zoneIds, ended } = report;
  return {
    ...{ runId: batch.runId, trackId, streamId: batch.streamId, publicationId: batch.publicationId },
    ...{ label: storable(report.label), startedAt: new Date(report.fromMs), endedAt: endOf(report) },
    ...{ firstRtp, lastRtp, frames, bestScore: real(report.bestScore), bestRtp, zoneIds, ended, hasThumbnail },
    bestBox: [bestBox.x, bestBox.y, bestBox.w, bestBox.h].map(real),
  };
}

function newerOf(before: ObjectTrackRow | undefined, after: ObjectTrackRow): ObjectTrackRow {
  if (!before) return after;
  const [older, newer] = before.frames > after.frames ? [after, before] : [before, after];
  return {
    ...newer,
    ended: newer.ended || (older.ended && older.frames === newer.frames),
    hasThumbnail: newer.hasThumbnail || older.hasThumbnail,
  };
}

function heatmapRow(batch: HistoryBatch): PositionHeatmapRow | undefined {
  if (!batch.heatmap) return undefined;
  const { seconds } = batch.heatmap;
  const bytes = Buffer.alloc(seconds.length * 4);
  for (const [index, value] of seconds.entries()) bytes.writeFloatLE(Math.min(value, 1e30), index * 4);
  const { runId, streamId, publicationId } = batch;
  return { runId, streamId, publicationId, startedAt: new Date(batch.fromMs), endedAt: endOf(batch), seconds: bytes };
}

function laterOf(before: PositionHeatmapRow | undefined, after: PositionHeatmapRow): PositionHeatmapRow {
  if (!before) return after;
  const startedAt = before.startedAt < after.startedAt ? before.startedAt : after.startedAt;
  return { ...(before.endedAt > after.endedAt ? before : after), startedAt };
}

function eventRow(view: EventView): EventRow {
  const { kind, streamId, publicationId, rtpTimestamp, zoneId, trackId, runId } = view;
  const { zoneName, label } = view;
  return {
    ...{ id: storable(view.id), kind, at: new Date(view.at), streamId, streamName: storable(view.streamName) },
    ...{ publicationId, rtpTimestamp, zoneId, trackId, runId },
    zoneName: zoneName === null ? null : storable(zoneName),
    label: label === null ? null : storable(label),
    data: Object.fromEntries(
      Object.entries(view.data).map(([key, value]) => [
        storable(key),
        typeof value === 'string' ? storable(value) : value,
      ]),
    ),
  };
}

/** Postgres has no place for U+0000 in a text, and one such name would keep all that is written with it from being. */
const storable = (text: string): string => text.replaceAll('\u0000', '').toWellFormed();

/** A real has no figure so small, and Postgres refuses it. */
const real = (value: number): number => (Math.abs(value) < 1e-30 ? 0 : value);

/** What is no JPEG is none: it would be shown under our address. */
function jpegOf(base64: string | undefined): Uint8Array | undefined {
  if (base64 === undefined) return undefined;
  const bytes = Buffer.from(base64, 'base64');
  return bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff ? bytes : undefined;
}
