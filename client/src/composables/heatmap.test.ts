import { zoneHeatmapColumns, zoneHeatmapRows, type ZoneHeatmap } from '@framelock/server/protocol';
import { describe, expect, it } from 'vitest';
import { heatColour, heatPeak, heatPlace, heatTotal } from './heatmap.ts';

function mapOf(cells: [x: number, y: number, seconds: number][]): ZoneHeatmap {
  const seconds = Array.from({ length: zoneHeatmapColumns * zoneHeatmapRows }, () => 0);
  for (const [x, y, value] of cells) seconds[y * zoneHeatmapColumns + x] = value;
  return { columns: zoneHeatmapColumns, rows: zoneHeatmapRows, seconds };
}

describe('heatmap', () => {
  it('is told in words', () => {
    expect(heatPlace(mapOf([]))).toBe('nowhere');
    expect(heatPlace(mapOf([[47, 26, 5]]))).toBe('mostly bottom right');
    expect(heatPlace(mapOf([[24, 13, 5]]))).toBe('mostly in the centre');
    expect(
      heatPlace(
        mapOf([
          [0, 0, 1],
          [47, 0, 1],
          [0, 26, 1],
          [47, 26, 1],
        ]),
      ),
    ).toBe('all over the picture');
    expect([
      heatPeak(
        mapOf([
          [0, 0, 2],
          [1, 0, 3],
        ]),
      ),
      heatTotal(
        mapOf([
          [0, 0, 2],
          [1, 0, 3],
        ]),
      ),
    ]).toEqual([3, 5]);
  });

  it('is clear where nothing was, and gets redder and denser up to the most', () => {
    expect(heatColour(0)[3]).toBe(0);
    expect(heatColour(NaN)[3]).toBe(0);
    expect(heatColour(1)).toEqual([240, 60, 40, 225]);
    const opacities = [0.01, 0.1, 0.5, 1].map((share) => heatColour(share)[3]);
    expect(opacities.toSorted((a, b) => a - b)).toEqual(opacities);
  });
});
