import type { AppearanceRow, ExposureCoverageRow } from '@framelock/db';
import type { AppearanceReport, ExposureReport } from '../protocol/index.ts';
import { encodeHeatmap } from './heatmapCells.ts';

/** What the columns hold, and sums of it; years 2000 to 2200, figures of 30 years. One row that fits nowhere stops a batch. */
export function isStorable({ coverage, appearances }: ExposureReport): boolean {
  const isTime = (ms: number): boolean => ms > 946_684_800_000 && ms < 7_258_118_400_000;
  const isFigure = (seconds: number): boolean => seconds < 1e9;
  const fits = (one: { fromMs: number; toMs: number; seconds: number; frames: number }): boolean =>
    isTime(one.fromMs) && isTime(one.toMs) && isFigure(one.seconds) && one.frames < 2 ** 31;
  return (
    fits(coverage) &&
    appearances.every(
      (one) => fits(one) && isFigure(one.shareSeconds) && isFigure(one.scoreSeconds) && one.heatmap.every(isFigure),
    )
  );
}

/** The end is at least the begin, whatever a node says: ranges rely on it. */
const endOf = (one: { fromMs: number; toMs: number }): Date => new Date(Math.max(one.fromMs, one.toMs));

export function appearanceRow(report: ExposureReport, one: AppearanceReport): AppearanceRow {
  return {
    id: one.id,
    streamId: report.streamId,
    publicationId: report.publicationId,
    brandId: one.brandId,
    name: storable(one.name),
    startedAt: new Date(one.fromMs),
    endedAt: endOf(one),
    seconds: one.seconds,
    shareSeconds: one.shareSeconds,
    scoreSeconds: one.scoreSeconds,
    largestShare: Math.fround(one.largestShare) < 1e-30 ? 0 : one.largestShare, // a real has none so small
    frames: one.frames,
    heatmap: encodeHeatmap(one.heatmap),
    ended: one.ended,
    firstJpeg: jpegOf(one.firstJpeg),
    lastJpeg: jpegOf(one.lastJpeg),
  };
}

export function coverageRow({ coverage, streamId, publicationId }: ExposureReport): ExposureCoverageRow {
  const { runId, fromMs, seconds, frames } = coverage;
  return { runId, streamId, publicationId, startedAt: new Date(fromMs), endedAt: endOf(coverage), seconds, frames };
}

/** Totals of the later report; a picture that it lacks is the one before's. */
export function newerOf(before: AppearanceRow | undefined, after: AppearanceRow): AppearanceRow {
  if (!before) return after;
  const [older, newer] = before.frames > after.frames ? [after, before] : [before, after];
  return {
    ...newer,
    ended: newer.ended || (older.ended && older.frames === newer.frames),
    firstJpeg: newer.firstJpeg ?? older.firstJpeg,
    lastJpeg: newer.lastJpeg ?? older.lastJpeg,
  };
}

/** Postgres has no place for U+0000 in a text, and one such name would keep a whole batch from being written. */
const storable = (name: string): string => name.replaceAll('\u0000', '').toWellFormed();

/** What is no JPEG is none: it would be shown under our address. */
function jpegOf(base64: string | undefined): Uint8Array | null {
  if (base64 === undefined) return null;
  const bytes = Uint8Array.from(Buffer.from(base64, 'base64'));
  return bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff ? bytes : null;
}
