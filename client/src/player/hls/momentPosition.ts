import type { Moment } from '../Playback.ts';
import type { DetectionFeeder } from './DetectionFeeder.ts';
import type { HlsVideo } from './HlsVideo.ts';

/** The clocks of two nodes, and what lies between a Frame's capture and its analysis, are less apart than this. */
const clocksApartS = 10;
/** Into a Frame, so that a browser's rounding shows it and not the one before. */
const intoFrameS = 0.001;

interface Shown {
  media: Pick<HlsVideo, 'positionOf'>;
  feeder: { clock: Pick<DetectionFeeder['clock'], 'positionOf'> };
}

/** Seconds on the timeline: of the moment's very Frame where its media's clock is known, else by wall clock. */
export function momentPosition({ media, feeder }: Shown, { atMs, rtpTimestamp }: Moment): number | undefined {
  const nearS = media.positionOf(atMs);
  if (nearS === undefined || rtpTimestamp === undefined) return nearS;
  const exactS = feeder.clock.positionOf(rtpTimestamp, nearS, clocksApartS);
  return exactS === undefined ? nearS : exactS + intoFrameS;
}
