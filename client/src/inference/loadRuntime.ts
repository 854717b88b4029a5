import type { BrowserProvider } from '@framelock/server/protocol';
import type * as Ort from 'onnxruntime-web';
import wasmModule from 'onnxruntime-web/ort-wasm-simd-threaded.mjs?url';
import wasmBinary from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url';
import gpuModule from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url';
import gpuBinary from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url';

type Runtime = typeof Ort;

/** ONNX Runtime with its WebAssembly from our own server: nothing is fetched from elsewhere. */
export async function loadRuntime(provider: BrowserProvider, threads: number): Promise<Runtime> {
  const runtime = (
    provider === 'webgpu' ? await import('onnxruntime-web/webgpu') : await import('onnxruntime-web/wasm')
  ) as Runtime;
  const [mjs, wasm] = provider === 'webgpu' ? [gpuModule, gpuBinary] : [wasmModule, wasmBinary];
  const at = (path: string) => new URL(path, location.href).href;
  runtime.env.wasm.wasmPaths = { mjs: at(mjs), wasm: at(wasm) };
  runtime.env.wasm.numThreads = threads;
  runtime.env.logLevel = 'error';
  return runtime;
}
