import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { ExecutionProvider } from '@framelock/server/protocol';

export type ExecutionProviderChoice = 'auto' | ExecutionProvider;

/**
 * What to try, in this order. The CPU is always last, for a wish that can't be met must not stop detection. TensorRT
 * (minutes to build its engine) and WebGPU (experimental in onnxruntime-node) only when asked for.
 */
export function executionProvidersToTry(choice: ExecutionProviderChoice): ExecutionProvider[] {
  switch (choice) {
    case 'auto':
    case 'cuda':
      return ['cuda', 'cpu'];
    case 'tensorrt':
      return ['tensorrt', 'cuda', 'cpu'];
    case 'webgpu':
      return ['webgpu', 'cpu'];
    case 'cpu':
      return ['cpu'];
  }
}

/**
 * Why this provider can't work here, when that is plain without trying: ONNX Runtime writes several lines to stderr for
 * a missing library, which on a machine without a GPU is the ordinary case and no error.
 */
export function missingLibraryOf(provider: ExecutionProvider): string | undefined {
  if (provider !== 'cuda' && provider !== 'tensorrt') return undefined;
  const root = dirname(dirname(createRequire(import.meta.url).resolve('onnxruntime-node')));
  const library =
    process.platform === 'win32' ? `onnxruntime_providers_${provider}.dll` : `libonnxruntime_providers_${provider}.so`;
  const path = join(root, 'bin', 'napi-v6', process.platform, process.arch, library);
  return existsSync(path) ? undefined : `${library} is not installed`;
}
