import type { BrowserProvider } from '@framelock/server/protocol';

const maxThreads = 4;

/** WebGPU only where there is something behind it. */
export async function providersHere(): Promise<BrowserProvider[]> {
  const { gpu } = navigator as Navigator & { gpu?: { requestAdapter(): Promise<unknown> } };
  const adapter = await gpu?.requestAdapter().catch(() => null);
  return adapter ? ['webgpu', 'wasm'] : ['wasm'];
}

/** Half of the processors: video is encoded beside. Without shared memory WebAssembly has one thread. */
export function threadsHere(): number {
  if (!globalThis.crossOriginIsolated) return 1;
  return Math.max(1, Math.min(maxThreads, Math.floor((navigator.hardwareConcurrency || 2) / 2)));
}
