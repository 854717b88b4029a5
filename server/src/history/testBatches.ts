import type { HistoryBatch, TimedZoneEvent, TrackReport } from '../protocol/index.ts';
import { eventViewsOf } from './eventViews.ts';
import type { HistoryItem } from './HistoryItem.ts';

/** For tests and benches: batches as an inference node tells them. 2026-11-20T10:00Z and one second a sequence. */
export const testStartMs = Date.UTC(2026, 10, 20, 10, 0, 0);

/** A picture's first bytes and filling. */
export const testJpeg = (bytes: number, fill = 7): string => {
  const jpeg = Buffer.alloc(bytes, fill);
  jpeg.set([0xff, 0xd8, 0xff, 0xe0]);
  return jpeg.toString('base64');
};

export function testTrack(trackId: number, frames: number, rest: Partial<TrackReport> = {}): TrackReport {
  return {
    ...{ trackId, label: 'car', fromMs: testStartMs, toMs: testStartMs + frames * 33, firstRtp: 1, lastRtp: frames },
    ...{ frames, bestScore: 0.75, bestRtp: 1, bestBox: { x: 0.1, y: 0.2, w: 0.3, h: 0.4 }, zoneIds: [], ended: false },
    ...rest,
  };
}

export function testZoneEvent(rest: Partial<TimedZoneEvent> = {}): TimedZoneEvent {
  return {
    ...{ kind: 'entered' as const, zoneId: 'door', trackId: 1, label: 'car', cause: 'moved' as const },
    ...{ rtpTimestamp: 5, lagTicks: 0, x: 0.5, y: 0.5, atMs: testStartMs, zoneName: 'Door' },
    ...rest,
  };
}

export function testBatch(runId: string, sequence: number, rest: Partial<HistoryBatch> = {}): HistoryBatch {
  const fromMs = testStartMs + sequence * 1_000;
  return {
    ...{ publicationId: 'p', streamId: 's', runId, sequence, fromMs, toMs: fromMs + 990 },
    ...{ firstRtp: 90_000 * sequence, lastRtp: 90_000 * sequence + 87_000, frames: 30, objects: 60 },
    model: { revision: 1, modelId: 'marker', labels: ['car'] },
    detections: Buffer.from(`${runId} ${sequence} `.repeat(20)).toString('base64'),
    ...{ rawBytes: 5_000, mostByLabel: { car: 2 }, tracks: [], events: [], properties: [], last: false },
    dropped: { batches: 0, tracks: 0, events: 0 },
    ...rest,
  };
}

export function testItem(runId: string, sequence: number, rest: Partial<HistoryBatch> = {}): HistoryItem {
  const batch = testBatch(runId, sequence, rest);
  return { batch, events: eventViewsOf(batch, 'Front door') };
}
