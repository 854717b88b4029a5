import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EncodedClip, proofBitrateBps } from './harness/EncodedClip.ts';
import { eventually } from './harness/eventually.ts';
import { FfmpegPublisher } from './harness/FfmpegPublisher.ts';
import { ObsPublisher } from './harness/ObsPublisher.ts';
import { expectProof, proofViewport, proveStream } from './harness/proveStream.ts';
import { RtspServer } from './harness/RtspServer.ts';
import { Stage } from './harness/Stage.ts';
import { setSource, sourceIs } from './harness/streamSource.ts';
import { WhipRefused } from './harness/whipPost.ts';

/**
 * Who publishes by something else than our page is held to the same proof: each box is on its own frame, read from the
 * very pictures that a viewer sees. The clip is encoded as an encoder would (H264, no B-frames, a key frame a second).
 */
const minimumAnalysedShown = { obs: 300, source: 120 };

describe('real clients publish, frame-exactly', { timeout: 360_000 }, () => {
  let stage: Stage;
  let folder: string;
  let encoded: EncodedClip;
  let muxed: string;
  const wrong: { misfits: number; wrongFrame: number }[] = [];

  beforeAll(async () => {
    stage = await Stage.create();
    folder = await mkdtemp(join(tmpdir(), 'framelock-ingest-'));
    const { path, fps, width, height } = stage.clip;
    encoded = await EncodedClip.create({ path, fps, layers: [{ width, height, bitrateBps: proofBitrateBps }] }, folder);
    muxed = await encoded.muxed();
  });

  afterAll(async () => {
    await stage?.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function proof(streamId: string, analysedShown: number): Promise<void> {
    const context = await stage.browser.newContext(proofViewport);
    try {
      const watchUrl = `${stage.product.url}/watch/${streamId}`;
      const run = await proveStream({ context, watchUrl, clip: stage.clip, minimumAnalysedShown: analysedShown });
      wrong.push({ misfits: run.verdict.exactMisfits, wrongFrame: run.stats.wrongFrame });
      expectProof(run, Math.min(100, analysedShown / 2));
    } finally {
      await context.close();
    }
  }

  describe('OBS-like, by WHIP', () => {
    it('H264 and Opus without candidates, trickle or answers to PLI', { retry: 1 }, async () => {
      const { id, whipUrl, streamKey } = await stage.product.createStream('obs');
      const publisher = await ObsPublisher.create({ whipUrl, bearer: streamKey, clip: encoded });
      try {
        await proof(id, minimumAnalysedShown.obs);
        const { publication } = await stage.product.stream(id);
        expect(publication).toMatchObject({ publishedBy: 'whip' });
        expect(publication!.producers.map(({ kind }) => kind).sort()).toEqual(['audio', 'video']);
        expect(await publisher.close()).toBe(200);
        await eventually('it is over', async () => (await stage.product.stream(id)).state === 'idle');
      } finally {
        await publisher.close({ tell: false });
      }
    });

    it('who comes late has a poster or words at once, and the picture with the next key frame', async () => {
      const keyFrameEveryS = 4;
      const { path, fps, width, height } = stage.clip;
      const layers = [{ width, height, bitrateBps: proofBitrateBps }];
      const sparse = await EncodedClip.create({ path, fps, layers, keyFrameEveryS }, join(folder, 'sparse'));
      const { id, whipUrl, streamKey } = await stage.product.createStream('late');
      const publisher = await ObsPublisher.create({ whipUrl, bearer: streamKey, clip: sparse });
      const context = await stage.browser.newContext(proofViewport);
      try {
        await eventually('it is live', async () => (await stage.product.stream(id)).state === 'live');
        const framesAGop = fps * keyFrameEveryS;
        // Just after a key frame: the longest wait there is.
        await eventually('a key frame went by', () => publisher.framesGiven % framesAGop === 10, { everyMs: 5 });
        const viewer = await context.newPage();
        // Watched in the page itself: on a slow machine the picture may be there before anybody asks from outside.
        await viewer.addInitScript(() => {
          const look = (): void => {
            if ((window.framelock?.stats().framesPresented ?? 0) > 0) return;
            const poster = [...document.querySelectorAll('img')].some((image) => image.naturalWidth > 0);
            const words = /connect|waiting|key frame|first picture|loading/i;
            if (poster || words.test(document.body?.innerText ?? '')) sessionStorage.setItem('said', 'yes');
            else setTimeout(look, 20);
          };
          look();
        });
        await viewer.goto(`${stage.product.url}/watch/${id}?mode=live`, { waitUntil: 'commit' });
        const presented = () => viewer.evaluate(() => window.framelock?.stats().framesPresented ?? 0);
        const said = () => viewer.evaluate(() => sessionStorage.getItem('said') === 'yes');
        const saidAfterMs = await eventually('a poster or words, before there is a picture', said);
        await eventually('a picture', async () => (await presented()) > 0, { withinMs: 15_000, everyMs: 20 });
        const sinceKeyFrame = publisher.framesGiven % framesAGop;
        console.log(
          `late: something to see after ${Math.round(saidAfterMs)} ms, picture ${sinceKeyFrame} frames after a key frame`,
        );
        // It came with a key frame, not a whole GOP after one.
        expect(sinceKeyFrame).toBeLessThan(framesAGop * 0.75);
      } finally {
        await context.close();
        await publisher.close();
      }
    });

    it('HEVC is refused in words that name the setting', async () => {
      const { id, whipUrl, streamKey } = await stage.product.createStream('hevc');
      const refused = await ObsPublisher.create({ whipUrl, bearer: streamKey, clip: encoded, codec: 'H265' }).catch(
        (error: unknown) => error,
      );
      expect(refused).toBeInstanceOf(WhipRefused);
      const { status, body } = refused as WhipRefused;
      expect([406, 415, 422]).toContain(status);
      expect(body).toMatch(/HEVC|H\.?265/);
      expect(body).toMatch(/Settings|Output|Encoder/i);
      expect(body).toMatch(/H\.?264/);
      // OBS shows none of it, so the OBS tab does.
      const page = await stage.browser.newPage();
      await page.goto(`${stage.product.url}/publish/${id}?via=obs`);
      await page.getByText(/An encoder was refused: .* choose an H.264 encoder/).waitFor({ timeout: 60_000 });
      await page.close();
    });
  });

  it('FFmpeg over RTMP', { retry: 1 }, async () => {
    const { id, streamKey } = await stage.product.createStream('rtmp');
    await setSource(stage.product, id, { type: 'rtmp' });
    const { listenUrl } = await sourceIs(stage.product, id, 'waiting');
    const publisher = FfmpegPublisher.create(muxed, ['-f', 'flv', `${listenUrl}/${streamKey}`]);
    try {
      const { video, audio } = await sourceIs(stage.product, id, 'running');
      expect(video).toMatchObject({ codec: 'h264', how: 'copied' });
      expect(audio).toMatchObject({ codec: 'aac', how: 'transcoded' });
      await proof(id, minimumAnalysedShown.source);
      expect((await stage.product.stream(id)).publication).toMatchObject({ publishedBy: 'rtmp' });
    } finally {
      await publisher.close();
    }
  });

  it('RTMP with a wrong key is closed at the door', async () => {
    const { id } = await stage.product.createStream('rtmp key');
    await setSource(stage.product, id, { type: 'rtmp' });
    const { listenUrl } = await sourceIs(stage.product, id, 'waiting');
    const publisher = FfmpegPublisher.create(muxed, ['-f', 'flv', `${listenUrl}/wrong-key`]);
    try {
      await eventually('it is gone', () => !publisher.running);
      expect((await stage.product.stream(id)).state).toBe('idle');
    } finally {
      await publisher.close();
    }
  });

  it('a camera over RTSP', { retry: 1 }, async () => {
    const camera = await RtspServer.create(encoded);
    try {
      const { id } = await stage.product.createStream('rtsp');
      await setSource(stage.product, id, { type: 'rtsp', url: camera.url });
      const { video } = await sourceIs(stage.product, id, 'running');
      expect(video).toMatchObject({ codec: 'h264', how: 'copied' });
      await proof(id, minimumAnalysedShown.source);
      expect((await stage.product.stream(id)).publication).toMatchObject({ publishedBy: 'rtsp' });
    } finally {
      await camera.close();
    }
  });

  it('FFmpeg calling by SRT', { retry: 1 }, async () => {
    const { id, streamKey } = await stage.product.createStream('srt');
    await setSource(stage.product, id, { type: 'srt' });
    const { listenUrl } = await sourceIs(stage.product, id, 'waiting');
    const output = ['-f', 'mpegts', `${listenUrl}&passphrase=${streamKey}`];
    const publisher = FfmpegPublisher.create(muxed, output);
    try {
      const { video } = await sourceIs(stage.product, id, 'running').catch((error: unknown) => {
        throw new Error(publisher.errors, { cause: error });
      });
      expect(video).toMatchObject({ codec: 'h264', how: 'copied' });
      await proof(id, minimumAnalysedShown.source);
      expect((await stage.product.stream(id)).publication).toMatchObject({ publishedBy: 'srt' });
    } finally {
      await publisher.close();
    }
  });

  it('a file, over its end', { retry: 1 }, async () => {
    const { id } = await stage.product.createStream('file');
    await mkdir(stage.product.sourceFilesDir, { recursive: true });
    await copyFile(muxed, join(stage.product.sourceFilesDir, 'proof.mp4'));
    await setSource(stage.product, id, { type: 'file', url: 'proof.mp4', loop: true });
    const { video } = await sourceIs(stage.product, id, 'running');
    expect(video).toMatchObject({ codec: 'h264', how: 'copied' });
    // The clip has 300 frames: in 330 of them there is an end.
    await proof(id, 330);
    expect((await stage.product.stream(id)).source).toMatchObject({ restarts: 0 });
  });

  it('in no run, tried again or not, did a box drawn as exact miss its object', () => {
    expect(wrong.length).toBeGreaterThan(0);
    expect(wrong).toEqual(wrong.map(() => ({ misfits: 0, wrongFrame: 0 })));
  });
});
