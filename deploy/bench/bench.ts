import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import type { BrowserContext, Page } from 'playwright-core';
import { recordCaptureTimes } from '../../client/e2e/harness/captureClock.ts';
import { dateComposites } from '../../client/e2e/harness/dateComposites.ts';
import { eventually } from '../../client/e2e/harness/eventually.ts';
import '../../client/e2e/harness/framelockWindow.ts';
import { messagePackScript } from '../../client/e2e/harness/messagePackScript.ts';
import { Stage } from '../../client/e2e/harness/Stage.ts';
import { readEveryComposite, readerArguments, tapDetectionMessages } from '../../client/e2e/harness/proofReader.ts';
import { describeRun } from './machine.ts';
import { percentile } from './percentile.ts';
import { readProcessUsage } from './processUsage.ts';

/**
 * `pnpm bench`: the real pipeline, a clip published by headless Chromium and watched in another page, in Lock and in
 * Live. Capture time is the moment the publish page gets a frame from the camera, known by the number burnt into it;
 * overlay time is the moment the viewer's canvas holds that picture and its boxes; the number is read back from there.
 */
const { values: flags } = parseArgs({
  options: {
    seconds: { type: 'string', default: '30' },
    codec: { type: 'string', default: 'vp8' },
    width: { type: 'string', default: '1280' },
    height: { type: 'string', default: '720' },
    out: { type: 'string' },
  },
});
const seconds = Number(flags.seconds);
const clipFrames = 150;
/** A picture that seems older than this is one whose capture was not recorded: its number was last seen a loop ago. */
const longestDatedMs = 4_000;
const [width, height] = [Number(flags.width), Number(flags.height)];

const stage = await Stage.create({}, { width, height, diameter: Math.round(height / 5), frames: clipFrames });
const { product, browser, clip } = stage;
try {
  const result = {
    what: 'bench',
    ...describeRun(),
    input: { width, height, fps: clip.fps, codec: flags.codec, seconds },
    ...(await measure()),
  };
  const text = `${JSON.stringify(result, null, 2)}\n`;
  const path = flags.out ?? `deploy/bench/results/bench-${flags.codec}-${height}p.json`;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  process.stdout.write(`${text}written to ${path}\n`);
} finally {
  await stage.close();
}

async function measure() {
  const stream = await product.createStream('bench');
  const context = await browser.newContext({ viewport: { width: 1440, height: 1000 }, deviceScaleFactor: 1 });
  const publisher = await context.newPage();
  await publisher.addInitScript(recordCaptureTimes, readerArguments);
  await publisher.goto(
    `${product.url}/publish/${stream.id}?autostart=1&codec=${flags.codec}&width=${width}&height=${height}&fps=30`,
  );
  await eventually('analysis runs', async () => (await product.stream(stream.id)).analysis.state === 'running', {
    withinMs: 60_000,
  });
  await publisher.waitForTimeout(5_000); // the encoder finds its rate
  const modes = {
    lock: await watch(context, publisher, stream.id, 'lock'),
    live: await watch(context, publisher, stream.id, 'live'),
  };
  const { analysis } = await product.stream(stream.id);
  await context.close();
  return { modes, analysis };
}

async function watch(context: BrowserContext, publisher: Page, streamId: string, mode: 'lock' | 'live') {
  const viewer = await context.newPage();
  await viewer.addInitScript({ path: messagePackScript });
  await viewer.addInitScript(tapDetectionMessages, false);
  await viewer.goto(`${product.url}/watch/${streamId}?mode=${mode}`);
  await eventually('boxes are drawn', () => viewer.evaluate(() => (window.framelock?.stats().exact ?? 0) > 0));
  await viewer.waitForTimeout(8_000); // Lock finds its delay
  await viewer.evaluate(readEveryComposite, { ...readerArguments, boxes: false });
  const before = await viewer.evaluate(() => window.framelock!.stats());
  const usage = await sampleUsage(seconds);
  const after = await viewer.evaluate(() => window.framelock!.player.stats());
  const { records } = await viewer.evaluate(() => window.proof);
  const captured = await publisher.evaluate(() => window.captured);
  await viewer.close();
  return {
    joinMs: after.joinMs,
    exactness: difference(before, after),
    captureToOverlayMs: latency(records, captured),
    reportedByPlayerMs: after.captureToOverlayMs,
    latencyBudgetMs: after.latencyBudget,
    videoFps: after.videoFps,
    analysisFps: after.analysisFps,
    bytesPerDetectionMessage: after.dataChannelBytesPerFrame,
    jitterBufferTargetMs: after.jitterBufferTargetMs,
    overlayErrorTicks: after.overlayErrorTicks,
    ...usage,
  };
}

/** All kinds of pictures, and beside them only those drawn with their own boxes. */
function latency(records: Window['proof']['records'], captured: Window['captured']) {
  const dated = dateComposites(records, captured, longestDatedMs);
  const spread = (values: number[]) => ({
    n: values.length,
    p50: percentile(values, 0.5),
    p95: percentile(values, 0.95),
    p99: percentile(values, 0.99),
  });
  return {
    how: 'frame number burnt into the picture, one clock',
    undated: dated.undated,
    all: spread(dated.all),
    withOwnBoxes: spread(dated.exact),
    /** As near to glass as a page can see: until the display frame after the one it was drawn in. */
    toGlass: spread(dated.displayed),
  };
}

type Counts = Record<
  'framesPresented' | 'exact' | 'interpolated' | 'extrapolated' | 'unanalysed' | 'missedCallbacks' | 'wrongFrame',
  number
>;

function difference(before: Counts, after: Counts): Counts {
  const keys = [
    'framesPresented',
    'exact',
    'interpolated',
    'extrapolated',
    'unanalysed',
    'missedCallbacks',
    'wrongFrame',
  ] as const;
  return Object.fromEntries(keys.map((key) => [key, after[key] - before[key]])) as Counts;
}

async function sampleUsage(forSeconds: number) {
  const names = {
    server: 'server/src/main.ts',
    sfu: 'sfu/src/main.ts',
    'mediasoup-worker': 'mediasoup-worker',
    inference: 'inference/src/main.ts',
  };
  const pids = new Map<string, number>();
  for (const [name, part] of Object.entries(names)) {
    for (const pid of await product.pids(part)) pids.set(name, pid);
  }
  const begin = new Map([...pids].map(([name, pid]) => [name, readProcessUsage(pid)]));
  const memoryMiB: Record<string, number[]> = {};
  const started = performance.now();
  while (performance.now() - started < forSeconds * 1000) {
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    for (const [name, pid] of pids)
      (memoryMiB[name] ??= []).push(Math.round((readProcessUsage(pid)?.rssBytes ?? 0) / 2 ** 20));
  }
  const tookSeconds = (performance.now() - started) / 1000;
  const cpuPercentOfOneCore = Object.fromEntries(
    [...pids].map(([name, pid]) => {
      const used = (readProcessUsage(pid)?.cpuSeconds ?? 0) - (begin.get(name)?.cpuSeconds ?? 0);
      return [name, Math.round((used / tookSeconds) * 1000) / 10];
    }),
  );
  return { cpuPercentOfOneCore, memoryMiB };
}
