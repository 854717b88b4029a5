import { hlsTimescale } from '@framelock/server/protocol';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Part, Segment } from '../media.ts';
import { HlsValidator } from '../testing/validateHls.ts';
import { MediaPlaylist, type PlaylistEntry } from './MediaPlaylist.ts';

const partTicks = 30_000;

function aPart(msn: number, index: number, duration = partTicks): Part {
  const start = msn * 180_000 + index * partTicks;
  return { msn, index, start, duration, independent: index === 0, data: Buffer.alloc(1_000), frames: [start] };
}

function aSegment(msn: number, changes: Partial<Segment> = {}, parts = 6): Segment {
  const list = Array.from({ length: parts }, (_, i) => aPart(msn, i));
  const start = msn * 180_000;
  const unixMs = Date.UTC(2026, 0, 1) + start / 90;
  const shape = {
    initIndex: 0,
    start,
    duration: parts * partTicks,
    discontinuity: false,
    unixMs,
    bytes: parts * 1_000,
  };
  return { msn, ...shape, parts: list, ...changes };
}

function filled(count: number, from = 0): MediaPlaylist {
  const playlist = new MediaPlaylist({ firstMsn: from });
  for (let msn = from; msn < from + count; msn++) playlist.addSegment(aSegment(msn));
  return playlist;
}

describe('text', () => {
  test('of low latency', () => {
    const playlist = new MediaPlaylist();
    playlist.addSegment(aSegment(0, {}, 2));
    const next = aSegment(1, { initIndex: 1, discontinuity: true });
    playlist.addPart(next.parts[0]!, next);
    expect(playlist.lowLatency()).toBe(`#EXTM3U
#EXT-X-VERSION:9
#EXT-X-TARGETDURATION:4
#EXT-X-MEDIA-SEQUENCE:0
#EXT-X-DISCONTINUITY-SEQUENCE:0
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.1,CAN-SKIP-UNTIL=24,HOLD-BACK=12
#EXT-X-PART-INF:PART-TARGET=0.35
#EXT-X-MAP:URI="init-0.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00.000Z
#EXT-X-PART:DURATION=0.33333,URI="part-0-0.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.33333,URI="part-0-1.m4s"
#EXTINF:0.66667,
seg-0.m4s
#EXT-X-MAP:URI="init-1.mp4"
#EXT-X-DISCONTINUITY
#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:02.000Z
#EXT-X-PART:DURATION=0.33333,URI="part-1-0.m4s",INDEPENDENT=YES
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="part-1-1.m4s"
`);
  });

  test('plain, and of a Recording', () => {
    const entries: PlaylistEntry[] = [4, 5].map((msn) => aSegment(msn, { unixMs: undefined }));
    const playlist = new MediaPlaylist({ entries, discontinuitySequence: 2, vod: true });
    expect(playlist.plain()).toBe(`#EXTM3U
#EXT-X-VERSION:7
#EXT-X-TARGETDURATION:4
#EXT-X-MEDIA-SEQUENCE:4
#EXT-X-DISCONTINUITY-SEQUENCE:2
#EXT-X-PLAYLIST-TYPE:VOD
#EXT-X-MAP:URI="init-0.mp4"
#EXTINF:2.00000,
seg-4.m4s
#EXTINF:2.00000,
seg-5.m4s
#EXT-X-ENDLIST
`);
    expect(playlist.lowLatency()).toContain('#EXT-X-ENDLIST\n');
    expect(playlist.ended).toBe(true);
  });

  test('is made once per state', () => {
    const playlist = filled(3);
    // Strings have no identity: what is counted is how often a date is written.
    const original = Date.prototype.toISOString;
    let made = 0;
    Date.prototype.toISOString = function (this: Date): string {
      made++;
      return original.call(this);
    };
    try {
      playlist.lowLatency();
      const once = made;
      for (let i = 0; i < 100; i++) playlist.lowLatency();
      expect(made).toBe(once);
      expect(once).toBeGreaterThan(0);
    } finally {
      Date.prototype.toISOString = original;
    }
  });
});

describe('the window', () => {
  test('keeps three target durations, and counts the discontinuities that leave', () => {
    const playlist = new MediaPlaylist();
    for (let msn = 0; msn < 10; msn++) playlist.addSegment(aSegment(msn, { discontinuity: msn === 2 || msn === 8 }));
    expect(playlist.removeBefore(2)).toBe(2);
    expect(playlist.discontinuitySequence).toBe(0);
    expect(playlist.removeBefore(9)).toBe(4);
    expect(playlist.discontinuitySequence).toBe(1);
    expect(playlist.lastDiscontinuitySequence).toBe(2);
    expect(playlist.durationS).toBe(12);
    expect(playlist.plain()).toMatch(/MEDIA-SEQUENCE:4\n.*DISCONTINUITY-SEQUENCE:1\n#EXT-X-MAP/);
  });

  test('that has ended may lose everything', () => {
    const playlist = filled(5);
    playlist.end();
    expect(playlist.removeBefore(4)).toBe(4);
  });

  test('lists Parts of the last three target durations only', () => {
    const text = filled(20).lowLatency();
    expect(text).not.toContain('part-13-');
    expect(text).toContain('part-14-0');
  });

  test('takes nothing that does not follow', () => {
    const playlist = filled(2);
    expect(() => playlist.addSegment(aSegment(3))).toThrow('Segment 3 follows 1');
    expect(() => playlist.addPart(aPart(2, 1), aSegment(2))).toThrow('Part 1 of 0');
    playlist.end();
    expect(() => playlist.addSegment(aSegment(2))).toThrow();
  });

  test('at its end forgets Parts that got no Segment', () => {
    const playlist = filled(2);
    playlist.addPart(aPart(2, 0), aSegment(2));
    playlist.end();
    playlist.end();
    expect(playlist.lowLatency()).not.toContain('part-2-0');
    expect(playlist.lowLatency()).not.toContain('PRELOAD-HINT');
  });

  test('bitrates', () => {
    const playlist = new MediaPlaylist();
    expect(playlist.bitrates()).toEqual({ peakBps: 0, averageBps: 0 });
    playlist.addSegment(aSegment(0, { bytes: 500_000 }));
    playlist.addSegment(aSegment(1, { bytes: 250_000 }));
    expect(playlist.bitrates()).toEqual({ peakBps: 2_000_000, averageBps: 1_500_000 });
  });
});

describe('delta updates', () => {
  test('skip what is more than six target durations from the end', () => {
    const text = filled(20, 100).delta();
    expect(text).toContain('#EXT-X-MEDIA-SEQUENCE:100\n');
    expect(text).toContain('#EXT-X-SKIP:SKIPPED-SEGMENTS=7\n#EXT-X-MAP:URI="init-0.mp4"\n');
    expect(text).not.toContain('seg-106.m4s');
    expect(text).toContain('seg-107.m4s');
  });

  test('are the full text where nothing is that old, and at the end', () => {
    const short = filled(10);
    expect(short.delta()).toBe(short.lowLatency());
    const ended = filled(20);
    ended.end();
    expect(ended.delta()).toBe(ended.lowLatency());
  });
});

test('restored from what is stored, it goes on with its numbers', () => {
  const playlist = new MediaPlaylist({ entries: [7, 8, 9, 10, 11, 12, 13].map((msn) => aSegment(msn)) });
  expect([playlist.first, playlist.last, playlist.openParts]).toEqual([7, 13, 0]);
  const next = aSegment(14, { discontinuity: true });
  playlist.addPart(next.parts[0]!, next);
  expect(playlist.has(13, 2)).toBe(true);
  playlist.addSegment(next);
  const validator = new HlsValidator();
  validator.playlist(playlist.lowLatency());
  expect(validator.finish()).toEqual([]);
});

test('any life of a window: no reload finds anything wrong', () => {
  const step = fc.record({
    parts: fc.integer({ min: 1, max: 12 }),
    discontinuity: fc.boolean(),
    otherInit: fc.boolean(),
    removeBefore: fc.integer({ min: -3, max: 30 }),
    dated: fc.boolean(),
    reloads: fc.array(fc.constantFrom('full', 'delta', 'plain'), { maxLength: 3 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 0, max: 1e6 }), (steps, firstMsn) => {
      const playlist = new MediaPlaylist({ firstMsn });
      const validator = new HlsValidator();
      // Delta updates only say what is new to who knows the rest.
      validator.playlist(playlist.lowLatency());
      let initIndex = 0;
      for (const { parts, discontinuity, otherInit, removeBefore, dated, reloads } of steps) {
        const msn = playlist.last + 1;
        if (otherInit) initIndex++;
        const base = aSegment(msn, { initIndex, discontinuity: discontinuity || otherInit }, parts);
        const segment = dated ? base : { ...base, unixMs: undefined };
        for (const part of segment.parts.slice(0, -1)) {
          const request = { msn, part: playlist.openParts };
          playlist.addPart(part, segment);
          if (part.index % 3 === 0) validator.playlist(playlist.delta(), { ...request, skip: true });
        }
        // Known late: not for a Segment that clients have seen parts of.
        if (parts > 1) segment.unixMs ??= 5;
        playlist.addSegment(segment);
        playlist.removeBefore(msn - removeBefore);
        validator.playlist(playlist.lowLatency(), { msn });
        for (const kind of reloads) {
          if (kind === 'plain') validator.playlist(playlist.plain());
          else
            validator.playlist(kind === 'full' ? playlist.lowLatency() : playlist.delta(), { skip: kind === 'delta' });
        }
      }
      playlist.end();
      validator.playlist(playlist.lowLatency(), { skip: true });
      expect(validator.finish()).toEqual([]);
      expect(playlist.durationS * hlsTimescale).toBeCloseTo(playlist.entries.reduce((sum, entry) => sum + entry.duration, 0), 3); // prettier-ignore
    }),
    { seed: 20_261_122, numRuns: 200 },
  );
});
