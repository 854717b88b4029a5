import { mkdirSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { setUp } from '../setup/setup.mjs';
import { describeRun } from './machine.ts';

/**
 * `npm run bench:browser`: frames a second that a publisher's page analyses in Chromium's WebAssembly, with video
 * encoding, server and sfu beside it on the same machine and no inference node, by model and threads.
 * `--beside`: what else ran on this machine, for the result.
 */
const { values: flags } = parseArgs({
  options: {
    seconds: { type: 'string', default: '15' },
    models: { type: 'string', default: 'marker,brands' },
    threads: { type: 'string', default: '1,2' },
    beside: { type: 'string', default: '' },
    out: { type: 'string', default: 'deploy/bench/results/browser.json' },
  },
});
const seconds = Number(flags.seconds);
const [width, height, fps] = [640, 360, 30];
const patienceMs = 120_000;

// Worker, Chromium and the built client; before the harness, which looks for them when it is loaded.
Object.assign(process.env, await setUp('test', process.env));
const { NoInference } = await import('../../client/e2e/harness/NoInference.ts');
const { openBrowser } = await import('../../client/e2e/harness/openBrowser.ts');
const { openClip } = await import('../../client/e2e/harness/openClip.ts');

interface Look {
  analysisFps: number;
  sourceFps: number;
  inferenceMs: number;
  queueMs: number;
  publishMs: number;
}

const clip = await openClip({ width, height, fps });
const product = await NoInference.create();
const browser = await openBrowser({ cameraFile: clip.path });
const runs: object[] = [];
try {
  for (const model of flags.models.split(',')) {
    for (const threads of flags.threads.split(',').map(Number)) {
      const run = await measure(model, threads);
      console.log(JSON.stringify(run));
      runs.push(run);
    }
  }
  const result = {
    what: 'browser',
    ...describeRun(),
    browser: browser.version(),
    ...(flags.beside ? { beside: flags.beside } : {}),
    input: { width, height, fps, video: 'VP8 of Chromium', provider: 'WebAssembly' },
    how: 'medians over the seconds in which the timing was known; publisher alone, no viewer, no inference node',
    runs,
  };
  mkdirSync(dirname(flags.out), { recursive: true });
  writeFileSync(flags.out, `${JSON.stringify(result, undefined, 2)}\n`);
} finally {
  await browser.close();
  await product.close();
  await clip.close();
}

async function measure(model: string, threads: number): Promise<object> {
  const stream = await product.createStream(`${model} ${threads}`);
  const page = await browser.newPage();
  const query = new URLSearchParams({
    ...{ autostart: '1', codec: 'vp8', width: String(width), height: String(height), fps: String(fps) },
    ...{ analysis: 'browser', model, threads: String(threads) },
  });
  const beganAtMs = performance.now();
  await page.goto(`${product.url}/publish/${stream.id}?${query}`);
  const looks: Look[] = [];
  let knownAfterMs: number | undefined;
  let { analysis } = await product.stream(stream.id);
  while (looks.length < seconds && performance.now() - beganAtMs < patienceMs) {
    await page.waitForTimeout(1000);
    ({ analysis } = await product.stream(stream.id));
    const { timing, analysisFps, sourceFps = 0, stageMs } = analysis;
    if (timing !== 'known' || analysis.threads !== threads || !analysisFps) continue;
    knownAfterMs ??= performance.now() - beganAtMs;
    const { inference: inferenceMs = 0, queue: queueMs = 0, publish: publishMs = 0 } = stageMs ?? {};
    looks.push({ analysisFps, sourceFps, inferenceMs, queueMs, publishMs });
  }
  await page.close();
  if (looks.length === 0)
    throw new Error(`${model} on ${threads} threads: nothing in ${patienceMs} ms; ${JSON.stringify(analysis)}`);
  const median = (pick: (look: Look) => number) =>
    Math.round(looks.map(pick).sort((a, b) => a - b)[looks.length >> 1]! * 10) / 10;
  return {
    ...{ model, threads, seconds: looks.length, analysisFps: median((look) => look.analysisFps) },
    ...{ sourceFps: median((look) => look.sourceFps), inferenceMs: median((look) => look.inferenceMs) },
    ...{ queueMs: median((look) => look.queueMs), publishMs: median((look) => look.publishMs) },
    firstResultAfterMs: Math.round(knownAfterMs!),
    dropped: analysis.dropped,
    loadAverage1m: Math.round(loadavg()[0]! * 10) / 10,
  };
}
