import type { PlayerStats } from '../player/PlayerStats.ts';
import { formatKeyFrameInterval, keyFramesAreLate, type IngestFigures } from './ingestFigures.ts';

/** Below this nobody notices that they wait for a key frame. */
const worthSayingMs = 1_500;

/** What the stage says before the first picture. A browser sends a key frame when it is asked for one; OBS does not. */
export function firstPictureWords(ingest: IngestFigures | undefined): string {
  const intervalMs = ingest?.keyFrameIntervalMs;
  if (!ingest || ingest.publishedBy === 'browser' || typeof intervalMs !== 'number' || intervalMs < worthSayingMs)
    return 'Waiting for the first picture…';
  return `Waiting for the next key frame (every ${formatKeyFrameInterval(intervalMs)})…`;
}

export interface WatchChip {
  id: 'keyFrames' | 'layer' | 'recording' | 'hls';
  tone: 'warn' | 'info' | 'bad';
  text: string;
  /** More words, for who points at it. */
  title: string;
}

/** What a viewer should know of the picture besides its analysis. */
export function watchChips(
  ingest: IngestFigures | undefined,
  stats: Pick<PlayerStats, 'layerTimeline' | 'layerTimelineReason'> | undefined,
): WatchChip[] {
  const chips: WatchChip[] = [];
  if (stats?.layerTimeline === 'checking') {
    chips.push({
      id: 'layer',
      tone: 'info',
      text: 'Checking this quality: no boxes yet',
      title: 'Whether its pictures carry the times of the analysed quality is being looked at.',
    });
  }
  if (stats?.layerTimeline === 'unknown') {
    chips.push({
      id: 'layer',
      tone: 'warn',
      text: 'No boxes in this quality',
      title: `Nobody can say which boxes belong to its pictures${stats.layerTimelineReason ? `: ${stats.layerTimelineReason}` : ''}. Choose the quality “Auto”.`,
    });
  }
  if (ingest && ingest.publishedBy !== 'browser' && keyFramesAreLate(ingest.keyFrameIntervalMs)) {
    chips.push({
      id: 'keyFrames',
      tone: 'warn',
      text: `Key frames every ${formatKeyFrameInterval(ingest.keyFrameIntervalMs)}`,
      title: 'Who joins, or loses a packet, waits that long for a picture. The publisher can set 1 s.',
    });
  }
  return chips;
}
