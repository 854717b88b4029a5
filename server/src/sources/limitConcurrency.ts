/** At most `max` of the tasks given to it run at once; the others wait in the order they came. */
export function limitConcurrency(max: number): <T>(task: () => Promise<T>) => Promise<T> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (task) => {
    if (running >= max) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
    try {
      return await task();
    } finally {
      // The place goes straight to the next, so that nobody who comes meanwhile takes it as well.
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
}
