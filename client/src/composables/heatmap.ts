import type { ZoneHeatmap } from '@framelock/server/protocol';

/** From nothing to most: red, green, blue, opacity. */
const ramp: readonly (readonly [number, number, number, number])[] = [
  [40, 60, 160, 0],
  [40, 60, 160, 115],
  [30, 170, 190, 165],
  [240, 220, 60, 200],
  [240, 60, 40, 225],
];

/** Colour of a share of the longest cell, 0..1: by its root, since one place is often much longer than all others. */
export function heatColour(share: number): [number, number, number, number] {
  if (!(share > 0)) return [40, 60, 160, 0];
  const at = Math.sqrt(Math.min(1, share)) * (ramp.length - 1);
  const i = Math.min(ramp.length - 2, Math.floor(at));
  const [low, high] = [ramp[i]!, ramp[i + 1]!];
  const mix = (n: 0 | 1 | 2 | 3) => Math.round(low[n] + (high[n] - low[n]) * (at - i));
  return [mix(0), mix(1), mix(2), mix(3)];
}

/** The most seconds in one cell. */
export function heatPeak({ seconds }: Pick<ZoneHeatmap, 'seconds'>): number {
  return seconds.reduce((most, value) => Math.max(most, value), 0);
}

/** Seconds of all objects together. */
export function heatTotal({ seconds }: Pick<ZoneHeatmap, 'seconds'>): number {
  return seconds.reduce((sum, value) => sum + value, 0);
}

const rowWords = ['top', 'middle', 'bottom'];
const columnWords = ['left', 'centre', 'right'];

/** Where objects were most, in words: `mostly bottom right`. */
export function heatPlace({ columns, rows, seconds }: ZoneHeatmap): string {
  const thirds = Array.from({ length: 9 }, () => 0);
  for (const [i, value] of seconds.entries()) {
    const row = Math.floor((Math.floor(i / columns) * 3) / rows);
    thirds[row * 3 + Math.floor(((i % columns) * 3) / columns)]! += value;
  }
  const total = thirds.reduce((sum, value) => sum + value, 0);
  if (!(total > 0)) return 'nowhere';
  const most = Math.max(...thirds);
  if (most / total < 0.34) return 'all over the picture';
  const at = thirds.indexOf(most);
  const [row, column] = [rowWords[Math.floor(at / 3)]!, columnWords[at % 3]!];
  return `mostly ${row === 'middle' && column === 'centre' ? 'in the centre' : `${row} ${column}`}`;
}
