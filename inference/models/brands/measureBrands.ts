import '../../src/detect/noTelemetry.ts';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as ort from 'onnxruntime-node';

const modelFile = fileURLToPath(new URL('brands.onnx', import.meta.url));
const entry = JSON.parse(readFileSync(new URL('model.json', import.meta.url), 'utf8')) as {
  input: { width: number; height: number };
};

/** Milliseconds of one run with `batch` pictures on `threads` threads: median and 90th percentile of `runs`. */
export async function timeModel(threads: number, batch: number, runs: number) {
  const session = await ort.InferenceSession.create(modelFile, {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
  });
  const { width, height } = entry.input;
  const values = new Float32Array(batch * 3 * width * height);
  // Seeded noise: the time does not depend on what is in the picture.
  for (let index = 0, state = 1; index < values.length; index++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[index] = state / 2 ** 32;
  }
  const query = new ort.Tensor('float32', new Float32Array(4), [1, 1, 4]);
  const feeds = { images: new ort.Tensor('float32', values, [batch, 3, height, width]), query };
  for (let warm = 0; warm < 3; warm++) await session.run(feeds);
  const times: number[] = [];
  for (let run = 0; run < runs; run++) {
    const startedAt = performance.now();
    await session.run(feeds);
    times.push(performance.now() - startedAt);
  }
  await session.release();
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(share * times.length))] ?? NaN;
  return { least: at(0), median: at(0.5), p90: at(0.9) };
}

/** Prints the model card's speed table: `node inference/models/brands/measureBrands.ts [runs]`. */
if (import.meta.main) {
  const runs = Number(process.argv[2] ?? 40);
  console.log('| threads | batch | least ms | median ms | p90 ms | pictures/s (median) |');
  console.log('|---|---|---|---|---|---|');
  for (const [threads, batch] of [
    [1, 1],
    [2, 1],
    [1, 4],
    [2, 4],
  ] as const) {
    const { least, median, p90 } = await timeModel(threads, batch, Math.ceil(runs / batch));
    const figures = [least, median, p90].map((ms) => ms.toFixed(1));
    console.log(`| ${[threads, batch, ...figures, ((1000 * batch) / median).toFixed(1)].join(' | ')} |`);
  }
}
