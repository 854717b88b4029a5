import { describe, expect, it } from 'vitest';
import {
  formatAge,
  formatBitrate,
  formatBytes,
  formatClock,
  formatFps,
  formatMs,
  formatShare,
  noFigure,
  plural,
} from './formatFigures.ts';

describe('figures', () => {
  it('shows milliseconds with the digits that mean something', () => {
    expect(formatMs(undefined)).toBe(noFigure);
    expect(formatMs(Number.NaN)).toBe(noFigure);
    expect(formatMs(0)).toBe('0 ms');
    expect(formatMs(3.21)).toBe('3.2 ms');
    expect(formatMs(9.97)).toBe('10 ms');
    expect(formatMs(184.6)).toBe('185 ms');
    expect(formatMs(12_300)).toBe('12 s');
  });

  it('changes the unit of a bitrate without showing 1000 kbit/s', () => {
    expect(formatBitrate(0)).toBe('0 kbit/s');
    expect(formatBitrate(640_400)).toBe('640 kbit/s');
    expect(formatBitrate(999_600)).toBe('1.00 Mbit/s');
    expect(formatBitrate(2_345_678)).toBe('2.35 Mbit/s');
    expect(formatBitrate(12_300_000)).toBe('12.3 Mbit/s');
  });

  it('drops a trailing zero of a frame rate', () => {
    expect(formatFps(30)).toBe('30');
    expect(formatFps(14.83)).toBe('14.8');
    expect(formatFps(null)).toBe(noFigure);
  });

  it('never rounds a share to a claim that is not true', () => {
    expect(formatShare(0, 0)).toBe(noFigure);
    expect(formatShare(10, 10)).toBe('100 %');
    expect(formatShare(9_999, 10_000)).toBe('> 99.9 %');
    expect(formatShare(1, 10_000)).toBe('< 0.1 %');
    expect(formatShare(0, 10)).toBe('0 %');
    expect(formatShare(1, 3)).toBe('33.3 %');
  });

  it('shows ages, clocks, sizes and counts', () => {
    expect(formatAge(0, 42_000)).toBe('42 s');
    expect(formatAge(0, 60_000)).toBe('1 min');
    expect(formatAge(0, 3 * 3_600_000)).toBe('3 h');
    expect(formatAge(0, 40 * 86_400_000)).toBe('40 d');
    expect(formatAge(5000, 0)).toBe('0 s');
    expect(formatClock(42_000)).toBe('0:42');
    expect(formatClock(725_000)).toBe('12:05');
    expect(formatClock(3_753_000)).toBe('1:02:33');
    expect([0, 748, 1_164, 755_300, 999_600].map(formatBytes)).toEqual(['0 B', '748 B', '1.2 kB', '755 kB', '1.0 MB']);
    expect([12_400_000, 999_999_999, 3_210_000_000].map(formatBytes)).toEqual(['12.4 MB', '1.0 GB', '3.2 GB']);
    expect(plural(1, 'viewer')).toBe('1 viewer');
    expect(plural(0, 'viewer')).toBe('0 viewers');
  });
});
