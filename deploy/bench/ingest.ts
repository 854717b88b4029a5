import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import type { BrowserContext, Page } from 'playwright-core';
import { EncodedClip, proofBitrateBps } from '../../client/e2e/harness/EncodedClip.ts';
import { eventually } from '../../client/e2e/harness/eventually.ts';
import '../../client/e2e/harness/framelockWindow.ts';
import { ObsPublisher } from '../../client/e2e/harness/ObsPublisher.ts';
import { Stage } from '../../client/e2e/harness/Stage.ts';
import { deleteSource, setSource, sourceIs } from '../../client/e2e/harness/streamSource.ts';
import { describeRun } from './machine.ts';
import { percentile } from './percentile.ts';
import { readProcessUsage } from './processUsage.ts';

/**
 * `pnpm bench:ingest`: how long it takes from the offer to the first picture in Chromium for a browser, an OBS-like WHIP
 * publisher and a WHEP player, and what a Source costs whose H264 is copied against one that is transcoded. The same
 * 720p30 clip, once without and once with B-frames, one after the other in one run: the ratio is what counts.
 */
const { values: flags } = parseArgs({
  options: {
    seconds: { type: 'string', default: '30' },
    joins: { type: 'string', default: '5' },
    out: { type: 'string', default: 'deploy/bench/results/ingest.json' },
  },
});
const seconds = Number(flags.seconds);
const joins = Number(flags.joins);
const [width, height] = [1280, 720];
const ffmpeg = process.env.FFMPEG_BIN || 'ffmpeg';
/** Processes whose time is counted: a name, and what its command line holds. */
const counted = { ffmpeg: 'ffmpeg', sfu: 'sfu/src/main.ts', 'mediasoup-worker': 'mediasoup-worker' };

const folder = mkdtempSync(join(tmpdir(), 'framelock-bench-ingest-'));
const stage = await Stage.create({}, { width, height, diameter: Math.round(height / 5), frames: 300 });
const { product, browser, clip } = stage;
try {
  const layers = [{ width, height, bitrateBps: 2 * proofBitrateBps }];
  const encoded = await EncodedClip.create({ path: clip.path, fps: clip.fps, layers }, folder);
  const context = await browser.newContext({ viewport: { width: 1440, height: 1000 }, deviceScaleFactor: 1 });
  const result = {
    what: 'ingest',
    ...describeRun(),
    input: { width, height, fps: clip.fps, keyFrameEveryS: 1, seconds, joins },
    joinMs: {
      how: 'a page waits for the Stream; from the POST of the offer (browser: from opening the publish page) to its first picture',
      browser: await spreadOf(() => joinOfBrowser(context)),
      obsLikeWhip: await spreadOf(() => joinOfObs(context, encoded)),
      whepPlayer: {
        how: 'from its POST to its first picture, of a running browser publisher',
        ...(await joinsOfWhep(context)),
      },
    },
    sourceCpu: await compareSources(await encoded.muxed()),
  };
  await context.close();
  const text = `${JSON.stringify(result, null, 2)}\n`;
  mkdirSync(dirname(flags.out), { recursive: true });
  writeFileSync(flags.out, text);
  process.stdout.write(`${text}written to ${flags.out}\n`);
} finally {
  await stage.close();
  rmSync(folder, { recursive: true, force: true });
}

async function spreadOf(measure: () => Promise<number>) {
  const values: number[] = [];
  for (let i = 0; i < joins; i++) values.push(Math.round(await measure()));
  return { p50: percentile(values, 0.5), min: Math.min(...values), max: Math.max(...values), values };
}

/** Watches an idle Stream; `first` resolves with the moment of its first picture, Unix ms. */
async function waitingViewer(
  context: BrowserContext,
  streamId: string,
): Promise<{ page: Page; first(): Promise<number> }> {
  const page = await context.newPage();
  await page.goto(`${product.url}/watch/${streamId}?mode=live`);
  await eventually('it waits', () => page.evaluate(() => window.framelock?.player.state === 'waiting'));
  const shown = page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        const look = () => {
          if (window.framelock!.stats().framesPresented > 0) resolve(performance.timeOrigin + performance.now());
          else setTimeout(look, 5);
        };
        look();
      }),
  );
  return { page, first: () => shown };
}

async function joinOfBrowser(context: BrowserContext): Promise<number> {
  const stream = await product.createStream('join browser');
  const viewer = await waitingViewer(context, stream.id);
  const publisher = await context.newPage();
  const beginMs = Date.now();
  await publisher.goto(`${stream.publishUrl}?autostart=1&codec=h264&width=${width}&height=${height}&fps=30`);
  const tookMs = (await viewer.first()) - beginMs;
  await publisher.close();
  await viewer.page.close();
  return tookMs;
}

async function joinOfObs(context: BrowserContext, encoded: EncodedClip): Promise<number> {
  const stream = await product.createStream('join obs');
  const viewer = await waitingViewer(context, stream.id);
  const beginMs = Date.now();
  const publisher = await ObsPublisher.create({ whipUrl: stream.whipUrl, bearer: stream.streamKey, clip: encoded });
  const tookMs = (await viewer.first()) - beginMs;
  await publisher.close();
  await viewer.page.close();
  return tookMs;
}

async function joinsOfWhep(context: BrowserContext) {
  const stream = await product.createStream('join whep');
  const publisher = await context.newPage();
  await publisher.goto(`${stream.publishUrl}?autostart=1&codec=h264&width=${width}&height=${height}&fps=30`);
  await eventually('it is live', async () => (await product.stream(stream.id)).state === 'live');
  const spread = await spreadOf(async () => {
    const page = await context.newPage();
    await page.goto(`${product.url}/`);
    const tookMs = await page.evaluate(playByWhep, { url: stream.whepUrl, key: stream.streamKey });
    await page.close();
    return tookMs;
  });
  await publisher.close();
  return spread;
}

/** A plain player in the page; ms from its POST to its first picture. */
async function playByWhep({ url, key }: { url: string; key: string }): Promise<number> {
  const peer = new RTCPeerConnection();
  for (const kind of ['video', 'audio']) peer.addTransceiver(kind, { direction: 'recvonly' });
  const video = document.body.appendChild(document.createElement('video'));
  video.muted = true;
  video.autoplay = true;
  peer.addEventListener('track', ({ track, streams }) => {
    if (track.kind === 'video') video.srcObject = streams[0] ?? new MediaStream([track]);
  });
  await peer.setLocalDescription();
  const begin = performance.now();
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/sdp', authorization: `Bearer ${key}` },
    body: peer.localDescription!.sdp,
  });
  if (response.status !== 201) throw new Error(`WHEP answered ${response.status}: ${await response.text()}`);
  const first = new Promise<void>((resolve) => video.requestVideoFrameCallback(() => resolve()));
  await peer.setRemoteDescription({ type: 'answer', sdp: await response.text() });
  await first;
  const tookMs = performance.now() - begin;
  peer.close();
  return tookMs;
}

async function compareSources(copied: string) {
  const withBFrames = join(folder, 'b-frames.mp4');
  const video = ['-c:v', 'libx264', '-preset', 'veryfast', '-bf', '2', '-g', '30', '-b:v', String(2 * proofBitrateBps)];
  const quiet = ['-hide_banner', '-loglevel', 'error', '-nostdin', '-y'];
  execFileSync(ffmpeg, [...quiet, '-i', copied, ...video, '-c:a', 'copy', withBFrames]);
  const copy = await costOf(copied, 'copied');
  const transcode = await costOf(withBFrames, 'transcoded');
  const ratio = (name: keyof typeof copy.cpuSeconds) =>
    Math.round((transcode.cpuSeconds[name] / copy.cpuSeconds[name]) * 100) / 100;
  return {
    how: `CPU seconds over ${seconds} s of a looping 720p30 file, no viewer; analysis runs in a process that is not counted`,
    copy,
    transcode,
    transcodeOverCopy: { ffmpeg: ratio('ffmpeg'), all: ratio('all') },
  };
}

async function costOf(file: string, how: 'copied' | 'transcoded') {
  const stream = await product.createStream(how);
  mkdirSync(product.sourceFilesDir, { recursive: true });
  copyFileSync(file, join(product.sourceFilesDir, `${how}.mp4`));
  await setSource(product, stream.id, { type: 'file', url: `${how}.mp4`, loop: true });
  const source = await sourceIs(product, stream.id, 'running');
  if (source.video?.how !== how) throw new Error(`its video is ${source.video?.how}: ${source.video?.why}`);
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  const begin = await cpuSeconds();
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const end = await cpuSeconds();
  await deleteSource(product, stream.id);
  const used = (name: keyof typeof counted) => Math.round((end[name] - begin[name]) * 100) / 100;
  const each = { ffmpeg: used('ffmpeg'), sfu: used('sfu'), 'mediasoup-worker': used('mediasoup-worker') };
  const all = Math.round(Object.values(each).reduce((sum, one) => sum + one, 0) * 100) / 100;
  return { why: source.video.why, cpuSeconds: { ...each, all } };
}

async function cpuSeconds(): Promise<Record<keyof typeof counted, number>> {
  const sums = { ffmpeg: 0, sfu: 0, 'mediasoup-worker': 0 };
  for (const [name, part] of Object.entries(counted) as [keyof typeof counted, string][]) {
    for (const pid of await product.pids(part)) sums[name] += readProcessUsage(pid)?.cpuSeconds ?? 0;
  }
  return sums;
}
