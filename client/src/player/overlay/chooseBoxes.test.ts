import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseBoxes } from './chooseBoxes.ts';
import { DetectionBuffer } from './DetectionBuffer.ts';
import { box, detectionMessage } from './testing.ts';

const lock = { predictions: false, own: true };
const live = { predictions: true, own: true };

function buffered(...messages: ReturnType<typeof detectionMessage>[]): DetectionBuffer {
  const buffer = new DetectionBuffer();
  buffer.reset('pub1');
  for (const message of messages) buffer.add(message, 0);
  return buffer;
}

describe('chooseBoxes', () => {
  const before = detectionMessage(0, [box(0.2, 0.2, 7)]);
  const after = detectionMessage(6000, [box(0.4, 0.2, 7)]);

  it('takes a picture’s own detections, also when they hold nothing', () => {
    expect(chooseBoxes(buffered(before), 0, lock)).toMatchObject({ kind: 'exact', boxesRtp: 0, message: before });
    expect(chooseBoxes(buffered(detectionMessage(9)), 9, lock)).toMatchObject({ kind: 'exact', boxes: [] });
  });

  it('never calls it exact when the timestamp is not the pixels’ own', () => {
    expect(chooseBoxes(buffered(before), 0, { ...lock, own: false }).kind).toBe('extrapolated');
    expect(chooseBoxes(buffered(before, after), 3000, { ...lock, own: false }).kind).toBe('extrapolated');
  });

  it('makes the boxes of a message once, whatever is drawn from them', () => {
    const buffer = buffered(before, after);
    chooseBoxes(buffer, 3000, lock);
    const { boxes } = chooseBoxes(buffer, 6000, lock);
    expect(boxes).toEqual(chooseBoxes(buffered(before, after), 6000, lock).boxes);
    expect(chooseBoxes(buffer, 6000, live).boxes).toBe(boxes);
    chooseBoxes(buffer, 9000, live);
    expect(boxes).toEqual(chooseBoxes(buffered(before, after), 6000, lock).boxes);
  });

  it('interpolates one track halfway', () => {
    const choice = chooseBoxes(buffered(before, after), 3000, lock);
    expect(choice).toMatchObject({ kind: 'interpolated', boxesRtp: 3000 });
    expect(choice.boxes[0]!.x).toBeCloseTo(0.3);
  });

  it('does not interpolate across models or long gaps', () => {
    const otherModel = detectionMessage(6000, [box(0.4, 0.2, 7)], { model: 2 });
    expect(chooseBoxes(buffered(before, otherModel), 3000, lock).kind).toBe('unanalysed');
    const muchLater = detectionMessage(180_000, [box(0.4, 0.2, 7)]);
    expect(chooseBoxes(buffered(before, muchLater), 3000, lock).kind).toBe('unanalysed');
  });

  it('leaves out who was seen on one side only', () => {
    const crowd = detectionMessage(6000, [box(0.4, 0.2, 7), box(0.7, 0.7, 9)]);
    expect(chooseBoxes(buffered(before, crowd), 3000, lock).boxes).toHaveLength(1);
  });

  it('Lock draws no predictions, Live does, for 200 ms of movement and one second at most', () => {
    const buffer = buffered(before, after);
    expect(chooseBoxes(buffer, 9000, lock).kind).toBe('unanalysed');
    const soon = chooseBoxes(buffer, 9000, live);
    expect(soon).toMatchObject({ kind: 'extrapolated', boxesRtp: 9000 });
    expect(soon.boxes[0]!.x).toBeCloseTo(0.5);
    const later = chooseBoxes(buffer, 6000 + 45_000, live);
    expect(later.boxesRtp).toBe(6000 + 18_000);
    expect(later.boxes[0]!.x).toBeCloseTo(0.4 + 0.2 * 3);
    expect(chooseBoxes(buffer, 6000 + 90_001, live).kind).toBe('unanalysed');
  });

  it('does not predict backwards', () => {
    expect(chooseBoxes(buffered(after), 0, live).kind).toBe('unanalysed');
  });

  it('interpolated boxes lie between their two, across the wrap', () => {
    const unit = fc.double({ min: 0, max: 0.8, noNaN: true });
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 0xffffffff }),
        unit,
        unit,
        fc.integer({ min: 1, max: 5999 }),
        (rtp, a, b, at) => {
          const buffer = buffered(
            detectionMessage(rtp, [box(a, a, 3)]),
            detectionMessage((rtp + 6000) >>> 0, [box(b, b, 3)]),
          );
          const { kind, boxes } = chooseBoxes(buffer, (rtp + at) >>> 0, lock);
          expect(kind).toBe('interpolated');
          expect(boxes[0]!.x).toBeGreaterThanOrEqual(Math.min(a, b) - 1e-9);
          expect(boxes[0]!.x).toBeLessThanOrEqual(Math.max(a, b) + 1e-9);
        },
      ),
      { seed: 20261120 },
    );
  });
});
