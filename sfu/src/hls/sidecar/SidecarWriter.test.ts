import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { HlsSidecar } from '@framelock/server/protocol';
import { decodeSidecar, fromDifferences } from './sidecarBytes.ts';
import { SidecarWriter } from './SidecarWriter.ts';

const ticks = 30_000;
const framesOf = (start: number): number[] => Array.from({ length: 10 }, (_, i) => start + i * 3_000);
const part = (msn: number, index: number, start: number) => ({
  msn,
  index,
  start,
  duration: ticks,
  frames: framesOf(start),
});

function openWriter(): { writer: SidecarWriter; closed: Map<string, HlsSidecar> } {
  const closed = new Map<string, HlsSidecar>();
  const onSidecar = (name: string, bytes: Buffer): void => {
    expect(closed.has(name), `${name} is written once`).toBe(false);
    closed.set(name, decodeSidecar(bytes)!);
  };
  return { writer: new SidecarWriter({ publicationId: 'pub', onSidecar }), closed };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('SidecarWriter', () => {
  it('closes a Part at a message of a later time, complete, and its Segment after its last Part', () => {
    const { writer, closed } = openWriter();
    const start = 5_000_000_000;
    writer.addPart(part(3, 0, start));
    for (const time of framesOf(start)) writer.add(time, Buffer.from('a'));
    expect(closed.size).toBe(0);
    writer.add(start + ticks, Buffer.from('b'));
    expect(closed.get('part-3-0.det')).toMatchObject({ v: 1, pub: 'pub', start, end: start + ticks, complete: true });
    expect(closed.get('part-3-0.det')!.m).toEqual(framesOf(start));
    writer.addPart(part(3, 1, start + ticks));
    writer.endSegment({ msn: 3, parts: { length: 2 } });
    expect(closed.has('seg-3.det')).toBe(false);
    writer.add(start + 2 * ticks, Buffer.from('c'));
    const segment = closed.get('seg-3.det')!;
    expect(segment.m).toEqual([...framesOf(start), start + ticks]);
    expect(fromDifferences(segment.frames, segment.start)).toEqual([...framesOf(start), ...framesOf(start + ticks)]);
    expect([...closed.keys()]).toEqual(['part-3-0.det', 'part-3-1.det', 'seg-3.det']);
    expect(segment.complete).toBe(true);
  });

  it('closes a Part that hears nothing one second after it was cut, incomplete, and counts who comes later', () => {
    const { writer, closed } = openWriter();
    writer.addPart(part(0, 0, 0));
    writer.add(3_000, Buffer.from('in time'));
    vi.advanceTimersByTime(999);
    expect(closed.size).toBe(0);
    vi.advanceTimersByTime(1);
    expect(closed.get('part-0-0.det')).toMatchObject({ m: [3_000], complete: false });
    writer.add(6_000, Buffer.from('late'));
    expect(writer.counts).toEqual({ written: 1, late: 1, dropped: 0, incomplete: 1 });
  });

  it('closes at once what nobody analyses', () => {
    const { writer, closed } = openWriter();
    writer.addPart(part(0, 0, 0));
    writer.setAnalysed(false);
    expect(closed.get('part-0-0.det')).toMatchObject({ m: [], complete: true });
    writer.addPart(part(0, 1, ticks));
    writer.endSegment({ msn: 0, parts: { length: 2 } });
    expect(closed.get('seg-0.det')).toMatchObject({ m: [], end: 2 * ticks, complete: true });
  });

  it('keeps messages that come before their Part is cut, but not without end', () => {
    const { writer, closed } = openWriter();
    for (let i = 0; i < 3_000; i++) writer.add(i * 3_000, Buffer.from([1]));
    expect(writer.counts.dropped).toBe(952);
    writer.addPart(part(0, 0, 952 * 3_000));
    expect(closed.get('part-0-0.det')!.m).toEqual(framesOf(952 * 3_000));
  });

  it('goes on after a jump of the clock, backwards too', () => {
    const { writer, closed } = openWriter();
    writer.addPart(part(0, 0, 9_000_000));
    writer.addPart(part(1, 0, 30_000));
    expect(closed.get('part-0-0.det')).toMatchObject({ complete: false });
    writer.add(33_000, Buffer.from('new'));
    writer.add(60_000, Buffer.from('newer'));
    expect(closed.get('part-1-0.det')).toMatchObject({ m: [33_000], complete: true });
    expect(writer.counts.late).toBe(0);
  });

  it('puts each message into exactly one Part, whenever either comes', () => {
    // A schedule: which of messages (in order of time) and Parts (in order) comes next, and when a second passes.
    const step = fc.constantFrom('message', 'message', 'message', 'part', 'wait');
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 300 }), fc.nat({ max: 4 }), (steps, lost) => {
        const { writer, closed } = openWriter();
        let messages = 0;
        let parts = 0;
        let sent = 0;
        for (const next of steps) {
          if (next === 'wait') vi.advanceTimersByTime(1_000);
          else if (next === 'part') {
            writer.addPart(part(Math.floor(parts / 6), parts % 6, parts * ticks));
            if (++parts % 6 === 0) writer.endSegment({ msn: parts / 6 - 1, parts: { length: 6 } });
          } else if (messages++ % 5 >= lost) {
            sent++;
            writer.add((messages - 1) * 3_000, Buffer.from(String(messages - 1)));
          }
        }
        writer.close();
        let found = 0;
        for (let i = 0; i < parts; i++) {
          const { m, d, start, end } = closed.get(`part-${Math.floor(i / 6)}-${i % 6}.det`)!;
          expect(m.every((time) => time >= start && time < end)).toBe(true);
          expect(d.map((bytes) => Number(Buffer.from(bytes).toString()) * 3_000)).toEqual(m);
          expect(m).toEqual([...m].sort((a, b) => a - b));
          found += m.length;
        }
        const { written, late, dropped } = writer.counts;
        expect(found).toBe(written);
        expect(written + late + dropped).toBe(sent);
        expect(closed.size).toBe(parts + Math.floor(parts / 6));
      }),
      { seed: 5, numRuns: 300 },
    );
  });
});
