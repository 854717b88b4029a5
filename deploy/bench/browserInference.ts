import { writeFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { NoInference } from '../../client/e2e/harness/NoInference.ts';
import { openBrowser } from '../../client/e2e/harness/openBrowser.ts';
import { openClip } from '../../client/e2e/harness/openClip.ts';

/**
 * Frames a second that a publisher's page analyses in Chromium's WebAssembly, with video encoding, server and sfu beside it
 * on the same machine. The client has to be built; MEDIASOUP_WORKER_BIN and CHROMIUM_BIN as set-up found them.
 */
const seconds = Number(process.env['SECONDS'] ?? 15);
const out = new URL('./results/browserInference.json', import.meta.url);

const clip = await openClip({});
const product = await NoInference.create();
const browser = await openBrowser({ cameraFile: clip.path });
const runs: object[] = [];
try {
  for (const model of ['marker', 'brands']) {
    for (const threads of [1, 2]) {
      const stream = await product.createStream(`${model} ${threads}`);
      const page = await browser.newPage();
      const query = new URLSearchParams({
        ...{ autostart: '1', codec: 'vp8', width: '640', height: '360', fps: '30' },
        ...{ analysis: 'browser', model, threads: String(threads) },
      });
      await page.goto(`${product.url}/publish/${stream.id}?${query}`);
      const looks: { analysisFps: number; inferenceMs: number; sourceFps: number }[] = [];
      const deadlineMs = performance.now() + 90_000;
      while (looks.length < seconds && performance.now() < deadlineMs) {
        await page.waitForTimeout(1000);
        const { analysis } = await product.stream(stream.id);
        if (analysis.timing !== 'known' || analysis.threads !== threads || !analysis.analysisFps) continue;
        const { analysisFps, sourceFps = 0, stageMs } = analysis;
        looks.push({ analysisFps, sourceFps, inferenceMs: stageMs?.inference ?? 0 });
      }
      await page.close();
      const median = (pick: (look: (typeof looks)[number]) => number) =>
        Math.round((looks.map(pick).sort((a, b) => a - b)[looks.length >> 1] ?? 0) * 10) / 10;
      const run = {
        ...{ model, threads, seconds: looks.length, analysisFps: median((look) => look.analysisFps) },
        ...{ inferenceMs: median((look) => look.inferenceMs), sourceFps: median((look) => look.sourceFps) },
        // Others may use this machine: what they take is missing here.
        loadAverage1m: Math.round(loadavg()[0]! * 10) / 10,
      };
      console.log(JSON.stringify(run));
      runs.push(run);
    }
  }
  const machine = { cpu: cpus()[0]?.model ?? '', cores: cpus().length, browser: browser.version() };
  await writeFile(out, `${JSON.stringify({ at: new Date().toISOString(), machine, runs }, null, 2)}\n`);
} finally {
  await browser.close();
  await product.close();
  await clip.close();
}
