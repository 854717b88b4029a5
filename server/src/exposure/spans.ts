/** Times at which something was there: `[begin, end]` of each, Unix ms, by their begin. */
export type Spans = [begin: number, end: number][];

const year2000Ms = Date.UTC(2000, 0, 1);

/** From pairs of Postgres' binary timestamps (int64 big endian, microseconds since 2000), in any order. */
export function readSpans(packed: Uint8Array): Spans {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const spans: Spans = [];
  let sorted = true;
  for (let at = 0; at + 16 <= packed.byteLength; at += 16) {
    const begin = readMs(view, at);
    sorted &&= begin >= (spans.at(-1)?.[0] ?? -Infinity);
    spans.push([begin, readMs(view, at + 8)]);
  }
  return sorted ? spans : spans.sort((a, b) => a[0] - b[0]);
}

/** Exact: such numbers are far below 2^53. */
const readMs = (view: DataView, at: number): number =>
  year2000Ms + (view.getInt32(at) * 2 ** 32 + view.getUint32(at + 4)) / 1000;

/** What overlaps, touches or is no further apart than `withinMs` becomes one. */
export function joinSpans(spans: Spans, withinMs = 0): Spans {
  const joined: Spans = [];
  let last: [number, number] | undefined;
  for (const [begin, end] of spans) {
    if (last && begin - last[1] <= withinMs) last[1] = Math.max(last[1], end);
    else joined.push((last = [begin, end]));
  }
  return joined;
}

export function lengthOf(joined: Spans): number {
  return joined.reduce((sum, [begin, end]) => sum + end - begin, 0);
}

/** At most `max` of them: where there are more, those that lie closer together than can be told apart are joined. */
export function coarsen(joined: Spans, max: number): Spans {
  if (joined.length <= max) return joined;
  const [begin, end] = [joined[0]![0], joined.at(-1)![1]];
  // Each one and the gap behind it take at least this much of the whole, but for the last one.
  return joinSpans(joined, (end - begin) / (max - 1));
}
