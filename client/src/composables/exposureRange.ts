import type { ExposureQuery } from '@framelock/server/protocol';

/** Which time a report is about. */
export type RangeKind = 'publication' | 'hour' | 'day' | 'all' | 'custom';

export interface ExposureRange {
  kind: RangeKind;
  /** Of `custom`: as a datetime-local field has them, in local time; empty = open. */
  from: string;
  to: string;
}

const hourMs = 3_600_000;
const lengthMs: Partial<Record<RangeKind, number>> = { hour: hourMs, day: 24 * hourMs };

/** What the server is asked; a Publication where one is known, else its Stream. */
export function queryOfRange(
  { kind, from, to }: ExposureRange,
  ids: { streamId: string; publicationId: string | undefined },
  nowMs: number,
): ExposureQuery {
  const { streamId, publicationId } = ids;
  if (kind === 'publication' && publicationId) return { publicationId };
  const backMs = lengthMs[kind];
  if (backMs !== undefined) return { streamId, from: new Date(nowMs - backMs).toISOString() };
  if (kind !== 'custom') return { streamId };
  const [begin, end] = [isoOf(from), isoOf(to)];
  return { streamId, ...(begin ? { from: begin } : {}), ...(end ? { to: end } : {}) };
}

/** Why a custom range cannot be asked for; undefined = it can. */
export function problemOfRange({ kind, from, to }: ExposureRange): string | undefined {
  if (kind !== 'custom') return undefined;
  const [begin, end] = [isoOf(from), isoOf(to)];
  if ((from && !begin) || (to && !end)) return 'That is no date and time';
  return begin && end && begin >= end ? 'It ends before it begins' : undefined;
}

/** Of the page's address: `publicationId`, `range`, `from` and `to`, so that a report can be linked to. */
export function rangeOfAddress(query: Record<string, unknown>): ExposureRange {
  const text = (key: string) => (typeof query[key] === 'string' ? query[key] : '');
  const [from, to] = [localOf(text('from')), localOf(text('to'))];
  if (from || to) return { kind: 'custom', from, to };
  const asked = text('range');
  if (asked === 'hour' || asked === 'day' || asked === 'all') return { kind: asked, from: '', to: '' };
  return { kind: 'publication', from: '', to: '' };
}

export function addressOfRange(range: ExposureRange, publicationId: string | undefined): Record<string, string> {
  if (range.kind === 'publication') return publicationId ? { publicationId } : {};
  if (range.kind !== 'custom') return { range: range.kind };
  const [from, to] = [isoOf(range.from), isoOf(range.to)];
  return { ...(from ? { from } : {}), ...(to ? { to } : {}) };
}

function isoOf(local: string): string | undefined {
  const ms = local ? Date.parse(local) : NaN;
  return Number.isFinite(ms) ? new Date(ms).toISOString() : undefined;
}

/** As a datetime-local field wants it; empty where it is no time. */
export function localOf(iso: string): string {
  const ms = iso ? Date.parse(iso) : NaN;
  if (!Number.isFinite(ms)) return '';
  const at = new Date(ms);
  return new Date(ms - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
