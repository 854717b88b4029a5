import {
  activityAnswerSchema,
  eventListSchema,
  heatmapAnswerSchema,
  labelsAnswerSchema,
  propertiesAnswerSchema,
  trackListSchema,
  type ActivityAnswer,
  type EventFilter,
  type EventList,
  type HeatmapAnswer,
  type LabelsAnswer,
  type PropertiesAnswer,
  type TrackFilter,
  type TrackList,
} from '@framelock/server/protocol';
import { request, requestBlob } from './request.ts';

const base = '/api/v1';
/** A day of a busy Stream is many rows. */
const fileTimeoutMs = 120_000;
/** Of long ranges the database has to look at much. */
const chartTimeoutMs = 30_000;

type Query = Record<string, string | number | undefined>;
export interface HistoryRange {
  /** ISO 8601; undefined = open. */
  from?: string | undefined;
  to?: string | undefined;
}
/** What is not named matters not. */
export type TrackWish = Partial<TrackFilter>;
export type EventWish = Partial<EventFilter>;

/** Newest first. */
export function listTracks(
  wish: TrackWish,
  page: { limit?: number; cursor?: string | undefined },
  signal?: AbortSignal,
) {
  return request(`${base}/tracks${search({ ...wish, ...page })}`, trackListSchema, given(signal)) as Promise<TrackList>;
}

/** Newest first. */
export function listEvents(
  wish: EventWish,
  page: { limit?: number; cursor?: string | undefined },
  signal?: AbortSignal,
) {
  return request(`${base}/events${search({ ...wish, ...page })}`, eventListSchema, given(signal)) as Promise<EventList>;
}

/** A file to keep: all that fits the wish, not a page of it. */
export function historyFile(what: 'tracks' | 'events', wish: TrackWish | EventWish): Promise<Blob> {
  return requestBlob(`${base}/${what}.csv${search(wish)}`, { timeoutMs: fileTimeoutMs });
}

export function readLabels(wish: HistoryRange & { streamId?: string | undefined }, signal?: AbortSignal) {
  const path = `${base}/history/labels${search({ ...wish })}`;
  return request(path, labelsAnswerSchema, chart(signal)) as Promise<LabelsAnswer>;
}

export interface ActivityWish extends HistoryRange {
  streamId?: string | undefined;
  label?: string | undefined;
  zoneId?: string | undefined;
  buckets?: number;
}

export function readActivity(wish: ActivityWish, signal?: AbortSignal) {
  const path = `${base}/history/activity${search({ ...wish })}`;
  return request(path, activityAnswerSchema, chart(signal)) as Promise<ActivityAnswer>;
}

export function readProperties(streamId: string, wish: HistoryRange & { points?: number }, signal?: AbortSignal) {
  const path = `${base}/streams/${encodeURIComponent(streamId)}/properties${search({ ...wish })}`;
  return request(path, propertiesAnswerSchema, chart(signal)) as Promise<PropertiesAnswer>;
}

export function readHeatmap(streamId: string, wish: HistoryRange, signal?: AbortSignal) {
  const path = `${base}/streams/${encodeURIComponent(streamId)}/heatmap${search({ ...wish })}`;
  return request(path, heatmapAnswerSchema, chart(signal)) as Promise<HeatmapAnswer>;
}

const given = (signal: AbortSignal | undefined) => (signal ? { signal } : {});
const chart = (signal: AbortSignal | undefined) => ({ timeoutMs: chartTimeoutMs, ...given(signal) });

function search(query: Query): string {
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  const text = new URLSearchParams(pairs.map(([key, value]) => [key, String(value)])).toString();
  return text && `?${text}`;
}
