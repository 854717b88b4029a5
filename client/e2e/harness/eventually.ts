/** Asks until the answer is true; the limit is generous, for the machine is shared. */
export async function eventually(
  what: string,
  ask: () => Promise<boolean> | boolean,
  { withinMs = 30_000, everyMs = 100 } = {},
): Promise<number> {
  const begin = performance.now();
  let problem: unknown;
  while (performance.now() - begin < withinMs) {
    try {
      if (await ask()) return performance.now() - begin;
      problem = undefined;
    } catch (error) {
      problem = error;
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  throw new Error(`${what}: not within ${withinMs} ms${problem ? ` (${String(problem)})` : ''}`);
}
