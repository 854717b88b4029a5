import type { AnalysisView } from '@framelock/server/protocol';
import type { PlayerState } from '../player/Player.ts';
import { noFigure } from './formatFigures.ts';

/** `4.2 s`, `3 min 5 s`, `2 h 10 min`; null = nobody knows. */
export function secondsWords(seconds: number | null): string {
  if (seconds === null) return noFigure;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

const mostLabels = 4;

/** `3 person, 1 dog`, the most first; empty where there is nothing. */
export function byLabelWords(counts: Record<string, number>): string {
  const sorted = Object.entries(counts)
    .filter(([, count]) => count > 0)
    .sort(([a, one], [b, other]) => other - one || a.localeCompare(b));
  const rest = sorted.slice(mostLabels).reduce((sum, [, count]) => sum + count, 0);
  const words = sorted.slice(0, mostLabels).map(([label, count]) => `${count} ${label}`);
  return [...words, ...(rest > 0 ? [`${rest} others`] : [])].join(', ');
}

/** Why there are no figures of zones; undefined = they should come. */
export function zoneSilenceWords(state: PlayerState, analysis: AnalysisView): string | undefined {
  if (state !== 'playing') return 'Figures come when the stream plays.';
  if (analysis.computedBy === 'browser') {
    return "Nobody counts just now: this stream is analysed in its publisher's browser, and counting takes a server that analyses.";
  }
  return analysis.state === 'running' ? undefined : 'Nothing is analysed right now, so nobody counts.';
}
