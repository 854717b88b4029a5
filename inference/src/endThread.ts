import type { Worker } from 'node:worker_threads';

/** The last message to a thread: it does what came before, takes nothing more, and ends by itself. */
export const endOrder = 'end';

/**
 * Ends a thread that runs native code: by a message, for `terminate()` in the middle of a native call makes ONNX Runtime
 * and FFmpeg's binding end the whole process (docs/decisions/0021-threads-end.md). Settles when it has ended, or after
 * `withinMs`; false: it still runs then, and is left alone.
 */
export function endThread(worker: Worker, withinMs: number): Promise<boolean> {
  const hasEnded = worker.threadId === -1;
  if (hasEnded) return Promise.resolve(true);
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, withinMs, false);
    worker.once('exit', () => {
      clearTimeout(timer);
      resolve(true);
    });
    worker.postMessage(endOrder);
  });
}
