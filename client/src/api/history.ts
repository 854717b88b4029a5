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
import { request, requestFile } from './request.ts';

const base = '/api/v1';
/** A day of a busy Stream is many rows. */
const fileTimeoutMs = 120_000;
/** Of long ranges the database has to look at much. */
const chartTimeoutMs = 30_000;

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
  return request('get', `${base}/tracks`, trackListSchema, {
    query: { ...wish, ...page },
    signal,
  }) as Promise<TrackList>;
}

/** Newest first. */
export function listEvents(
  wish: EventWish,
  page: { limit?: number; cursor?: string | undefined },
  signal?: AbortSignal,
) {
  return request('get', `${base}/events`, eventListSchema, {
    query: { ...wish, ...page },
    signal,
  }) as Promise<EventList>;
}

/** A file to keep: all that fits the wish, not a page of it. */
export function historyFile(what: 'tracks' | 'events', wish: TrackWish | EventWish): Promise<Blob> {
  return requestFile(`${base}/${what}.csv`, { query: wish, timeoutMs: fileTimeoutMs });
}

export function readLabels(wish: HistoryRange & { streamId?: string | undefined }, signal?: AbortSignal) {
  const path = `${base}/history/labels` as const;
  return request('get', path, labelsAnswerSchema, { query: wish, ...chart(signal) }) as Promise<LabelsAnswer>;
}

export interface ActivityWish extends HistoryRange {
  streamId?: string | undefined;
  label?: string | undefined;
  zoneId?: string | undefined;
  buckets?: number;
}

export function readActivity(wish: ActivityWish, signal?: AbortSignal) {
  const path = `${base}/history/activity` as const;
  return request('get', path, activityAnswerSchema, { query: wish, ...chart(signal) }) as Promise<ActivityAnswer>;
}

export function readProperties(streamId: string, wish: HistoryRange & { points?: number }, signal?: AbortSignal) {
  const input = { path: { id: streamId }, query: wish, ...chart(signal) };
  const path = `${base}/streams/{id}/properties` as const;
  return request('get', path, propertiesAnswerSchema, input) as Promise<PropertiesAnswer>;
}

export function readHeatmap(streamId: string, wish: HistoryRange, signal?: AbortSignal) {
  const input = { path: { id: streamId }, query: wish, ...chart(signal) };
  return request('get', `${base}/streams/{id}/heatmap`, heatmapAnswerSchema, input) as Promise<HeatmapAnswer>;
}

const chart = (signal: AbortSignal | undefined) => ({ timeoutMs: chartTimeoutMs, signal });
