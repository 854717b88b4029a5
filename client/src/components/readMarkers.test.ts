import { describe, expect, it } from 'vitest';
import { readMarkers } from './readMarkers.ts';

describe('readMarkers', () => {
  it('reads discs and ignores the rest', () => {
    const set = readMarkers({
      version: 1,
      quietZoneRadius: 1.25,
      markers: [{ name: 'marker A', codeRing: 'white', discs: [{ radius: 1, colour: 'black' }] }],
    });
    expect(set?.markers[0]?.discs).toEqual([{ radius: 1, colour: 'black' }]);
  });

  it('answers nothing for a file that is missing or of another design', () => {
    expect(readMarkers(null)).toBeUndefined();
    expect(readMarkers({ quietZoneRadius: 1.25, markers: [] })).toBeUndefined();
  });
});
