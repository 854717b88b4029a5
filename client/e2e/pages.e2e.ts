import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from './harness/eventually.ts';
import { judgeProof } from './harness/judgeProof.ts';
import { Stage } from './harness/Stage.ts';
import { messagePackScript } from './harness/messagePackScript.ts';
import { readEveryComposite, readerArguments, tapDetectionMessages } from './harness/proofReader.ts';

describe('pages', () => {
  let stage: Stage;

  beforeAll(async () => {
    stage = await Stage.create();
  });

  afterAll(() => stage?.close());

  it('a new user goes from the first page to boxes on their own camera', async () => {
    const context = await stage.browser.newContext({ viewport: { width: 1280, height: 900 } });
    const page = await context.newPage();
    await page.goto(stage.product.url);
    await page.getByRole('button', { name: 'Publish your camera' }).click();
    await page.getByRole('button', { name: 'Start publishing' }).click();
    await page.getByRole('button', { name: 'Stop' }).waitFor();
    const watchUrl = page.url().replace('/publish/', '/watch/');
    const viewer = await context.newPage();
    await viewer.goto(watchUrl);
    await eventually('boxes', () => viewer.evaluate(() => (window.framelock?.stats().exact ?? 0) > 0));
    await viewer.getByText(/Analysis [\d.]+ of [\d.]+ fps/).waitFor();
    const streams = await context.newPage();
    await streams.goto(stage.product.url);
    await streams.getByText('LIVE', { exact: false }).first().waitFor();
    await context.close();
  });

  it.each(['/', '/models', '/markers', '/system', '/nowhere'])('%s opens by its address', async (path) => {
    const page = await stage.browser.newPage();
    const problems: string[] = [];
    page.on('pageerror', (error) => problems.push(error.message));
    await page.goto(`${stage.product.url}${path}`);
    await page.locator('h1').first().waitFor();
    expect(problems).toEqual([]);
    await page.close();
  });

  it('boxes stay on their objects through resizing, letterboxing, pixel ratio and full screen', async () => {
    const stream = await stage.product.createStream('resize');
    const context = await stage.browser.newContext({ viewport: { width: 700, height: 800 }, deviceScaleFactor: 2 });
    const publisher = await context.newPage();
    await publisher.goto(`${stage.product.url}/publish/${stream.id}?autostart=1&codec=vp8&width=640&height=360`);
    const viewer = await context.newPage();
    await viewer.addInitScript({ path: messagePackScript });
    await viewer.addInitScript(tapDetectionMessages, false);
    await viewer.goto(`${stage.product.url}/watch/${stream.id}?mode=lock`);
    await eventually('boxes', () => viewer.evaluate(() => (window.framelock?.stats().exact ?? 0) > 20));
    await viewer.evaluate(readEveryComposite, readerArguments);
    await expectFitting(viewer, 'pixel ratio 2');
    await viewer.setViewportSize({ width: 390, height: 844 });
    await expectFitting(viewer, 'a phone');
    await viewer.keyboard.press('f');
    await eventually('full screen', () => viewer.evaluate(() => document.fullscreenElement !== null));
    await expectFitting(viewer, 'full screen, letterboxed');
    await context.close();
  });

  async function expectFitting(viewer: Page, where: string): Promise<void> {
    await viewer.waitForTimeout(500); // the change itself
    await viewer.evaluate(() => (window.proof.records = []));
    const judged = async () => judgeProof(await viewer.evaluate(() => window.proof), stage.clip);
    await eventually(`pictures on ${where}`, async () => (await judged()).analysedShown >= 30, { everyMs: 500 });
    const verdict = await judged();
    console.log(where, JSON.stringify(verdict), JSON.stringify(await viewer.evaluate(() => window.proof.sizes)));
    expect(verdict.readable / verdict.composites).toBeGreaterThan(0.9);
    expect(verdict.fittingShare).toBeGreaterThanOrEqual(0.9);
  }
});
