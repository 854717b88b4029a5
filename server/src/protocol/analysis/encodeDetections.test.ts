import { decode } from '@msgpack/msgpack';
import { detectionMessageSchema, maxObjectsPerFrame } from '../index.ts';
import { describe, expect, it } from 'vitest';
import { type AnalysedFrame, encodeDetections } from './encodeDetections.ts';

function frameOf(count: number): AnalysedFrame {
  return {
    publicationId: 'V1StGXR8_Z5jdHi6B-myT',
    rtpTimestamp: 0xfffffff0,
    sequence: 123_456,
    revision: 3,
    width: 1920,
    height: 1080,
    receivedAtMs: 1_795_205_710_348.75,
    decodedAtMs: 1_795_205_710_355.5,
    inferredAtMs: 1_795_205_710_401.25,
    sentAtMs: 1_795_205_710_401.5,
    objects: Array.from({ length: count }, (_, i) => ({
      label: i % 80,
      score: 0.3 + (i % 7) / 10.1,
      x: i / (count + 1.3),
      y: 0.123456,
      w: 0.0654321,
      h: 0.1,
    })),
    trackIds: Array.from({ length: count }, (_, i) => 1000 + i),
  };
}

describe('encodeDetections', () => {
  it('is the wire contract, with Unix time whole', () => {
    const message = detectionMessageSchema.parse(decode(encodeDetections(frameOf(3)).bytes));
    expect(message).toMatchObject({ rtp: 0xfffffff0, seq: 123_456, model: 3, w: 1920, h: 1080 });
    expect(message.t).toEqual({ received: 1_795_205_710_348, decoded: 7.5, inferred: 53.25, sent: 53.5 });
    expect(message.o[2]![0]).toBe(1002);
    expect(message.o[2]![5]).toBeCloseTo(0.0654321, 6);
  });

  it('holds 20 objects in 1 KB', () => {
    expect(encodeDetections(frameOf(20)).bytes.length).toBeLessThanOrEqual(1024);
  });

  it('says also that there is nothing', () => {
    expect(detectionMessageSchema.parse(decode(encodeDetections(frameOf(0)).bytes)).o).toEqual([]);
  });

  it('cuts the lowest scores', () => {
    const frame = frameOf(maxObjectsPerFrame + 50);
    const { bytes, cut } = encodeDetections(frame);
    expect(cut).toBe(50);
    const kept = detectionMessageSchema.parse(decode(bytes)).o.map((o) => o[2]);
    const lowest = frame.objects.map((o) => o.score).sort((a, b) => a - b)[49]!;
    expect(Math.min(...kept)).toBeGreaterThanOrEqual(Math.fround(lowest));
  });
});
