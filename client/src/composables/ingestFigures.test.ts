import { describe, expect, it } from 'vitest';
import { formatKeyFrameInterval, ingestFigures, ingestWarnings } from './ingestFigures.ts';

const producer = (id: string, kind: 'video' | 'audio', mimeType: string) => ({ id, kind, mimeType, paused: false });
const stream = {
  publication: {
    id: 'p1',
    startedAt: '2026-01-01T00:00:00Z',
    publishedBy: 'whip' as const,
    analysedProducerId: 'v2',
    producers: [
      producer('v1', 'video', 'video/H264'),
      producer('v2', 'video', 'video/H264'),
      producer('a', 'audio', 'audio/opus'),
    ],
    ingest: {
      producers: [
        { producerId: 'v1', bitrateBps: 1e6, lossFraction: 0.03, jitterMs: 9, keyFrameIntervalMs: 1000 },
        { producerId: 'v2', bitrateBps: 3e6, lossFraction: 0, jitterMs: 2, keyFrameIntervalMs: 8_300 },
        { producerId: 'a', bitrateBps: 64_000, lossFraction: 0, jitterMs: 1 },
      ],
    },
  },
  analysis: { state: 'running' as const, sourceFps: 29.9, width: 1280, height: 720 },
};

describe('what the server receives', () => {
  it('is taken from the analysed layer, the bitrate from all, the loss from the worst', () => {
    expect(ingestFigures(stream)).toEqual({
      publishedBy: 'whip',
      codec: 'H.264',
      width: 1280,
      height: 720,
      fps: 29.9,
      videoBitrateBps: 4e6,
      audioBitrateBps: 64_000,
      lossFraction: 0.03,
      jitterMs: 2,
      keyFrameIntervalMs: 8_300,
      layers: 2,
    });
  });

  it('is nothing while nobody publishes, and unknown before it is measured', () => {
    expect(ingestFigures({ publication: null, analysis: { state: 'off' } })).toBeUndefined();
    const { ingest: _, ...unmeasured } = stream.publication;
    const figures = ingestFigures({ publication: unmeasured, analysis: { state: 'starting' } });
    expect(figures?.videoBitrateBps).toBeUndefined();
    expect(figures?.keyFrameIntervalMs).toBeUndefined();
    expect(figures && ingestWarnings(figures)).toEqual([]);
  });

  it('warns of late key frames with the setting to change, and of loss', () => {
    const [keyFrames, loss] = ingestWarnings(ingestFigures(stream)!);
    expect(keyFrames?.title).toContain('every 8.3 s');
    expect(keyFrames?.advice).toContain('Keyframe Interval: 1 s');
    expect(loss?.title).toContain('3.0 %');
  });

  it('does not warn of the key frames of a browser, which sends them when asked', () => {
    const figures = { ...ingestFigures(stream)!, publishedBy: 'browser' as const, lossFraction: 0 };
    expect(ingestWarnings(figures)).toEqual([]);
  });

  it('says no interval that was not seen', () => {
    expect(formatKeyFrameInterval(null)).toBe('–');
    expect(formatKeyFrameInterval(undefined)).toBe('–');
    expect(formatKeyFrameInterval(1_003)).toBe('1.0 s');
    expect(formatKeyFrameInterval(9_990)).toBe('10 s');
  });
});
