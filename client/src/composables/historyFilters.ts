import { eventKindSchema, type EventKind } from '@framelock/server/protocol';
import type { ActivityWish, EventWish, HistoryRange, TrackWish } from '../api/history.ts';
import { localOf } from './exposureRange.ts';

export const historyViews = ['tracks', 'events', 'heatmap'] as const;
export type HistoryView = (typeof historyViews)[number];

const minuteMs = 60_000;
export const historyRanges = [
  { value: '15m', label: '15 min', ms: 15 * minuteMs },
  { value: 'hour', label: 'Hour', ms: 60 * minuteMs },
  { value: 'day', label: 'Day', ms: 24 * 60 * minuteMs },
  { value: 'week', label: 'Week', ms: 7 * 24 * 60 * minuteMs },
  { value: 'month', label: '30 days', ms: 30 * 24 * 60 * minuteMs },
] as const;
export type HistoryRangeKind = (typeof historyRanges)[number]['value'] | 'custom';

export interface HistoryFilters {
  view: HistoryView;
  /** Empty = all. */
  streamId: string;
  range: HistoryRangeKind;
  /** Of `custom`: as a datetime-local field has them, local time. */
  from: string;
  to: string;
  label: string;
  /** 0..1 */
  minScore: number;
  zoneId: string;
  kind: EventKind | '';
}

export const noFilters: HistoryFilters = {
  ...{ view: 'tracks', streamId: '', range: 'day', from: '', to: '' },
  ...{ label: '', minScore: 0, zoneId: '', kind: '' },
};

/** So that any view of history can be linked to. */
export function filtersOfAddress(query: Record<string, unknown>): HistoryFilters {
  const text = (key: string) => (typeof query[key] === 'string' ? query[key] : '');
  const [from, to] = [localOf(text('from')), localOf(text('to'))];
  const score = Number(text('score'));
  const asked = historyRanges.find(({ value }) => value === query['range'])?.value;
  return {
    view: historyViews.find((one) => one === query['view']) ?? noFilters.view,
    streamId: text('stream'),
    range: from || to ? 'custom' : (asked ?? noFilters.range),
    ...{ from, to, label: text('label').slice(0, 100) },
    minScore: score > 0 && score <= 1 ? score : 0,
    zoneId: text('zone'),
    kind: eventKindSchema.options.find((one) => one === query['kind']) ?? '',
  };
}

export function addressOfFilters(filters: HistoryFilters): Record<string, string> {
  const { view, streamId, range, label, minScore, zoneId, kind } = filters;
  const custom = range === 'custom';
  return {
    ...(streamId ? { stream: streamId } : {}),
    ...(view === noFilters.view ? {} : { view }),
    ...(custom || range === noFilters.range ? {} : { range }),
    ...(custom && isoOf(filters.from) ? { from: isoOf(filters.from)! } : {}),
    ...(custom && isoOf(filters.to) ? { to: isoOf(filters.to)! } : {}),
    ...(label ? { label } : {}),
    ...(minScore > 0 ? { score: String(minScore) } : {}),
    ...(zoneId ? { zone: zoneId } : {}),
    ...(kind ? { kind } : {}),
  };
}

/** Why what was entered cannot be asked for; undefined = it can. */
export function problemOfFilters({ range, from, to }: HistoryFilters): string | undefined {
  if (range !== 'custom') return undefined;
  const [begin, end] = [isoOf(from), isoOf(to)];
  if ((from && !begin) || (to && !end)) return 'That is no date and time';
  if (!begin) return 'Say when it begins';
  return end && begin >= end ? 'It ends before it begins' : undefined;
}

/** Of presets up to now, whose end is left open: what comes in meanwhile belongs to it. */
export function rangeOfFilters({ range, from, to }: HistoryFilters, nowMs: number): HistoryRange {
  const preset = historyRanges.find(({ value }) => value === range);
  if (preset) return { from: new Date(nowMs - preset.ms).toISOString() };
  return { from: isoOf(from), to: isoOf(to) };
}

export function trackWish(filters: HistoryFilters, nowMs: number): TrackWish {
  const { streamId, label, minScore, zoneId } = filters;
  return {
    ...rangeOfFilters(filters, nowMs),
    ...named({ streamId, label, zoneId }),
    ...(minScore > 0 ? { minScore } : {}),
  } as TrackWish;
}

/** Events have no score. */
export function eventWish(filters: HistoryFilters, nowMs: number): EventWish {
  const { streamId, label, zoneId, kind } = filters;
  return { ...rangeOfFilters(filters, nowMs), ...named({ streamId, label, zoneId, kind }) } as EventWish;
}

/** In so many bars. A preset begins and ends where a bar does by the clock, so that bars stand still while it moves on. */
export function activityWish(filters: HistoryFilters, nowMs: number, buckets: number): ActivityWish {
  const { streamId, label, zoneId, range } = filters;
  const preset = historyRanges.find(({ value }) => value === range);
  const barMs = preset && preset.ms / buckets;
  const toMs = barMs && Math.ceil(nowMs / barMs) * barMs;
  const times = toMs
    ? { from: new Date(toMs - preset.ms).toISOString(), to: new Date(toMs).toISOString() }
    : rangeOfFilters(filters, nowMs);
  return { ...times, ...named({ streamId, label, zoneId }), buckets };
}

/** A narrower time, such as of one bar that was chosen. */
export function narrowed(filters: HistoryFilters, fromMs: number, toMs: number): HistoryFilters {
  // A field has whole seconds: nothing of the bar may be lost.
  const end = Math.ceil(toMs / 1000) * 1000;
  return { ...filters, range: 'custom', from: localAt(fromMs), to: localAt(end) };
}

const localAt = (ms: number) => localOf(new Date(ms).toISOString());

function named<T extends Record<string, string>>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== '')) as Partial<T>;
}

function isoOf(local: string): string | undefined {
  const ms = local ? Date.parse(local) : NaN;
  return Number.isFinite(ms) ? new Date(ms).toISOString() : undefined;
}
