import type { Timeline, TransportChoice } from '../player/Player.ts';
import { formatClock } from './formatFigures.ts';

const smallStepS = 5;
const largeStepS = 10;
const pageStepS = 60;

/** Where a place is on the bar, 0..1. */
export function shareOf({ startS, endS }: Pick<Timeline, 'startS' | 'endS'>, positionS: number): number {
  if (!(endS > startS)) return 1;
  return Math.min(1, Math.max(0, (positionS - startS) / (endS - startS)));
}

/** The place of a share of the bar, seconds. */
export function placeAt({ startS, endS }: Pick<Timeline, 'startS' | 'endS'>, share: number): number {
  return startS + Math.min(1, Math.max(0, share)) * Math.max(0, endS - startS);
}

/** Where a key leads from here (WAI-ARIA slider pattern); `live` = to what is live; undefined = it is no key of the bar. */
export function placeByKey(timeline: Timeline, key: string, shift = false): number | 'live' | undefined {
  const { positionS, startS, liveS, live } = timeline;
  const stepS = shift ? largeStepS : smallStepS;
  const steps: Record<string, number> = {
    ...{ ArrowLeft: -stepS, ArrowDown: -largeStepS, ArrowRight: stepS, ArrowUp: largeStepS },
    ...{ PageDown: -pageStepS, PageUp: pageStepS },
  };
  if (key === 'Home') return startS;
  const step = steps[key];
  if (key !== 'End' && step === undefined) return undefined;
  const place = key === 'End' ? liveS : Math.max(startS, positionS + step!);
  return place < liveS ? place : live ? 'live' : liveS;
}

/** What the bar says of a place: time before live, or time since a Recording's beginning. */
export function placeWords({ startS, liveS, live }: Timeline, positionS: number): string {
  if (!live) return formatClock((positionS - startS) * 1000);
  const behindS = Math.round(liveS - positionS);
  return behindS <= 1 ? 'Live' : `−${formatClock(behindS * 1000)}`;
}

/** The same for who hears it. */
export function spokenPlace(timeline: Timeline): string {
  const { startS, endS, liveS, live, positionS } = timeline;
  if (!live) return `${formatClock((positionS - startS) * 1000)} of ${formatClock((endS - startS) * 1000)}`;
  return timeline.atLive ? 'Live' : `${formatClock((liveS - positionS) * 1000)} behind live`;
}

/** Why there is nothing to choose between Lock and Live by HLS. */
export const alwaysLocked =
  'By HLS each picture comes together with its own boxes: nothing waits, and nothing is predicted.';

/** `HLS · 2.1 s behind · no UDP or TCP path`; empty in WebRTC, which is what one expects. */
export function transportWords({ transport, reason }: TransportChoice, behindLiveMs: number | null): string {
  if (transport === 'webrtc') return '';
  const behind = behindLiveMs === null ? [] : [`${formatBehind(behindLiveMs)} behind`];
  return ['HLS', ...behind, ...(reason ? [reason] : [])].join(' · ');
}

function formatBehind(ms: number): string {
  return ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : formatClock(ms);
}
