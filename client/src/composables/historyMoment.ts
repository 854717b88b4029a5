import { ticksToMs, type EventView, type TrackView } from '@framelock/server/protocol';
import type { RouteLocationRaw } from 'vue-router';
import { momentWords } from './chartTime.ts';
import { eventKindNames, eventSentence } from './eventWords.ts';
import { formatSeconds } from './exposureWords.ts';
import { formatCount } from './formatFigures.ts';
import { recordingAt } from './recordingMoment.ts';

/** A track or an event as a dialog shows it. */
export interface HistoryMoment {
  title: string;
  thumbnailUrl: string | null;
  cropWords: string;
  facts: { label: string; value: string }[];
  recorded: boolean;
  /** The first is the main one. */
  links: { label: string; to: RouteLocationRaw; plays: boolean }[];
}

interface Known {
  nowMs: number;
  recorded: boolean;
  /** undefined = it is not known any more. */
  streamName: string | undefined;
  zoneNames: ReadonlyMap<string, string>;
}

/** Unix ms of a track's best Frame: its first one's, and the media time between the two. Timestamps are u32 and wrap. */
export function bestMs({ from, firstRtp, bestRtp }: Pick<TrackView, 'from' | 'firstRtp' | 'bestRtp'>): number {
  return Date.parse(from) + ticksToMs((bestRtp - firstRtp) >>> 0);
}

/** Where a track is watched: at its first Frame. */
export function trackStart({ publicationId, from, firstRtp }: TrackView): RouteLocationRaw {
  return recordingAt(publicationId, from, firstRtp);
}

export function trackMoment(track: TrackView, { nowMs, recorded, streamName, zoneNames }: Known): HistoryMoment {
  const { label, trackId, from, to, seconds, frames, bestScore, ended, zoneIds, streamId, runId } = track;
  const zones = zoneIds.map((id) => zoneNames.get(id) ?? 'a deleted zone');
  const best = recordingAt(track.publicationId, new Date(bestMs(track)).toISOString(), track.bestRtp);
  const watch = { label: 'Watch from its first frame', to: trackStart(track), plays: true };
  return {
    title: `${label} #${trackId}`,
    thumbnailUrl: track.thumbnailUrl,
    cropWords: `${label} #${trackId} in its best frame`,
    facts: [
      { label: 'Stream', value: streamName ?? 'Deleted stream' },
      { label: 'In the picture', value: `${formatSeconds(seconds)}${ended ? '' : ', so far'}` },
      { label: 'First seen', value: momentWords(from, nowMs) },
      { label: 'Last seen', value: momentWords(to, nowMs) },
      { label: 'Best score', value: `${Math.round(bestScore * 100)} %` },
      { label: 'Analysed frames', value: formatCount(frames) },
      ...(zones.length ? [{ label: 'Zones and lines', value: zones.join(', ') }] : []),
      { label: 'Run of the analysis', value: runId },
    ],
    recorded,
    links: recorded
      ? [watch, { label: 'Its best frame', to: best, plays: true }]
      : [{ label: 'To the stream', to: { name: 'stream', params: { id: streamId } }, plays: false }],
  };
}

export function eventMoment(event: EventView, { nowMs, recorded }: Known): HistoryMoment {
  const { kind, at, streamId, streamName, publicationId, rtpTimestamp, zoneName, label, trackId, runId, data } = event;
  const more = Object.entries(data)
    .filter(([key, value]) => value !== null && value !== '' && !key.endsWith('Id'))
    .map(([key, value]) => ({ label: dataNames[key] ?? key, value: dataWords(key, value) }));
  const thumbnailUrl =
    runId && trackId !== null ? `/api/v1/tracks/${encodeURIComponent(runId)}/${trackId}/thumbnail.jpg` : null;
  const to = publicationId && recorded ? recordingAt(publicationId, at, rtpTimestamp) : undefined;
  return {
    title: eventSentence({ ...event, data: {} }),
    thumbnailUrl,
    cropWords: `${label ?? 'The object'} in its best frame`,
    facts: [
      { label: 'What', value: eventKindNames[kind] },
      { label: 'When', value: momentWords(at, nowMs) },
      { label: 'Stream', value: streamName },
      ...(zoneName ? [{ label: 'Zone or line', value: zoneName }] : []),
      ...more,
    ],
    recorded: to !== undefined,
    links: to
      ? [{ label: 'Watch the moment', to, plays: true }]
      : [{ label: 'To the stream', to: { name: 'stream', params: { id: streamId } }, plays: false }],
  };
}

const dataNames: Record<string, string> = {
  cause: 'Cause',
  dwellSeconds: 'Time inside',
  speedMps: 'Speed',
  ruleName: 'Rule',
  reason: 'Reason',
  x: 'Across the picture',
  y: 'Down the picture',
};

function dataWords(key: string, value: unknown): string {
  if (typeof value !== 'number') return String(value);
  if (key === 'dwellSeconds') return formatSeconds(value);
  if (key === 'speedMps') return `${value.toFixed(1)} m/s`;
  if (key === 'x' || key === 'y') return `${(value * 100).toFixed(1)} %`;
  return formatCount(value);
}
