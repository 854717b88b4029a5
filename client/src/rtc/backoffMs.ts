const firstMs = 250;
const longestMs = 4_000;

/**
 * Wait before retry number `attempt` (0, 1, ...): doubling from 250 ms to at most 4 s, of which the upper half is random,
 * so that viewers of a restarted server do not come back all at once.
 */
export function backoffMs(attempt: number, random: () => number = Math.random): number {
  const wholeMs = Math.min(longestMs, firstMs * 2 ** Math.min(attempt, 10));
  return wholeMs * (0.5 + random() / 2);
}
