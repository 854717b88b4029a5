/**
 * Calls `tick` with 0, 1, 2… every `intervalMs` of real time, without drift: what a late timer missed comes at once, as
 * from an encoder whose output waited. Returns how to stop it.
 */
export function pace(intervalMs: number, tick: (n: number) => void): () => void {
  const begin = performance.now();
  let next = 0;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const run = () => {
    while (!stopped && next * intervalMs <= performance.now() - begin) tick(next++);
    if (!stopped) timer = setTimeout(run, Math.max(0, next * intervalMs - (performance.now() - begin)));
  };
  run();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}
