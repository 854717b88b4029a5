/** GStreamer counts in ns, 0.1 of a tick. */
const roundingTicks = 1;
const maxWords = 50;

export interface Comparison {
  /** One for each difference; the first few. */
  words: string[];
  compared: number;
}

/**
 * Pictures that a reader lost, doubled or gave another time: its media times against those that the product tells in its
 * sidecars, both in order, where the two overlap.
 */
export function comparePictures(got: readonly number[], listed: readonly number[]): Comparison {
  if (got.length === 0 || listed.length === 0) return { words: ['there are no pictures to compare'], compared: 0 };
  const from = Math.max(got[0]!, listed[0]!) - roundingTicks;
  const to = Math.min(got.at(-1)!, listed.at(-1)!) + roundingTicks;
  const within = (ticks: readonly number[]) => ticks.filter((time) => time >= from && time <= to);
  const [mine, theirs] = [within(got), within(listed)];
  if (theirs.length === 0) return { words: ['it has no picture that the sidecars tell of'], compared: 0 };
  const words: string[] = [];
  let [i, k] = [0, 0];
  while ((i < mine.length || k < theirs.length) && words.length < maxWords) {
    const [a, b] = [mine[i] ?? Number.POSITIVE_INFINITY, theirs[k] ?? Number.POSITIVE_INFINITY];
    if (Math.abs(a - b) <= roundingTicks) [i, k] = [i + 1, k + 1];
    else if (a < b) words.push(`a picture at ${mine[i++]} that the sidecars do not know`);
    else words.push(`the picture at ${theirs[k++]} is missing`);
  }
  return { words, compared: theirs.length };
}
