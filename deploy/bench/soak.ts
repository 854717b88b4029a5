import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { eventually } from '../../client/e2e/harness/eventually.ts';
import '../../client/e2e/harness/framelockWindow.ts';
import { Stage } from '../../client/e2e/harness/Stage.ts';
import { HeadlessViewer } from '../../client/src/cli/HeadlessViewer.ts';
import { describeRun } from './machine.ts';
import { readProcessUsage, type ProcessUsage } from './processUsage.ts';

/**
 * `pnpm soak --minutes N`: one publisher that begins a new Publication every minute, one steady viewer, others that come
 * and go. After the warm-up (a third of the run) no process may grow in memory, handles, threads or children beyond what
 * its own noise allows. Ends with 1 when one does.
 */
const { values: flags } = parseArgs({
  options: { minutes: { type: 'string', default: '10' }, out: { type: 'string' } },
});
const minutes = Number(flags.minutes);
const sampleEveryMs = 5_000;
/** Growth between the means of the second and the last third. Garbage collection moves memory by more than a few MiB. */
const limits = {
  rssBytes: { share: 0.12, absolute: 24 * 2 ** 20 },
  handles: { share: 0.1, absolute: 6 },
  sockets: { share: 0.1, absolute: 5 },
  threads: { share: 0.1, absolute: 3 },
} as const;
const parts = {
  server: 'server/src/main.ts',
  sfu: 'sfu/src/main.ts',
  'mediasoup-worker': 'mediasoup-worker',
  inference: 'inference/src/main.ts',
};

const stage = await Stage.create();
const { product, browser } = stage;
const samples: Record<string, ProcessUsage[]> = {};
const childCounts: number[] = [];
let wrongFrame = 0;
let framesPresented = 0;
let failed = true;
try {
  await run();
  const verdict = judge();
  const result = { what: 'soak', ...describeRun(), minutes, framesPresented, wrongFrame, ...verdict };
  const path = flags.out ?? 'deploy/bench/results/soak.json';
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(result, null, 2)}\n`);
  process.stdout.write(`${JSON.stringify(result, null, 2)}\nwritten to ${path}\n`);
  failed = verdict.growth.length > 0 || wrongFrame > 0;
} finally {
  await stage.close();
}
// Not by running out of work: libwebrtc's threads (the headless viewers') abort in static destructors then.
process.exit(failed ? 1 : 0);

async function run(): Promise<void> {
  const stream = await product.createStream('soak');
  const context = await browser.newContext();
  const publisher = await context.newPage();
  await publisher.goto(`${product.url}/publish/${stream.id}?autostart=1&codec=vp8&width=640&height=360`);
  const viewer = await context.newPage();
  await viewer.goto(`${product.url}/watch/${stream.id}?mode=lock`);
  await eventually('boxes are drawn', () => viewer.evaluate(() => (window.framelock?.stats().exact ?? 0) > 0));
  const end = performance.now() + minutes * 60_000;
  for (let round = 1; performance.now() < end; round++) {
    const guests = await Promise.all(
      [1, 2, 3].map(() => HeadlessViewer.create({ serverUrl: product.url, streamId: stream.id })),
    );
    await new Promise((resolve) => setTimeout(resolve, sampleEveryMs));
    for (const guest of guests) guest.close('soak');
    if (round % 12 === 0) await publisher.reload();
    await sample();
    ({ wrongFrame, framesPresented } = await viewer.evaluate(() => window.framelock!.stats()));
    process.stdout.write(
      `soak: ${Math.round((end - performance.now()) / 1000)} s to go, ${framesPresented} pictures, wrongFrame ${wrongFrame}\n`,
    );
  }
  await context.close();
}

async function sample(): Promise<void> {
  for (const [name, part] of Object.entries(parts)) {
    for (const pid of await product.pids(part)) {
      const usage = readProcessUsage(pid);
      if (usage) (samples[name] ??= []).push(usage);
    }
  }
  childCounts.push((await product.pids('')).length);
}

function judge() {
  const growth: string[] = [];
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const thirds = (values: number[]) => {
    const third = Math.floor(values.length / 3);
    return { middle: mean(values.slice(third, 2 * third)), last: mean(values.slice(2 * third)) };
  };
  const summary = Object.fromEntries(
    Object.entries(samples).map(([name, usages]) => [
      name,
      Object.fromEntries(
        Object.entries(limits).map(([what, limit]) => {
          const { middle, last } = thirds(usages.map((usage) => usage[what as keyof typeof limits]));
          if (last - middle > Math.max(limit.absolute, middle * limit.share))
            growth.push(`${name} ${what}: ${Math.round(middle)} -> ${Math.round(last)}`);
          return [what, { middle: Math.round(middle), last: Math.round(last) }];
        }),
      ),
    ]),
  );
  const children = thirds(childCounts);
  if (children.last - children.middle > 0.5) growth.push(`children: ${children.middle} -> ${children.last}`);
  return { growth, summary, children, samples: childCounts.length };
}
