import type { AnalysisView } from '@framelock/server/protocol';
import type { PlayerState } from '../player/Player.ts';
import { noFigure } from './formatFigures.ts';
import type { ZoneEditing } from './useZoneEditor.ts';
import { scaleId } from './zoneDraft.ts';

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

/** What to do next on the picture; `selectedPoints`: how many the chosen shape has. */
export function drawingHint(
  {
    drawing,
    points,
    selected,
    selectedId,
    shapes,
  }: Pick<ZoneEditing, 'drawing' | 'points' | 'selected' | 'selectedId' | 'shapes'>,
  selectedPoints: number,
): string {
  if (drawing === 'zone') return points.length < 3 ? 'Set at least 3 points' : 'Double click or Enter closes the zone';
  if (drawing === 'line') return points.length === 0 ? 'Set where the line begins' : 'Set where it ends';
  if (drawing === 'ground') return `Set ground point ${points.length + 1} of 4`;
  if (selectedId === scaleId && selectedPoints > 0) return 'Drag the points to where they lie on the ground';
  if (selected) return 'Drag points to move them, or the whole shape';
  return shapes.length === 0 ? 'Draw a zone or a line' : 'Choose a shape to change it';
}
