import { boxOverlap, type PlacedBox } from './PlacedBox.ts';

/** Boxes of one object in two analysed pictures must overlap at least this much when no track joins them. */
const leastOverlap = 0.2;
/** Beyond this many, pairs without tracks are not looked for: nobody could follow them anyway. */
const mostUntracked = 100;

/**
 * Which box of `from` is which of `to`: first by ObjectTrack id and label, then, for those without an id on either side,
 * by the largest overlap of the same label, each box once. Answers for each of `from` its partner or undefined.
 */
export function matchBoxes(from: readonly PlacedBox[], to: readonly PlacedBox[]): (PlacedBox | undefined)[] {
  const partners = new Array<PlacedBox | undefined>(from.length).fill(undefined);
  const taken = new Set<PlacedBox>();
  for (const [i, box] of from.entries()) {
    if (box.trackId === 0) continue;
    const partner = to.find(
      (other) => other.trackId === box.trackId && other.labelIndex === box.labelIndex && !taken.has(other),
    );
    if (partner) taken.add((partners[i] = partner));
  }
  const pairs: { i: number; other: PlacedBox; overlap: number }[] = [];
  const loose = to.filter((other) => !taken.has(other)).slice(0, mostUntracked);
  for (const [i, box] of from.slice(0, mostUntracked).entries()) {
    if (partners[i]) continue;
    for (const other of loose) {
      // Two different ids are two different objects, however much they overlap.
      if (other.labelIndex !== box.labelIndex || (box.trackId !== 0 && other.trackId !== 0)) continue;
      const overlap = boxOverlap(box, other);
      if (overlap >= leastOverlap) pairs.push({ i, other, overlap });
    }
  }
  pairs.sort((a, b) => b.overlap - a.overlap);
  for (const { i, other } of pairs) {
    if (!partners[i] && !taken.has(other)) taken.add((partners[i] = other));
  }
  return partners;
}
