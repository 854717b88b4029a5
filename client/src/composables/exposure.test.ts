import { heatmapCells, heatmapColumns, type BrandExposure } from '@framelock/server/protocol';
import { describe, expect, it } from 'vitest';
import { cellStrengths, stripPath, stripWidth, ticks } from './exposureChart.ts';
import { addressOfRange, localOf, problemOfRange, queryOfRange, rangeOfAddress } from './exposureRange.ts';
import {
  brandColours,
  coverageWords,
  formatPart,
  formatSeconds,
  placeWordsOf,
  sortBrands,
  spokenSeconds,
} from './exposureWords.ts';

const emptyMap = () => Array.from({ length: heatmapCells }, () => 0);
const brand = (brandId: string, more: Partial<BrandExposure> = {}): BrandExposure => ({
  ...{ brandId, name: brandId.toUpperCase(), seconds: 1, shareOfTime: 0.1, appearances: 1, longestSeconds: 1 },
  ...{ meanShare: 0.1, largestShare: 0.1, meanScore: 0.9, heatmap: emptyMap(), onScreenNow: false, timeline: [] },
  first: { at: '2026-11-21T10:00:00.000Z', appearanceId: 'a1', thumbnailUrl: null },
  last: { at: '2026-11-21T10:00:01.000Z', appearanceId: 'a1', thumbnailUrl: null },
  ...more,
});

describe('words of a report', () => {
  it.each([
    [0, '0.0 s'],
    [0.44, '0.4 s'],
    [59.94, '59.9 s'],
    [59.97, '1:00'],
    [245, '4:05'],
    [3753, '1:02:33'],
    [NaN, '–'],
  ])('%d seconds are %s', (seconds, words) => expect(formatSeconds(seconds)).toBe(words));

  it.each([
    [4.52, '4.5 s'],
    [90, '90 s'],
    [2460, '41 min'],
    [11_100, '3 h 5 min'],
    [7200, '2 h'],
  ])('spoken, %d seconds are %s', (seconds, words) => expect(spokenSeconds(seconds)).toBe(words));

  it('never show something as nothing, nor less than all as all', () => {
    expect(formatPart(0)).toBe('0.0 %');
    expect(formatPart(0.0004)).toBe('< 0.1 %');
    expect(formatPart(0.1234)).toBe('12.3 %');
    expect(formatPart(1)).toBe('100 %');
  });

  it('say what was not analysed', () => {
    const [from, to] = ['2026-11-21T10:00:00.000Z', '2026-11-21T10:45:00.000Z'];
    expect(coverageWords({ from, to, analysedSeconds: 2460 })).toEqual({
      text: 'Analysed 41 min of 45 min',
      missing: '4 min were not analysed: what was to be seen then is not known, and counts nowhere.',
    });
    expect(coverageWords({ from, to, analysedSeconds: 2699 })).toEqual({ text: 'Analysed all of 45 min', missing: '' });
    expect(coverageWords({ from: null, to: null, analysedSeconds: 0 }).text).toBe('Nothing was analysed');
  });

  it('name the place of a heatmap', () => {
    expect(placeWordsOf(emptyMap())).toBe('nowhere yet');
    const corner = emptyMap();
    corner[8 * heatmapColumns + 15] = 12;
    expect(placeWordsOf(corner)).toBe('bottom right');
    corner[4 * heatmapColumns + 8] = 2;
    expect(placeWordsOf(corner)).toBe('mostly bottom right');
    expect(placeWordsOf(emptyMap().fill(1))).toBe('all over the picture');
    const middle = emptyMap();
    middle[4 * heatmapColumns + 7] = 1;
    expect(placeWordsOf(middle)).toBe('in the centre');
  });
});

describe('brands of a report', () => {
  const brands = [brand('b', { seconds: 3 }), brand('a', { seconds: 3 }), brand('c', { seconds: 9 })];

  it('are sorted by a column, equal ones by name', () => {
    expect(sortBrands(brands, 'seconds', true).map(({ brandId }) => brandId)).toEqual(['c', 'a', 'b']);
    expect(sortBrands(brands, 'seconds', false).map(({ brandId }) => brandId)).toEqual(['a', 'b', 'c']);
    expect(sortBrands(brands, 'name', true).map(({ brandId }) => brandId)).toEqual(['c', 'b', 'a']);
  });

  it('keep their colour when a later one is longer on screen', () => {
    const before = brandColours(brands);
    const late = brand('0', {
      seconds: 99,
      first: { at: '2026-11-21T11:00:00.000Z', appearanceId: 'x', thumbnailUrl: null },
    });
    const after = brandColours([late, ...brands]);
    for (const { brandId } of brands) expect(after.get(brandId)).toBe(before.get(brandId));
  });
});

describe('charts of a report', () => {
  it('draw times on screen over the whole strip, and the shortest so that it is seen', () => {
    expect(stripPath([[0, 50]], 100, 4)).toBe(`M0 4h${stripWidth / 2}`);
    expect(stripPath([[100, 100]], 100, 4)).toBe('M998.4 4h1.6');
    expect(stripPath([[10, 10.01]], 3600, 4)).toMatch(/h1\.6$/);
    expect(stripPath([[0, 1]], 0, 4)).toBe('');
  });

  it('have round times on their axis, no more than there is room for', () => {
    expect(ticks(47, 6).map(({ seconds }) => seconds)).toEqual([0, 10, 20, 30, 40]);
    expect(ticks(2700, 6).map(({ seconds }) => seconds)).toEqual([0, 600, 1200, 1800, 2400]);
    expect(ticks(0, 6)).toEqual([]);
    for (const span of [0.5, 3, 61, 3599, 86_401, 3e6]) expect(ticks(span, 6).length).toBeLessThanOrEqual(7);
  });

  it('show a cell that was looked at for a moment beside one that was for an hour', () => {
    const map = emptyMap();
    map[0] = 3600;
    map[1] = 1;
    const strengths = cellStrengths(map);
    expect(strengths[0]).toBe(1);
    expect(strengths[1]).toBeGreaterThan(0.1);
    expect(strengths[2]).toBe(0);
  });
});

describe('the time of a report', () => {
  const ids = { streamId: 's1', publicationId: 'p1' };
  const nowMs = Date.parse('2026-11-21T12:00:00.000Z');
  const range = (kind: 'publication' | 'hour' | 'all') => ({ kind, from: '', to: '' });

  it('is asked for by Publication, by Stream, or back from now', () => {
    expect(queryOfRange(range('publication'), ids, nowMs)).toEqual({ publicationId: 'p1' });
    expect(queryOfRange(range('publication'), { ...ids, publicationId: undefined }, nowMs)).toEqual({ streamId: 's1' });
    expect(queryOfRange(range('hour'), ids, nowMs)).toEqual({ streamId: 's1', from: '2026-11-21T11:00:00.000Z' });
    expect(queryOfRange(range('all'), ids, nowMs)).toEqual({ streamId: 's1' });
  });

  it('may be chosen freely, but not end before it begins', () => {
    const custom = { kind: 'custom' as const, from: localOf('2026-11-21T10:00:00.000Z'), to: '' };
    expect(queryOfRange(custom, ids, nowMs)).toEqual({ streamId: 's1', from: '2026-11-21T10:00:00.000Z' });
    expect(problemOfRange(custom)).toBeUndefined();
    expect(problemOfRange({ ...custom, to: custom.from })).toBe('It ends before it begins');
    expect(problemOfRange({ ...custom, to: 'later' })).toBe('That is no date and time');
  });

  it('is in the address of the page, and comes back from it', () => {
    const address = { from: '2026-11-21T10:00:00.000Z', to: '2026-11-21T11:30:05.000Z' };
    expect(addressOfRange(rangeOfAddress(address), 'p1')).toEqual(address);
    expect(addressOfRange(rangeOfAddress({ range: 'day' }), 'p1')).toEqual({ range: 'day' });
    expect(addressOfRange(rangeOfAddress({}), 'p1')).toEqual({ publicationId: 'p1' });
    expect(rangeOfAddress({ from: 'x', range: ['day'] })).toEqual(range('publication'));
  });
});
