import { z } from 'zod';

const count = z.number().int().nonnegative();

export const storedInitSchema = z.object({
  index: count,
  codecs: z.array(z.string()),
  width: count,
  height: count,
  hasAudio: z.boolean(),
  bytes: count,
});
/** An init section, as far as a playlist needs it. */
export type StoredInit = z.infer<typeof storedInitSchema>;

const placeShape = {
  msn: count,
  initIndex: count,
  start: z.number(),
  /** Ticks. */
  duration: z.number().nonnegative(),
  discontinuity: z.boolean(),
  /** Capture time of its first picture. */
  unixMs: z.number().optional(),
  bytes: count,
};
/** A whole Segment, as far as a playlist needs it. `extraBytes`: its sidecar and thumbnail. */
export const storedSegmentSchema = z.object({ ...placeShape, extraBytes: count.default(0) });
export type StoredSegment = z.infer<typeof storedSegmentSchema>;

/** A Part of the Segment that is not whole yet: with it, a crash loses at most one Part. */
export const storedPartSchema = z.object({ ...placeShape, index: count });
export type StoredPart = z.infer<typeof storedPartSchema>;

const lineSchema = z.discriminatedUnion('k', [
  storedInitSchema.extend({ k: z.literal('init') }),
  storedSegmentSchema.extend({ k: z.literal('segment') }),
  storedPartSchema.extend({ k: z.literal('part') }),
  z.object({ k: z.literal('extra'), msn: count, bytes: count }),
  /** Segments before this one are gone. */
  z.object({ k: z.literal('drop'), before: count }),
]);
export type IndexLine = z.infer<typeof lineSchema>;

export const indexFileName = 'segments.jsonl';
export const formatLine = (line: IndexLine): string => `${JSON.stringify(line)}\n`;

export interface SegmentIndex {
  inits: StoredInit[];
  /** In order, msn by msn. */
  segments: StoredSegment[];
  /** Parts behind the last whole Segment, in order from 0. */
  parts: StoredPart[];
  nextMsn: number;
  nextInitIndex: number;
  /** Lines that were read. */
  lines: number;
}

/** Reads `segments.jsonl`; a line that is torn or makes no sense is as if it were not there. */
export function parseSegmentIndex(text: string): SegmentIndex {
  const inits = new Map<number, StoredInit>();
  let segments: StoredSegment[] = [];
  const parts: StoredPart[] = [];
  let nextMsn = 0;
  let lines = 0;
  for (const lineText of text.split('\n')) {
    const line = parseLine(lineText);
    if (!line) continue;
    lines++;
    if (line.k === 'init') {
      const { k: _, ...init } = line;
      inits.set(init.index, init);
    } else if (line.k === 'segment') {
      const { k: _, ...segment } = line;
      // A gap cannot be told in a playlist: what was before it is let go.
      if (segments.length > 0 && segment.msn !== segments.at(-1)!.msn + 1) segments = [];
      segments.push(segment);
      nextMsn = Math.max(nextMsn, segment.msn + 1);
    } else if (line.k === 'part') {
      const { k: _, ...part } = line;
      if (part.index === 0) parts.length = 0;
      if (part.index === parts.length && (part.index === 0 || part.msn === parts[0]!.msn)) parts.push(part);
      nextMsn = Math.max(nextMsn, part.msn + 1);
    } else if (line.k === 'extra') {
      const segment = segments[line.msn - (segments[0]?.msn ?? 0)];
      if (segment) segment.extraBytes += line.bytes;
    } else {
      const first = segments.findIndex(({ msn }) => msn >= line.before);
      segments = first < 0 ? [] : segments.slice(first);
      nextMsn = Math.max(nextMsn, line.before);
    }
  }
  const lastMsn = segments.at(-1)?.msn ?? -1;
  return {
    inits: [...inits.values()].sort((a, b) => a.index - b.index),
    segments,
    parts: parts.filter(({ msn }) => msn > lastMsn),
    nextMsn,
    nextInitIndex: Math.max(-1, ...inits.keys()) + 1,
    lines,
  };
}

function parseLine(text: string): IndexLine | undefined {
  if (!text) return undefined;
  try {
    return lineSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** The shortest text that says the same. */
export function formatSegmentIndex(index: Pick<SegmentIndex, 'inits' | 'segments' | 'parts'>): string {
  return [
    ...index.inits.map((init) => formatLine({ k: 'init', ...init })),
    ...index.segments.map((segment) => formatLine({ k: 'segment', ...segment })),
    ...index.parts.map((part) => formatLine({ k: 'part', ...part })),
  ].join('');
}
