import { describe, expect, it } from 'vitest';
import { momentPosition } from './momentPosition.ts';

const shown = (nearS: number | undefined, exactS: number | undefined) => ({
  media: { positionOf: () => nearS },
  feeder: { clock: { positionOf: () => exactS } },
});

describe('momentPosition', () => {
  it('is that of the very Frame, a little into it', () => {
    expect(momentPosition(shown(12.2, 12), { atMs: 0, rtpTimestamp: 5 })).toBeCloseTo(12.001, 6);
  });

  it('is by the clock where no Frame is named, or its media is not known', () => {
    expect(momentPosition(shown(12.2, 12), { atMs: 0 })).toBe(12.2);
    expect(momentPosition(shown(12.2, undefined), { atMs: 0, rtpTimestamp: 5 })).toBe(12.2);
  });

  it('is not known before the playlist', () => {
    expect(momentPosition(shown(undefined, 12), { atMs: 0, rtpTimestamp: 5 })).toBeUndefined();
  });
});
