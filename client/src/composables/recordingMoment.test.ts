import { describe, expect, it } from 'vitest';
import { isInRecording, momentOfAddress, recordingAt } from './recordingMoment.ts';

const at = '2026-11-22T10:00:00.000Z';

describe('a moment of a Recording', () => {
  it('goes into the address and comes back', () => {
    const { query } = recordingAt('p1', at, 4_294_967_295) as { query: Record<string, unknown> };
    expect(momentOfAddress(query)).toEqual({ atMs: Date.parse(at), rtpTimestamp: 4_294_967_295 });
    expect(momentOfAddress((recordingAt('p1', at, null) as { query: Record<string, unknown> }).query)).toEqual({
      atMs: Date.parse(at),
    });
  });

  it('is none where the address names none, and has no Frame where that is no timestamp', () => {
    expect(momentOfAddress({})).toBeUndefined();
    expect(momentOfAddress({ at: 'yesterday' })).toBeUndefined();
    for (const rtp of ['', '-1', '1.5', '4294967296', 'x', ['1']]) {
      expect(momentOfAddress({ at, rtp })).toEqual({ atMs: Date.parse(at) });
    }
  });

  it('is in a Recording from its start to its end, and of one that grows at any later time', () => {
    const recording = { startedAt: at, endedAt: '2026-11-22T10:01:00.000Z', state: 'complete' as const };
    const after = (seconds: number) => ({ atMs: Date.parse(at) + seconds * 1000 });
    expect(isInRecording(after(30), recording)).toBe(true);
    expect(isInRecording(after(-60), recording)).toBe(false);
    expect(isInRecording(after(120), recording)).toBe(false);
    expect(isInRecording(after(120), { ...recording, state: 'recording' })).toBe(true);
  });
});
