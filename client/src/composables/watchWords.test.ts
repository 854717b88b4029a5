import { describe, expect, it } from 'vitest';
import { ingestFigures } from './ingestFigures.ts';
import { firstPictureWords, watchChips } from './watchWords.ts';

const ingest = (publishedBy: 'browser' | 'whip', keyFrameIntervalMs: number | null) =>
  ingestFigures({
    publication: {
      id: 'p',
      startedAt: '2026-01-01T00:00:00Z',
      publishedBy,
      producers: [{ id: 'v', kind: 'video', mimeType: 'video/H264', paused: false }],
      ingest: { producers: [{ producerId: 'v', bitrateBps: 1, lossFraction: 0, jitterMs: 0, keyFrameIntervalMs }] },
    },
    analysis: { state: 'off' },
  });

describe('before the first picture', () => {
  it('says how long the next key frame may take, where the publisher sends none on demand', () => {
    expect(firstPictureWords(ingest('whip', 8_300))).toBe('Waiting for the next key frame (every 8.3 s)…');
  });

  it('says nothing of key frames that come soon, are asked for, or are not known', () => {
    const plain = 'Waiting for the first picture…';
    expect(firstPictureWords(ingest('whip', 1_000))).toBe(plain);
    expect(firstPictureWords(ingest('browser', 60_000))).toBe(plain);
    expect(firstPictureWords(ingest('whip', null))).toBe(plain);
    expect(firstPictureWords(undefined)).toBe(plain);
  });
});

describe('chips under the picture', () => {
  const known = { layerTimeline: 'known', layerTimelineReason: null } as const;

  it('warn of late key frames only above the limit', () => {
    expect(watchChips(ingest('whip', 2_100), known)).toEqual([]);
    expect(watchChips(ingest('whip', 4_000), known)[0]?.text).toBe('Key frames every 4.0 s');
    expect(watchChips(ingest('browser', 60_000), known)).toEqual([]);
  });

  it('are honest about a quality whose boxes cannot be exact', () => {
    const unknown = { layerTimeline: 'unknown', layerTimelineReason: 'it drifts' } as const;
    expect(watchChips(undefined, unknown)[0]).toMatchObject({ tone: 'warn', text: 'No boxes in this quality' });
    expect(watchChips(undefined, unknown)[0]?.title).toContain('it drifts');
    const checking = { layerTimeline: 'checking', layerTimelineReason: null } as const;
    expect(watchChips(undefined, checking)[0]?.tone).toBe('info');
    expect(watchChips(undefined, undefined)).toEqual([]);
  });
});
