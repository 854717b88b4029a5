import type { RecordingView } from '@framelock/server/protocol';
import type { RouteLocationRaw } from 'vue-router';
import type { Moment } from '../player/Player.ts';

/** Clocks of two nodes may differ, and the last Frames of a Publication are told a little late. */
const slackMs = 10_000;

/** `?at=` (ISO 8601) and `&rtp=` (of the very Frame) of a Recording's page; undefined = no moment is named. */
export function momentOfAddress(query: Record<string, unknown>): Moment | undefined {
  const at = query['at'];
  const atMs = typeof at === 'string' ? Date.parse(at) : NaN;
  if (!Number.isFinite(atMs)) return undefined;
  const rtp = typeof query['rtp'] === 'string' && query['rtp'] !== '' ? Number(query['rtp']) : NaN;
  const isRtp = Number.isInteger(rtp) && rtp >= 0 && rtp <= 0xffffffff;
  return { atMs, ...(isRtp ? { rtpTimestamp: rtp } : {}) };
}

/** The page of a Recording at a moment. A Recording has the id of its Publication. */
export function recordingAt(publicationId: string, at: string, rtpTimestamp: number | null): RouteLocationRaw {
  const query = { at, ...(rtpTimestamp === null ? {} : { rtp: String(rtpTimestamp) }) };
  return { name: 'recording', params: { id: publicationId }, query };
}

export function isInRecording(
  { atMs }: Moment,
  { startedAt, endedAt, state }: Pick<RecordingView, 'startedAt' | 'endedAt' | 'state'>,
): boolean {
  if (atMs < Date.parse(startedAt) - slackMs) return false;
  return state === 'recording' || atMs <= Date.parse(endedAt) + slackMs;
}
