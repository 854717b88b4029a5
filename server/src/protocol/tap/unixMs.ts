/** Unix time in ms with fractions, from the monotonic clock: comparable between threads, never stepping back. */
export function unixMs(): number {
  return performance.timeOrigin + performance.now();
}
