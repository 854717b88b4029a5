import type { EventRow, ObjectTrackRow, PropertiesPointRow } from '@framelock/db';
import {
  type ActivityAnswer,
  type EventView,
  eventViewSchema,
  type HeatmapAnswer,
  maxActivitySeries,
  otherLabels,
  type PropertiesPoint,
  type TrackView,
  zoneHeatmapColumns,
  zoneHeatmapRows,
} from '../protocol/index.ts';

/** An open ObjectTrack that nothing was told of for so long is over: its node went away. */
const staleAfterMs = 60_000;

export function trackView(row: ObjectTrackRow, nowMs: number): TrackView {
  const { runId, trackId, streamId, publicationId, label, frames, bestRtp, firstRtp, lastRtp, zoneIds } = row;
  const [x = 0, y = 0, w = 0, h = 0] = row.bestBox.map(rounded);
  return {
    ...{ runId, trackId, streamId, publicationId, label },
    from: row.startedAt.toISOString(),
    to: row.endedAt.toISOString(),
    seconds: Math.max(0, row.endedAt.getTime() - row.startedAt.getTime()) / 1000,
    frames,
    bestScore: rounded(row.bestScore),
    bestBox: { x, y, w, h },
    ...{ bestRtp, firstRtp, lastRtp, zoneIds },
    ended: row.ended || row.endedAt.getTime() < nowMs - staleAfterMs,
    thumbnailUrl: row.hasThumbnail ? `/api/v1/tracks/${runId}/${trackId}/thumbnail.jpg` : null,
  };
}

/** None: another version stored it, and this one does not know its kind. */
export function eventViews(row: EventRow): EventView[] {
  const { data } = eventViewSchema.safeParse({ ...row, at: row.at.toISOString() });
  return data ? [data] : [];
}

export function propertiesPoint(row: PropertiesPointRow): PropertiesPoint {
  const { motion, sharpness } = row;
  return {
    at: row.at.toISOString(),
    brightness: rounded(row.brightness),
    contrast: rounded(row.contrast),
    saturation: rounded(row.saturation),
    motion: motion === null ? null : rounded(motion),
    sharpness: sharpness === null ? null : rounded(sharpness),
    cuts: row.cuts,
    colours: row.colours as PropertiesPoint['colours'],
  };
}

interface HeatmapRow {
  startedAt: Date;
  endedAt: Date;
  /** float32 little endian, row by row. */
  seconds: Uint8Array;
}

/** The sum. Nobody knows where in its time the objects of a run were: one that reaches beyond counts by its part. */
export function heatmapAnswer(
  rows: readonly HeatmapRow[],
  from: Date | undefined,
  to: Date | undefined,
): HeatmapAnswer {
  const seconds = new Array<number>(zoneHeatmapColumns * zoneHeatmapRows).fill(0);
  for (const row of rows) {
    const [began, ended] = [row.startedAt.getTime(), row.endedAt.getTime()];
    const within = Math.min(ended, to?.getTime() ?? ended) - Math.max(began, from?.getTime() ?? began);
    const part = ended > began ? within / (ended - began) : 1;
    const view = new DataView(row.seconds.buffer, row.seconds.byteOffset, row.seconds.byteLength);
    const cells = Math.min(seconds.length, Math.floor(view.byteLength / 4));
    for (let cell = 0; cell < cells; cell++) seconds[cell]! += view.getFloat32(cell * 4, true) * part;
  }
  return { columns: zoneHeatmapColumns, rows: zoneHeatmapRows, seconds: seconds.map(rounded), runs: rows.length };
}

export interface ActivityCount {
  bucket: number;
  label: string;
  tracks: number;
  exact: boolean;
}

/** Series of the most frequent labels, and of the others together. */
export function activitySeries(
  counts: readonly ActivityCount[],
  buckets: number,
): Pick<ActivityAnswer, 'exact' | 'series'> {
  const totals = new Map<string, number>();
  for (const { label, tracks } of counts) totals.set(label, (totals.get(label) ?? 0) + tracks);
  const byTotal = [...totals.keys()].sort((a, b) => totals.get(b)! - totals.get(a)! || (a < b ? -1 : 1));
  const own = new Set(byTotal.length > maxActivitySeries ? byTotal.slice(0, maxActivitySeries - 1) : byTotal);
  const series = new Map<string, number[]>([...own].map((label) => [label, new Array<number>(buckets).fill(0)]));
  if (own.size < byTotal.length) series.set(otherLabels, series.get(otherLabels) ?? new Array<number>(buckets).fill(0));
  for (const { bucket, label, tracks } of counts) {
    const into = series.get(own.has(label) ? label : otherLabels)!;
    into[bucket] = (into[bucket] ?? 0) + tracks;
  }
  return {
    exact: counts.every(({ exact }) => exact),
    series: [...series].map(([label, values]) => ({ label, counts: values.map(Math.round) })),
  };
}

/** Six places: float32 has no more. */
const rounded = (figure: number): number => Math.round(figure * 1e6) / 1e6;
