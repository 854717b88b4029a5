import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import type { BrowserContext, Page } from 'playwright-core';
import { recordCaptureTimes } from '../../client/e2e/harness/captureClock.ts';
import { dateComposites } from '../../client/e2e/harness/dateComposites.ts';
import { descendants } from '../../client/e2e/harness/descendants.ts';
import { eventually } from '../../client/e2e/harness/eventually.ts';
import '../../client/e2e/harness/framelockWindow.ts';
import { messagePackScript } from '../../client/e2e/harness/messagePackScript.ts';
import { readEveryComposite, readerArguments, tapDetectionMessages } from '../../client/e2e/harness/proofReader.ts';
import { Stage } from '../../client/e2e/harness/Stage.ts';
import { deleteSource, setSource, sourceIs } from '../../client/e2e/harness/streamSource.ts';
import { EncodedClip, proofBitrateBps } from '../../client/e2e/harness/EncodedClip.ts';
import { describeRun } from './machine.ts';
import { percentile } from './percentile.ts';
import { readProcessUsage } from './processUsage.ts';

/**
 * `pnpm bench:hls`. Latency: a 720p30 clip with numbers burnt in, published by Chromium, watched over HLS in another page.
 * Cost: what the hls process and its FFmpeg use while H264 is copied and while the same clip is transcoded. Load: many
 * LL-HLS players against the origin, directly and through the server's proxy, and beside it nginx with the same files.
 */
const { values: flags } = parseArgs({
  options: {
    seconds: { type: 'string', default: '30' },
    clients: { type: 'string', default: '100,300,1000' },
    only: { type: 'string', default: 'latency,codec,cost,load' },
    out: { type: 'string', default: 'deploy/bench/results/hls.json' },
  },
});
const seconds = Number(flags.seconds);
const clientCounts = flags.clients.split(',').map(Number);
const parts = new Set(flags.only.split(','));
const [width, height] = [1280, 720];
/** The clip's loop is 10 s. */
const longestDatedMs = 9_000;
const nodeSecret = 'a-secret-of-the-hls-benchmark-only';

const hlsPort = await freePort();
const folder = mkdtempSync(join(tmpdir(), 'framelock-bench-hls-'));
const stage = await Stage.create(
  { NODE_SECRET: nodeSecret, HLS_PORT: String(hlsPort) },
  { width, height, diameter: Math.round(height / 5), frames: 300 },
);
const { product, browser, clip } = stage;
try {
  const result = {
    what: 'hls',
    ...describeRun(),
    input: { width, height, fps: clip.fps, seconds },
    ...(parts.has('latency') ? { latency: { h264: await latency('h264'), vp8: await latency('vp8') } } : {}),
    ...(parts.has('codec') ? { publishing: { h264: await publishing('h264'), vp8: await publishing('vp8') } } : {}),
    ...(parts.has('cost') || parts.has('load') ? await costAndLoad() : {}),
  };
  const text = `${JSON.stringify(result, null, 2)}\n`;
  mkdirSync(dirname(flags.out), { recursive: true });
  writeFileSync(flags.out, text);
  process.stdout.write(`${text}written to ${flags.out}\n`);
} finally {
  await stage.close();
  rmSync(folder, { recursive: true, force: true });
}

async function latency(codec: 'h264' | 'vp8') {
  const stream = await product.createStream(`bench hls ${codec}`);
  const context = await browser.newContext({ viewport: { width: 1440, height: 1000 }, deviceScaleFactor: 1 });
  try {
    const publisher = await context.newPage();
    await publisher.addInitScript(recordCaptureTimes, readerArguments);
    const query = new URLSearchParams({
      autostart: '1',
      codec,
      width: String(width),
      height: String(height),
      fps: '30',
    });
    await publisher.goto(`${product.url}/publish/${stream.id}?${query}`);
    await eventually('analysis runs', async () => (await product.stream(stream.id)).analysis.state === 'running', {
      withinMs: 60_000,
    });
    return await watch(context, publisher, stream.id);
  } finally {
    await context.close();
  }
}

async function watch(context: BrowserContext, publisher: Page, streamId: string) {
  const viewer = await context.newPage();
  await viewer.addInitScript({ path: messagePackScript });
  await viewer.addInitScript(tapDetectionMessages, false);
  await viewer.goto(`${product.url}/watch/${streamId}?mode=lock&transport=hls`);
  await eventually('boxes are drawn', () => viewer.evaluate(() => (window.framelock?.stats().exact ?? 0) > 0), {
    withinMs: 60_000,
  });
  await viewer.waitForTimeout(8_000); // it catches up with the live edge
  await viewer.evaluate(readEveryComposite, { ...readerArguments, boxes: false });
  const before = await viewer.evaluate(() => window.framelock!.stats());
  await viewer.waitForTimeout(seconds * 1000);
  const after = await viewer.evaluate(() => window.framelock!.stats());
  const { records } = await viewer.evaluate(() => window.proof);
  const captured = await publisher.evaluate(() => window.captured);
  const dated = dateComposites(records, captured, longestDatedMs);
  const { hls } = await product.stream(streamId);
  return {
    how: 'frame number burnt into the picture, one clock; from the page that captures to the canvas of the one that watches',
    packaged: hls?.video ?? null,
    captureToCanvasMs: spread(dated.all),
    withOwnBoxesMs: spread(dated.exact),
    toGlassMs: spread(dated.displayed),
    undated: dated.undated,
    exactness: Object.fromEntries(
      (['framesPresented', 'exact', 'interpolated', 'extrapolated', 'unanalysed', 'wrongFrame'] as const).map((key) => [
        key,
        after[key] - before[key],
      ]),
    ),
    behindLiveMs: after.behindLiveMs,
    hls: after.hls,
    videoFps: after.videoFps,
    analysisFps: after.analysisFps,
  };
}

/** What a browser's encoder and our side of HLS cost together, by the codec that is published. Nobody watches by WebRTC. */
async function publishing(codec: 'h264' | 'vp8') {
  const stream = await product.createStream(`bench hls publishing ${codec}`);
  const context = await browser.newContext();
  try {
    const publisher = await context.newPage();
    await publisher.goto(
      `${product.url}/publish/${stream.id}?autostart=1&codec=${codec}&width=${width}&height=${height}&fps=30`,
    );
    await eventually('it is live', async () => (await product.stream(stream.id)).state === 'live', {
      withinMs: 60_000,
    });
    await playable(stream.id);
    await publisher.waitForTimeout(8_000); // the encoder finds its rate
    const keepAlive = setInterval(
      () => void fetch(`${product.url}/hls/${stream.id}/index.m3u8`).catch(() => {}),
      5_000,
    );
    const chromium = await chromiumPids();
    const cpu = () => chromium.reduce((sum, pid) => sum + (readProcessUsage(pid)?.cpuSeconds ?? 0), 0);
    const [before, beganMs] = [cpu(), performance.now()];
    const used = await usage(seconds);
    const percent = ((cpu() - before) / ((performance.now() - beganMs) / 1000)) * 100;
    clearInterval(keepAlive);
    const { hls, publication } = await product.stream(stream.id);
    return {
      ...used,
      chromiumCpuPercent: Math.round(percent * 10) / 10,
      packaged: hls?.video,
      hlsBitrateBps: hls?.bitrateBps,
      published: publication?.producers.find(({ kind }) => kind === 'video')?.mimeType,
    };
  } finally {
    await context.close();
  }
}

async function chromiumPids(): Promise<number[]> {
  const pids = await descendants(process.pid);
  return pids.filter((pid) => readText(`/proc/${pid}/cmdline`).includes('chrom'));
}

/** A file whose H264 is copied; and the same clip as VP8, which has to be transcoded. */
async function costAndLoad() {
  const layers = [{ width, height, bitrateBps: 2 * proofBitrateBps }];
  const encoded = await EncodedClip.create({ path: clip.path, fps: clip.fps, layers }, folder);
  mkdirSync(product.sourceFilesDir, { recursive: true });
  copyFileSync(await encoded.muxed(), join(product.sourceFilesDir, 'clip.mp4'));
  const stream = await product.createStream('bench hls load');
  await setSource(product, stream.id, { type: 'file', url: 'clip.mp4', loop: true });
  await sourceIs(product, stream.id, 'running');
  const publicationId = (await product.stream(stream.id)).publication!.id;
  const idle = await usage(10);
  await playable(stream.id);
  const keepAlive = setInterval(() => void fetch(`${product.url}/hls/${stream.id}/index.m3u8`).catch(() => {}), 5_000);
  try {
    const copied = await usage(seconds);
    const { hls } = await product.stream(stream.id);
    return {
      ...(parts.has('cost')
        ? { cost: { idle, copied: { ...copied, packaged: hls?.video }, transcoded: await transcodeCost() } }
        : {}),
      ...(parts.has('load') ? { load: await load(stream.id, publicationId) } : {}),
    };
  } finally {
    clearInterval(keepAlive);
    await deleteSource(product, stream.id);
  }
}

async function transcodeCost() {
  const stream = await product.createStream('bench hls transcode');
  const context = await browser.newContext();
  try {
    const publisher = await context.newPage();
    await publisher.goto(
      `${product.url}/publish/${stream.id}?autostart=1&codec=vp8&width=${width}&height=${height}&fps=30`,
    );
    await eventually('it is live', async () => (await product.stream(stream.id)).state === 'live', {
      withinMs: 60_000,
    });
    await publisher.waitForTimeout(5_000);
    await playable(stream.id);
    const used = await usage(seconds);
    return { ...used, packaged: (await product.stream(stream.id)).hls?.video };
  } finally {
    await context.close();
  }
}

/** Sends what a player would, so that packaging begins, and waits for the first Segment. */
async function playable(streamId: string): Promise<void> {
  await eventually(
    'HLS is there',
    async () => (await fetch(`${product.url}/hls/${streamId}/index.m3u8`)).status === 200,
    { withinMs: 60_000 },
  );
}

async function usage(forSeconds: number) {
  const names = { hls: 'sfu/src/hls/main.ts', sfu: 'sfu/src/main.ts', server: 'server/src/main.ts', ffmpeg: 'ffmpeg' };
  const begin: [string, number, number][] = [];
  for (const [name, part] of Object.entries(names)) {
    for (const pid of await product.pids(part)) begin.push([name, pid, readProcessUsage(pid)?.cpuSeconds ?? 0]);
  }
  const started = performance.now();
  await new Promise((resolve) => setTimeout(resolve, forSeconds * 1000));
  const tookS = (performance.now() - started) / 1000;
  const cpuPercentOfOneCore: Record<string, number> = {};
  for (const [name, pid, before] of begin) {
    const used = ((readProcessUsage(pid)?.cpuSeconds ?? before) - before) / tookS;
    cpuPercentOfOneCore[name] = Math.round(((cpuPercentOfOneCore[name] ?? 0) + used * 100) * 10) / 10;
  }
  return { seconds: forSeconds, cpuPercentOfOneCore };
}

async function load(streamId: string, publicationId: string) {
  // As docs/HLS.md has it for who puts nginx or a CDN before the origin.
  const bearer = createHmac('sha256', nodeSecret).update('hls-origin').digest('hex');
  const path = `/hls/${streamId}/${publicationId}/`;
  const origin = `http://127.0.0.1:${hlsPort}${path}`;
  const proxied = `${product.url}${path}`;
  const results: Record<string, unknown> = {
    how: 'LL-HLS players in a process of their own on the same cores: a blocking reload, the Part, its sidecar, three times a second. playlistDelayMs: later than the first player that got the same playlist',
  };
  const live: Record<string, unknown>[] = [];
  for (const clients of clientCounts) {
    live.push({
      through: 'origin',
      ...(await clientsOf({ base: origin, bearer, clients }, 'hls', 'sfu/src/hls/main')),
    });
    live.push({
      through: 'server proxy',
      ...(await clientsOf({ base: proxied, bearer: '', clients }, 'server', 'server/src/main')),
    });
  }
  results.live = live;
  results.files = await besideNginx(streamId, publicationId, origin, bearer);
  return results;
}

interface Clients {
  base: string;
  bearer: string;
  clients: number;
  mode?: 'live' | 'paced';
  files?: string[];
}

/** Runs the players, and measures the process that serves them meanwhile. */
async function clientsOf(
  { base, bearer, clients, mode = 'live', files = [] }: Clients,
  name: string,
  part: string | number,
) {
  const child = spawn(
    process.execPath,
    [
      join(import.meta.dirname, 'hlsClients.ts'),
      ...['--base', base, '--clients', String(clients), '--seconds', '15', '--mode', mode],
      ...(bearer ? ['--bearer', bearer] : []),
      ...(files.length > 0 ? ['--files', files.join(',')] : []),
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const pids = typeof part === 'number' ? [part] : await product.pids(part);
  const cpu = () => pids.reduce((sum, pid) => sum + (readProcessUsage(pid)?.cpuSeconds ?? 0), 0);
  let text = '';
  let before = 0;
  let beganMs = 0;
  let complaint = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk));
  child.stderr.on('data', (chunk: Buffer) => {
    if (chunk.toString() !== 'measuring\n') complaint += chunk;
    before = cpu();
    beganMs = performance.now();
  });
  await new Promise((resolve) => child.once('close', resolve));
  if (!text) throw new Error(`the players ended without a word: ${complaint}`);
  const percent = ((cpu() - before) / ((performance.now() - beganMs) / 1000)) * 100;
  const result = JSON.parse(text) as Record<string, unknown>;
  return {
    ...result,
    server: name,
    serverCpuPercent: Math.round(percent * 10) / 10,
    serverCpuPercentPer100Clients: Math.round((percent / clients) * 1000) / 10,
  };
}

/** The same files, at the same pace, from our origin and from nginx. nginx can't block a reload: so only files. */
async function besideNginx(streamId: string, publicationId: string, origin: string, bearer: string) {
  const port = await freePort();
  const root = join(folder, 'www');
  const copy = join(root, 'hls', streamId, publicationId);
  mkdirSync(copy, { recursive: true });
  const from = join(product.dataDir, 'hls', streamId, publicationId);
  const names = readdirSync(from).filter((name) => /^seg-\d+\.(m4s|det)$/.test(name));
  for (const name of names) copyFileSync(join(from, name), join(copy, name));
  const config = join(folder, 'nginx.conf');
  writeFileSync(
    config,
    `daemon off; ${process.getuid?.() === 0 ? 'user root; ' : ''}worker_processes 1; pid ${folder}/nginx.pid; error_log ${folder}/nginx.log;
     events { worker_connections 20000; }
     http { access_log off; sendfile on; tcp_nodelay on; keepalive_requests 1000000;
       client_body_temp_path ${folder}/b; proxy_temp_path ${folder}/p; fastcgi_temp_path ${folder}/f;
       uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
       server { listen 127.0.0.1:${port}; root ${root}; } }`,
  );
  const nginx = spawn('nginx', ['-c', config, '-e', `${folder}/nginx.log`], { stdio: 'ignore' });
  const failed = new Promise<string>((resolve) => {
    nginx.once('error', (error) => resolve(error.message));
    nginx.once('exit', (code) => resolve(`exit ${code}: ${readText(`${folder}/nginx.log`)}`));
  });
  const answers = eventually('nginx answers', async () => (await fetch(`http://127.0.0.1:${port}/`)).status > 0).then(
    () => undefined,
  );
  const problem = await Promise.race([failed, answers]);
  if (problem !== undefined) return { nginx: `not compared: ${problem}` };
  try {
    const worker = childOf(nginx.pid!);
    const clients = Math.min(300, Math.max(...clientCounts));
    const paced = { clients, mode: 'paced' as const, files: names };
    const base = `http://127.0.0.1:${port}/hls/${streamId}/${publicationId}/`;
    return {
      how: `${clients} players, 9 whole Segments or sidecars a second each, from both, one after the other`,
      origin: await clientsOf({ base: origin, bearer, ...paced }, 'hls', 'sfu/src/hls/main'),
      nginx: await clientsOf({ base, bearer: '', ...paced }, 'nginx', worker),
    };
  } finally {
    nginx.kill('SIGTERM');
  }
}

function childOf(pid: number): number {
  const text = readText(`/proc/${pid}/task/${pid}/children`).trim();
  return Number(text.split(' ')[0]);
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function spread(values: number[]) {
  return {
    n: values.length,
    p50: percentile(values, 0.5),
    p95: percentile(values, 0.95),
    p99: percentile(values, 0.99),
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
