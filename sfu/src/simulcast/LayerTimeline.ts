import { rtpTicksBetween, ticksToMs, type LayerTimeline } from '@framelock/server/protocol';

/** The first packet of one frame: its RTP timestamp, u32, and when it came, ms of any steady clock. */
export interface FrameArrival {
  rtp: number;
  atMs: number;
}

/** Fewer pairs than this say nothing: two seconds at 30 fps. */
export const fewestPairs = 60;
/** Share of the frames of the sparser layer that must have a partner of exactly the same time. */
const leastMatched = 0.9;
/** Of a frame's length. What is steady between the layers of a frame: the one sent later waits for the other's packets. */
const largestLag = 1 / 4;
/** Of a frame's length: how much that may vary (90th percentile). */
const largestJitter = 1 / 5;
/** Of a frame's length: how close the pairs of a shift by one frame may come (median). Delays that all layers share move them. */
const closestNeighbour = 1 / 2;
/** Of a frame's length, between the first and the second half of what was seen. */
const largestDrift = 1 / 8;

const checking: LayerTimeline = { state: 'checking' };

interface Line {
  /** Ticks since the first frame seen of this layer -> arrival. In order of time. */
  readonly arrivals: ReadonlyMap<number, number>;
  readonly firstMs: number;
  readonly lastMs: number;
}

/**
 * How a layer's RTP timestamps relate to the analysed layer's, judged by arrival alone. Layers may count from anywhere,
 * and OBS's can be a whole frame apart while their timestamps coincide as sets (docs/decisions/0010), so equal timestamps
 * prove nothing: a publisher sends the layers of one frame back to back, and only the right offset pairs frames that
 * arrived together. Anything ambiguous is `unknown`; too few frames is `checking`.
 */
export function decideTimeline(
  layer: readonly FrameArrival[],
  analysed: readonly FrameArrival[],
  fewest = fewestPairs,
): LayerTimeline {
  if (layer.length < fewest / 2 || analysed.length < fewest / 2) return checking;
  const [line, reference] = [lineOf(layer), lineOf(analysed)];
  const frameTicks = Math.min(frameLength(line), frameLength(reference));
  if (!Number.isFinite(frameTicks)) return checking;
  const shift = likeliestShift(line, reference);
  if (shift === undefined) return unknown('no two frames of them arrive together');
  const pairs = pairsAt(line, reference, shift);
  const comparable = Math.min(countWithin(line, reference), countWithin(reference, line));
  if (comparable < fewest / 2) return checking;
  const matched = pairs.length / comparable;
  if (matched < leastMatched) {
    return unknown(`only ${Math.round(matched * 100)} % of the timestamps of the two layers coincide`);
  }
  if (pairs.length < fewest) return checking;
  const doubt = doubtOf(pairs, line, reference, shift, frameTicks);
  if (doubt) return unknown(doubt);
  return { state: 'known', offsetTicks: rtpTicksBetween((analysed[0]!.rtp + shift) >>> 0, layer[0]!.rtp) };
}

/** Why the pairs at this shift can't be called the same frames; undefined = they are. */
function doubtOf(
  pairs: readonly number[],
  line: Line,
  reference: Line,
  shift: number,
  frameTicks: number,
): string | undefined {
  const frameMs = ticksToMs(frameTicks);
  const lagMs = percentile(pairs, 0.5);
  const jitterMs = percentile(
    pairs.map((lag) => Math.abs(lag - lagMs)),
    0.9,
  );
  if (Math.abs(lagMs) > frameMs * largestLag || jitterMs > frameMs * largestJitter) {
    return `the layers of a frame do not arrive together (${lagMs.toFixed(1)} ± ${jitterMs.toFixed(1)} ms of ${frameMs.toFixed(1)} ms)`;
  }
  for (const neighbour of [shift - frameTicks, shift + frameTicks]) {
    const others = pairsAt(line, reference, neighbour).map(Math.abs);
    if (others.length >= pairs.length / 4 && percentile(others, 0.5) < frameMs * closestNeighbour) {
      return 'frames arrive in bursts, so that a shift by one frame can not be told';
    }
  }
  const half = Math.floor(pairs.length / 2);
  const driftMs = Math.abs(percentile(pairs.slice(0, half), 0.5) - percentile(pairs.slice(half), 0.5));
  return driftMs > frameMs * largestDrift ? `the layers drift apart (${driftMs.toFixed(1)} ms)` : undefined;
}

function lineOf(frames: readonly FrameArrival[]): Line {
  const first = frames[0]!.rtp;
  const ordered = frames
    .map(({ rtp, atMs }) => [rtpTicksBetween(rtp, first), atMs] as const)
    .sort((a, b) => a[0] - b[0]);
  const times = frames.map(({ atMs }) => atMs);
  return { arrivals: new Map(ordered), firstMs: Math.min(...times), lastMs: Math.max(...times) };
}

/** Median distance of neighbouring frames, ticks. */
function frameLength({ arrivals }: Line): number {
  const ticks = [...arrivals.keys()];
  const steps = ticks.slice(1).map((tick, index) => tick - ticks[index]!);
  return steps.length === 0 ? Number.POSITIVE_INFINITY : percentile(steps, 0.5);
}

/** The most common distance between a frame and the one of the other layer that arrived nearest to it. */
function likeliestShift(line: Line, reference: Line): number | undefined {
  const byArrival = [...reference.arrivals].sort((a, b) => a[1] - b[1]);
  const votes = new Map<number, number>();
  let at = 0;
  for (const [tick, atMs] of [...line.arrivals].sort((a, b) => a[1] - b[1])) {
    while (at + 1 < byArrival.length && Math.abs(byArrival[at + 1]![1] - atMs) <= Math.abs(byArrival[at]![1] - atMs))
      at++;
    const shift = tick - byArrival[at]![0];
    votes.set(shift, (votes.get(shift) ?? 0) + 1);
  }
  const [best] = [...votes].sort((a, b) => b[1] - a[1]);
  return best && -best[0];
}

/** Arrival differences, ms, of the frames that are the same at this shift, in order of time. */
function pairsAt(line: Line, reference: Line, shift: number): number[] {
  const pairs: number[] = [];
  for (const [tick, atMs] of line.arrivals) {
    const partnerMs = reference.arrivals.get(tick + shift);
    if (partnerMs !== undefined) pairs.push(atMs - partnerMs);
  }
  return pairs;
}

/** Frames that came while the other layer was seen too. */
function countWithin({ arrivals }: Line, { firstMs, lastMs }: Line): number {
  let count = 0;
  for (const atMs of arrivals.values()) if (atMs >= firstMs && atMs <= lastMs) count++;
  return count;
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

function unknown(reason: string): LayerTimeline {
  return { state: 'unknown', reason };
}
