import { describe, expect, it } from 'vitest';
import { latencyPaths } from './latencyPaths.ts';

const budget = {
  captureToSend: 12,
  uplink: 4,
  decode: 8,
  queue: 3,
  inference: 20,
  publish: 1,
  dataChannel: 6,
  jitterBuffer: 120,
  display: 9,
};

describe('latencyPaths', () => {
  it('keeps picture and detections apart', () => {
    const [picture, detections] = latencyPaths(budget);
    expect(picture).toMatchObject({ name: 'Picture', totalMs: 145, complete: true });
    expect(detections).toMatchObject({ name: 'Detections', totalMs: 54, complete: true });
  });

  it('says when a part is not known, and never shows less than nothing', () => {
    const [picture, detections] = latencyPaths({ ...budget, uplink: null, dataChannel: -3 });
    expect(picture).toMatchObject({ totalMs: 141, complete: false });
    expect(detections?.parts.at(-1)?.ms).toBe(0);
  });
});
