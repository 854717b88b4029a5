import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from './harness/eventually.ts';
import './harness/framelockWindow.ts';
import { NoInference } from './harness/NoInference.ts';
import { openBrowser } from './harness/openBrowser.ts';
import { openClip } from './harness/openClip.ts';
import { expectProof, type Proof, proofViewport, proveStream } from './harness/proveStream.ts';

/**
 * The publisher's own page runs the model, and is held to the same proof as an inference node: truth and drawn box are
 * read from the very picture that a viewer sees. Publisher, viewer and WebAssembly share two cores here, so fewer frames
 * are analysed; each that is has to be right.
 */
const minimumAnalysedShown = 120;

describe('detections computed in the publisher’s browser', { timeout: 360_000 }, () => {
  let clip: Awaited<ReturnType<typeof openClip>>;
  let product: NoInference;
  let browser: Browser;

  beforeAll(async () => {
    clip = await openClip({});
    product = await NoInference.create();
    browser = await openBrowser({ cameraFile: clip.path });
  });
  afterEach(() => Promise.all(browser.contexts().map((context) => context.close())));
  afterAll(async () => {
    await browser?.close();
    await product?.close();
    await clip?.close();
  });

  async function publish(codec: string, query: Record<string, string> = {}) {
    const stream = await product.createStream(`in the browser ${codec}`);
    const context = await browser.newContext(proofViewport);
    const publisher = await context.newPage();
    const problems: string[] = [];
    publisher.on('pageerror', (error) => problems.push(String(error)));
    const size = { width: '640', height: '360', fps: '30' };
    const asked = new URLSearchParams({
      autostart: '1',
      codec,
      analysis: 'browser',
      model: 'marker',
      ...size,
      ...query,
    });
    await publisher.goto(`${product.url}/publish/${stream.id}?${asked}`);
    return { context, publisher, problems, stream, watchUrl: `${product.url}/watch/${stream.id}` };
  }

  const analysisOf = async (streamId: string) => (await product.stream(streamId)).analysis;

  const badgeOf = (page: Page) =>
    page.locator('.badge.wrap', {
      hasText: /^\s*Analysis .* fps · .* · WASM, \d threads? · computed in the browser\s*$/,
    });

  async function prove(codec: string, shift = false): Promise<Proof> {
    const { context, problems, stream, watchUrl } = await publish(codec);
    const proof = await proveStream({ context, watchUrl, clip, minimumAnalysedShown, shift }).catch(
      async (error: unknown) => {
        console.log(JSON.stringify({ problems, analysis: await analysisOf(stream.id) }));
        throw error;
      },
    );
    const analysis = await analysisOf(stream.id);
    console.log(JSON.stringify({ codec, analysis }));
    // A duration, not a time of day.
    expect(analysis.stageMs?.publish).toBeLessThan(60_000);
    // Not `timing` as well: at this very moment a busy encoder may have it checked again, and boxes pause for that.
    expect(analysis).toMatchObject({ state: 'running', computedBy: 'browser', modelId: 'marker' });
    expect(problems).toEqual([]);
    return proof;
  }

  it.each(['vp8', 'h264', 'vp9'])('%s: every box is on its own frame, without any inference node', async (codec) => {
    expectProof(await prove(codec), 50);
  });

  it('control: with detections one frame late, the same check fails', async () => {
    const { verdict } = await prove('vp8', true);
    console.log(JSON.stringify({ control: verdict }));
    expect(verdict.fittingShare).toBeLessThan(0.05);
  });

  it('both sides are told that the browser computes it, and by what', async () => {
    const { context, publisher, watchUrl } = await publish('vp8');
    const viewer = await context.newPage();
    await viewer.goto(watchUrl);
    for (const page of [publisher, viewer]) {
      await eventually('the badge says so', async () => (await badgeOf(page).count()) > 0, { withinMs: 60_000 });
    }
    expect(await publisher.evaluate(() => crossOriginIsolated)).toBe(true);
  });

  it('goes on in the next Publication when its connection was lost', async () => {
    const { publisher, stream } = await publish('vp8');
    const seen = async () => {
      const { publication, analysis } = await product.stream(stream.id);
      return { id: publication?.id, known: analysis.computedBy === 'browser' && analysis.timing === 'known' };
    };
    await eventually('it analyses', async () => (await seen()).known, { withinMs: 60_000 });
    const { id: before } = await seen();
    await product.loseSfu();
    const again = async () => {
      const { id, known } = await seen();
      return known && id !== undefined && id !== before;
    };
    await eventually('another Publication is analysed', again, { withinMs: 90_000 });
    expect(await publisher.evaluate(() => document.querySelector('[role=alert]') === null)).toBe(true);
  });
});
