import { setTimeout as sleep } from 'node:timers/promises';

/** Waits for a thing that has to happen; the limit only ends a test that has failed. */
export async function until<T>(what: string, probe: () => T | Promise<T>, limitMs = 15_000): Promise<NonNullable<T>> {
  const deadlineMs = performance.now() + limitMs;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (performance.now() > deadlineMs) throw new Error(`this did not happen within ${limitMs} ms: ${what}`);
    await sleep(20);
  }
}
