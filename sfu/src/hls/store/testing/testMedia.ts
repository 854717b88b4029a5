/** Media that a test can tell apart: each byte of a Part says which one it is. For tests. */
import type { InitSection, Part, Segment } from '../../media.ts';

const ticksPerPart = 30_000;
export const partsPerSegment = 6;

export const testInit = (index = 0): InitSection => ({
  index,
  data: Buffer.alloc(700, 200 + index),
  codecs: ['avc1.42c01f', 'mp4a.40.2'],
  width: 1280,
  height: 720,
  hasAudio: true,
});

export function testPart(msn: number, index: number, bytes = 1_000): Part {
  const start = (msn * partsPerSegment + index) * ticksPerPart;
  return {
    msn,
    index,
    start,
    duration: ticksPerPart,
    independent: index === 0,
    data: Buffer.alloc(bytes, (msn * 16 + index) % 251),
    frames: Array.from({ length: 10 }, (_, i) => start + i * 3_000),
  };
}

export function testSegment(msn: number, bytes = 1_000, parts = partsPerSegment): Segment {
  const cut = Array.from({ length: parts }, (_, index) => testPart(msn, index, bytes));
  return {
    msn,
    initIndex: 0,
    start: cut[0]!.start,
    duration: parts * ticksPerPart,
    discontinuity: false,
    unixMs: 1_700_000_000_000 + msn * 2_000,
    parts: cut,
    bytes: bytes * parts,
  };
}

/** What Segmenter and packager do with a store. */
export function putSegment(
  store: { putPart(part: Part, segment: Segment): void; endSegment(segment: Segment): void },
  msn: number,
  bytes?: number,
): Segment {
  const segment = testSegment(msn, bytes);
  for (const part of segment.parts) store.putPart(part, segment);
  store.endSegment(segment);
  return segment;
}
