/** After so many attempts a delivery is dead: about 8 hours after its event. */
export const maxAttempts = 8;
const factor = 4;
const maxDelayMs = 6 * 3_600_000;
/** What a receiver may ask for at most. */
const maxRetryAfterMs = 24 * 3_600_000;

/**
 * How long to wait after attempt number `attempts` failed; undefined: that was the last one. With the default `firstMs`
 * of 5 s: 5 s, 20 s, 80 s, 5 min, 21 min, 85 min, 5.7 h, each by a fifth more or less, so that what failed together does
 * not come together again. A receiver's Retry-After is the least.
 */
export function retryDelayMs(
  attempts: number,
  options: { firstMs: number; retryAfterMs?: number | undefined; random?: () => number },
): number | undefined {
  if (attempts >= maxAttempts) return undefined;
  const { firstMs, retryAfterMs = 0, random = Math.random } = options;
  const delayMs = Math.min(firstMs * factor ** (attempts - 1), maxDelayMs) * (0.8 + 0.4 * random());
  return Math.max(Math.round(delayMs), Math.min(retryAfterMs, maxRetryAfterMs));
}

/** RFC 9110 section 10.2.3: seconds, or a date. Undefined: neither. */
export function retryAfterMs(header: string | undefined, nowMs = Date.now()): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1000;
  const atMs = Date.parse(header);
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}
