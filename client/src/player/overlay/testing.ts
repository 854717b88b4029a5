import type { DetectionMessage, DetectionTuple } from '@framelock/server/protocol';

/** A valid message for tests. */
export function detectionMessage(rtp: number, o: DetectionTuple[] = [], more: Partial<DetectionMessage> = {}) {
  const message: DetectionMessage = {
    k: 'frame',
    v: 1,
    pub: 'pub1',
    rtp,
    seq: 0,
    model: 1,
    w: 640,
    h: 360,
    t: { received: 1_700_000_000_000, decoded: 4, inferred: 30, sent: 31 },
    o,
    ...more,
  };
  return message;
}

/** [trackId, labelIndex, score, x, y, w, h] */
export function box(x: number, y: number, trackId = 0, labelIndex = 0, size = 0.2): DetectionTuple {
  return [trackId, labelIndex, 0.9, x, y, size, size];
}
