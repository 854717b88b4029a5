import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import {
  recordingListSchema,
  type ChangeStream,
  type CreatedStream,
  type RecordingView,
} from '@framelock/server/protocol';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { blockWebRtcPaths } from './harness/blockWebRtcPaths.ts';
import { EncodedClip, proofBitrateBps } from './harness/EncodedClip.ts';
import { eventually } from './harness/eventually.ts';
import { judgeProof } from './harness/judgeProof.ts';
import { messagePackScript } from './harness/messagePackScript.ts';
import { ObsPublisher } from './harness/ObsPublisher.ts';
import { readEveryComposite, readerArguments, tapDetectionMessages } from './harness/proofReader.ts';
import { proofViewport, statsOf } from './harness/proveStream.ts';
import { Stage } from './harness/Stage.ts';

/** What a viewer meets of HLS in our pages, from falling back to it to a Recording that is deleted. */
const noPathReason = 'no UDP or TCP path';
const rewoundReason = 'rewound';
/** The picture is not to stand for longer while the transport changes. */
const longestGapMs = 2_000;

declare global {
  interface Window {
    /** Unix ms at which new pictures came onto the canvas. */
    drawnAtMs: number[];
    /** Constructed since the page began. */
    opened: { sockets: number; peers: number };
  }
}

describe('HLS in our pages', () => {
  let stage: Stage;
  /** Published by a browser from the beginning to the end, packaged all the time: there is a past to go back to. */
  let main: CreatedStream;

  beforeAll(async () => {
    stage = await Stage.create();
    main = await stage.product.createStream('hls pages');
    await change(main.id, { hls: 'always' });
    await publish(main.id);
  });

  afterAll(() => stage?.close());

  async function change(id: string, changed: ChangeStream): Promise<void> {
    const response = await fetch(`${stage.product.url}/api/v1/streams/${id}`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(changed),
    });
    if (!response.ok) throw new Error(`PATCH: ${response.status} ${await response.text()}`);
  }

  async function publish(id: string): Promise<Page> {
    const page = await (await stage.browser.newContext()).newPage();
    await page.goto(`${stage.product.url}/publish/${id}?autostart=1&codec=h264&width=640&height=360&fps=30`);
    await eventually('it is live', async () => (await stage.product.stream(id)).state === 'live');
    return page;
  }

  /** A page of its own browser context, in which what arrives can be read. */
  async function open(path: string, prepare?: (page: Page) => Promise<unknown>): Promise<Page> {
    const page = await (await stage.browser.newContext(proofViewport)).newPage();
    await page.addInitScript({ path: messagePackScript });
    await page.addInitScript(tapDetectionMessages, false);
    await prepare?.(page);
    await page.goto(`${stage.product.url}${path}`);
    return page;
  }

  const watch = (id: string, query = '', prepare?: (page: Page) => Promise<unknown>) =>
    open(`/watch/${id}${query}`, prepare);

  /** By its pixels: no box that is drawn as exact is off its object, and so many analysed pictures were looked at. */
  async function expectExactBoxes(page: Page, analysedShown = 30): Promise<void> {
    await page.evaluate(readEveryComposite, readerArguments);
    const judged = async () => judgeProof(await page.evaluate(() => window.proof), stage.clip);
    await eventually('boxes to judge', async () => (await judged()).analysedShown >= analysedShown, { everyMs: 300 });
    const verdict = await judged();
    const { transport, transportReason, exact, wrongFrame } = await statsOf(page);
    console.log(JSON.stringify({ transport, transportReason, ...verdict }));
    expect(verdict.readable / verdict.composites).toBeGreaterThan(0.97);
    expect(verdict.exactMisfits).toBe(0);
    expect(verdict.fittingShare).toBeGreaterThanOrEqual(0.9);
    expect(exact).toBeGreaterThan(0);
    expect(wrongFrame).toBe(0);
  }

  it('without a path for WebRTC it plays by HLS by itself and says why; with one, WebRTC is back without a gap', async () => {
    const viewer = await watch(main.id, '', (page) => page.addInitScript(blockWebRtcPaths));
    const tookMs = await eventually('a picture by HLS', async () => {
      const { transport, framesPresented } = await statsIfAny(viewer);
      return transport === 'hls' && framesPresented! > 0;
    });
    console.log(`no path: a picture by HLS after ${Math.round(tookMs)} ms`);
    expect(tookMs).toBeLessThan(15_000);
    expect(await statsOf(viewer)).toMatchObject({ transport: 'hls', transportReason: noPathReason, state: 'playing' });
    await viewer.getByText(new RegExp(`^HLS · .* behind · ${noPathReason}$`)).waitFor();
    await expectExactBoxes(viewer);

    // Tried again 30 s later by itself; a person who comes back to live has it tried at once.
    await viewer.evaluate(() => (window.pathsBlocked = false));
    await viewer.keyboard.press('j');
    await eventually('it is back in time', async () => (await statsOf(viewer)).transportReason === rewoundReason);
    await viewer.waitForTimeout(1_000); // the seek's own wait
    await noteDrawn(viewer);
    await controls(viewer);
    await viewer.getByRole('button', { name: 'Live', exact: true }).click();
    await eventually('WebRTC', async () => (await statsOf(viewer)).transport === 'webrtc');
    await viewer.waitForTimeout(1_000);
    const gapMs = await longestGap(viewer);
    console.log(`HLS to WebRTC: the longest time without a new picture was ${Math.round(gapMs)} ms`);
    expect(gapMs).toBeLessThan(longestGapMs);
    expect(await statsOf(viewer)).toMatchObject({ state: 'playing', transportReason: null, wrongFrame: 0 });
    await viewer.context().close();
  });

  it('going back goes on by HLS at that place; the bar goes by keys; back to live is WebRTC again', async () => {
    const viewer = await watch(main.id, '?mode=lock');
    await eventually('boxes by WebRTC', async () => ((await statsIfAny(viewer)).exact ?? 0) > 0);
    expect((await statsOf(viewer)).transport).toBe('webrtc');
    await eventually('there is a past', async () => {
      const { hls } = await stage.product.stream(main.id);
      return (hls?.windowS ?? 0) > 15;
    });
    await noteDrawn(viewer);
    await controls(viewer);
    await viewer.getByRole('button', { name: 'Back 10 seconds' }).click();
    await eventually('HLS plays', async () => (await placeOf(viewer)) !== undefined);
    expect(await statsOf(viewer)).toMatchObject({ transport: 'hls', transportReason: rewoundReason });
    await viewer.getByText(new RegExp(`^HLS · .* behind · ${rewoundReason}$`)).waitFor();
    await eventually('it is told how far', async () => (await statsOf(viewer)).behindLiveMs !== null);
    const behindMs = (await statsOf(viewer)).behindLiveMs!;
    const gapMs = await longestGap(viewer);
    console.log(`rewound: ${Math.round(behindMs)} ms behind, ${Math.round(gapMs)} ms without a new picture`);
    expect(behindMs).toBeGreaterThan(8_000);
    expect(behindMs).toBeLessThan(16_000);
    await expectExactBoxes(viewer);

    const bar = viewer.getByRole('slider', { name: 'Seek' });
    await bar.focus();
    const before = (await placeOf(viewer))!;
    await bar.press('ArrowLeft');
    const after = (await placeOf(viewer))!;
    expect(after.positionS).toBeGreaterThan(before.positionS - 5.5);
    expect(after.positionS).toBeLessThan(before.positionS - 4);
    await bar.press('Home');
    const first = (await placeOf(viewer))!;
    expect(first.positionS - first.startS).toBeLessThan(1);
    await eventually('the bar says it', async () => Number(await bar.getAttribute('aria-valuenow')) < 4);
    expect(await bar.getAttribute('aria-valuetext')).toMatch(/behind live$/);
    await goesOn(viewer);
    await noteDrawn(viewer);
    await bar.press('End');
    await eventually('WebRTC', async () => (await statsOf(viewer)).transport === 'webrtc');
    await goesOn(viewer);
    expect(await longestGap(viewer)).toBeLessThan(longestGapMs);
    expect(await statsOf(viewer)).toMatchObject({ state: 'playing', transportReason: null, wrongFrame: 0 });
    expect(await bar.count()).toBe(0);
    await viewer.context().close();
  });

  it('a Stream for many viewers plays by HLS for who asks for nothing', async () => {
    await change(main.id, { delivery: 'hls' });
    const viewer = await watch(main.id);
    await eventually('boxes', async () => ((await statsIfAny(viewer)).exact ?? 0) > 10);
    expect(await statsOf(viewer)).toMatchObject({ transport: 'hls', transportReason: 'many viewers', wrongFrame: 0 });
    await viewer.getByText(/^HLS · .* behind · many viewers$/).waitFor();
    await viewer.context().close();
    await change(main.id, { delivery: 'webrtc' });
    expect((await stage.product.stream(main.id)).settings.delivery).toBe('webrtc');
  });

  it('who asks for HLS gets nothing but HTTP', async () => {
    const viewer = await watch(main.id, '?transport=hls', (page) => page.addInitScript(countOpened));
    await eventually('boxes', async () => ((await statsIfAny(viewer)).exact ?? 0) > 10);
    await viewer.waitForTimeout(2_000);
    expect(await viewer.evaluate(() => window.opened)).toEqual({ sockets: 0, peers: 0 });
    expect(await statsOf(viewer)).toMatchObject({ transport: 'hls', transportReason: null, wrongFrame: 0 });
    await viewer.context().close();
    // What is counted would be seen.
    const other = await watch(main.id, '?transport=webrtc', (page) => page.addInitScript(countOpened));
    await eventually('both', async () => {
      const { sockets, peers } = await other.evaluate(() => window.opened);
      return sockets > 0 && peers > 0;
    });
    await other.context().close();
  });

  it('the publisher leaves and returns: by HLS, too, the end is told, and the new Publication plays by itself', async () => {
    const { id } = await stage.product.createStream('hls returns');
    await change(id, { hls: 'always' });
    const publisher = await publish(id);
    const viewer = await watch(id, '?transport=hls');
    await eventually('boxes', async () => ((await statsIfAny(viewer)).exact ?? 0) > 10);
    const first = await publicationOf(viewer);
    await publisher.context().close();
    await viewer.getByText('This stream has ended').waitFor();
    const again = await publish(id);
    const { exact, framesPresented } = await statsOf(viewer);
    await eventually('it plays again', async () => {
      const now = await statsOf(viewer);
      return now.state === 'playing' && now.framesPresented > framesPresented && now.exact > exact;
    });
    expect(await publicationOf(viewer)).not.toBe(first);
    expect(await publicationOf(viewer)).toBe((await stage.product.stream(id)).publication!.id);
    await expectExactBoxes(viewer, 15);
    expect(await viewer.getByText('This stream has ended').count()).toBe(0);
    await viewer.context().close();
    await again.context().close();
  });

  it('a Recording is switched on, listed, watched with exact boxes, downloaded and deleted', async () => {
    const { id } = await stage.product.createStream('hls recorded');
    const streams = await open('/');
    await streams.getByRole('button', { name: 'Settings of hls recorded' }).click();
    await streams.getByRole('checkbox', { name: /^Record/ }).check();
    await eventually('it is set', async () => (await stage.product.stream(id)).settings.recording);
    await streams.context().close();
    const publisher = await publish(id);
    await eventually('it grows', async () => ((await recordingsOf(id))[0]?.durationS ?? 0) > 8);
    await publisher.getByRole('button', { name: 'Stop' }).click();
    await eventually('it is complete', async () => (await recordingsOf(id))[0]?.state === 'complete');
    await publisher.context().close();
    const [recording] = await recordingsOf(id);

    const viewer = await open(`/recordings?stream=${id}`);
    await viewer.getByText('1 recording', { exact: true }).waitFor();
    await viewer.getByRole('link', { name: 'Watch', exact: true }).click();
    await viewer.waitForURL(`**/recordings/${recording!.id}`);
    await orTell(
      viewer,
      eventually('boxes', async () => ((await statsIfAny(viewer)).exact ?? 0) > 0),
    );
    await expectExactBoxes(viewer);
    const seen = await viewer.evaluate(() => window.framelock!.player.timeline!);
    expect(seen.live).toBe(false);
    expect(Math.abs(seen.endS - seen.startS - recording!.durationS)).toBeLessThan(0.5);
    await expectValidMp4(recording!);

    await viewer.goto(`${stage.product.url}/recordings?stream=${id}`);
    await viewer.getByRole('button', { name: /^Delete the recording of hls recorded/ }).click();
    await viewer.getByRole('dialog').getByRole('button', { name: 'Delete recording' }).click();
    await viewer.getByText('No recordings yet').waitFor();
    expect((await fetch(`${stage.product.url}/api/v1/recordings/${recording!.id}`)).status).toBe(404);
    expect((await fetch(`${stage.product.url}${recording!.hlsUrl}`)).status).toBe(404);
    expect(await recordingsOf(id)).toEqual([]);
    await viewer.context().close();
  });

  it('an encoder with a key frame every 10 s is transcoded, says so, and its boxes are exact', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'framelock-hls-pages-'));
    let publisher: ObsPublisher | undefined;
    let context: BrowserContext | undefined;
    try {
      const { path, fps, width, height } = stage.clip;
      const layers = [{ width, height, bitrateBps: proofBitrateBps }];
      const sparse = await EncodedClip.create({ path, fps, layers, keyFrameEveryS: 10 }, folder);
      const { id, whipUrl, streamKey } = await stage.product.createStream('hls late key frames');
      await change(id, { hls: 'always' });
      publisher = await ObsPublisher.create({ whipUrl, bearer: streamKey, clip: sparse });
      const viewer = await watch(id, '?transport=hls');
      context = viewer.context();
      const transcoded = async () => (await stage.product.stream(id)).hls?.video?.how === 'transcoded';
      await eventually('it is transcoded', transcoded, { withinMs: 60_000 });
      expect((await stage.product.stream(id)).hls!.video).toMatchObject({
        codec: 'H264',
        why: expect.stringContaining('key frames'),
      });
      await eventually('boxes', async () => ((await statsIfAny(viewer)).exact ?? 0) > 10, { withinMs: 60_000 });
      await expectExactBoxes(viewer);
    } finally {
      await context?.close();
      await publisher?.close({ tell: false });
      await rm(folder, { recursive: true, force: true });
    }
  });

  async function recordingsOf(streamId: string): Promise<RecordingView[]> {
    const response = await fetch(`${stage.product.url}/api/v1/recordings?streamId=${streamId}`);
    return recordingListSchema.parse(await response.json()).recordings;
  }

  /** By FFmpeg's own word on the file that a person gets. */
  async function expectValidMp4({ downloadUrl, durationS, width, height }: RecordingView): Promise<void> {
    const response = await fetch(new URL(downloadUrl, stage.product.url));
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toContain('video/mp4');
    const folder = await mkdtemp(join(tmpdir(), 'framelock-mp4-'));
    try {
      const file = join(folder, 'recording.mp4');
      await writeFile(file, new Uint8Array(await response.arrayBuffer()));
      const { stdout, stderr } = await probe(file);
      expect(stderr).toBe('');
      const { streams, format } = JSON.parse(stdout) as {
        streams: { codec_name: string; codec_type: string; width?: number; height?: number }[];
        format: { duration: string };
      };
      const video = streams.filter(({ codec_type }) => codec_type === 'video');
      expect(video).toEqual([expect.objectContaining({ codec_name: 'h264', width, height })]);
      console.log(`MP4: ${format.duration} s of ${durationS} s`);
      expect(Math.abs(Number(format.duration) - durationS)).toBeLessThan(durationS * 0.1);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
});

function probe(file: string) {
  const ffmpeg = process.env.FFMPEG_BIN || 'ffmpeg';
  const ffprobe = ffmpeg.includes('/') ? join(dirname(ffmpeg), 'ffprobe') : 'ffprobe';
  const show = ['-show_entries', 'stream=codec_name,codec_type,width,height:format=duration'];
  return promisify(execFile)(ffprobe, ['-v', 'error', ...show, '-of', 'json', file]);
}

/** Nothing yet while the player is being made. */
async function statsIfAny(page: Page): Promise<Partial<Awaited<ReturnType<typeof statsOf>>>> {
  return page.evaluate(() => window.framelock?.stats() ?? {});
}

const publicationOf = (page: Page) => page.evaluate(() => window.framelock!.player.publication?.id);

const placeOf = (page: Page) => page.evaluate(() => window.framelock!.player.timeline);

/** Controls go away from a picture that is watched. */
async function controls(page: Page): Promise<void> {
  const { x, y, width, height } = (await page.locator('canvas').boundingBox())!;
  await page.mouse.move(x + width / 2, y + height / 3);
  await page.mouse.move(x + width / 2 + 5, y + height / 3);
}

/** Begins to note when new pictures are drawn. */
async function noteDrawn(page: Page): Promise<void> {
  await page.evaluate(() => {
    const isFirst = window.drawnAtMs === undefined;
    window.drawnAtMs = [performance.timeOrigin + performance.now()];
    if (!isFirst) return;
    window.framelock!.player.on('drawn', ({ redraw, drawnAtMs }) => {
      if (!redraw) window.drawnAtMs.push(drawnAtMs);
    });
  });
}

/** The longest time without a new picture since `noteDrawn`, up to now, ms. */
function longestGap(page: Page): Promise<number> {
  return page.evaluate(() => {
    const times = [...window.drawnAtMs, performance.timeOrigin + performance.now()];
    return Math.max(...times.slice(1).map((atMs, i) => atMs - times[i]!));
  });
}

async function goesOn(page: Page): Promise<void> {
  const { framesPresented } = await statsOf(page);
  const more = async () => (await statsOf(page)).framesPresented > framesPresented + 15;
  await orTell(page, eventually('pictures go on', more, { withinMs: 15_000 }));
}

/** What the page's video was doing when something did not come. */
async function orTell<T>(page: Page, coming: Promise<T>): Promise<T> {
  try {
    return await coming;
  } catch (error) {
    const told = await page.evaluate(() => ({
      videos: [...document.querySelectorAll('video')].map((video) => ({
        ...{ at: video.currentTime, paused: video.paused, seeking: video.seeking, ready: video.readyState },
        error: video.error?.message,
        buffered: Array.from({ length: video.buffered.length }, (_, i) => [
          video.buffered.start(i),
          video.buffered.end(i),
        ]),
      })),
      timeline: window.framelock?.player.timeline,
      link: window.framelock?.player.dump()['link'],
      stats: window.framelock?.stats(),
    }));
    throw new Error(`${String(error)}: ${JSON.stringify(told)}`, { cause: error });
  }
}

/** Runs in a page before its scripts. */
function countOpened(): void {
  window.opened = { sockets: 0, peers: 0 };
  const counted = <T extends new (...args: never[]) => object>(type: T, name: keyof Window['opened']): T =>
    new Proxy(type, {
      construct: (target, args, newTarget) => {
        window.opened[name]++;
        return Reflect.construct(target, args, newTarget) as object;
      },
    });
  window.WebSocket = counted(window.WebSocket, 'sockets');
  window.RTCPeerConnection = counted(window.RTCPeerConnection, 'peers');
}
