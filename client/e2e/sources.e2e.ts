import { access, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from './harness/eventually.ts';
import './harness/framelockWindow.ts';
import { Stage } from './harness/Stage.ts';

describe('pages of a Stream that no browser feeds', () => {
  let stage: Stage;

  beforeAll(async () => {
    stage = await Stage.create();
  });

  afterAll(() => stage?.close());

  it('one press on the first page shows a moving test picture with boxes, and another one stops it', async () => {
    const context = await stage.browser.newContext({ viewport: { width: 1280, height: 900 } });
    context.setDefaultTimeout(60_000);
    const page = await context.newPage();
    await page.goto(stage.product.url);
    await page.getByRole('button', { name: 'Try it with a test picture' }).click();
    await page.waitForURL('**/watch/*');
    await eventually('exact boxes', () => hasExactBoxes(page), { withinMs: 60_000 });
    const shown = await framesPresented(page);
    await eventually('moving pictures', async () => (await framesPresented(page)) > shown + 30);
    expect(await page.evaluate(() => window.framelock?.stats().wrongFrame)).toBe(0);

    const streamId = new URL(page.url()).pathname.split('/').at(-1)!;
    await page.goto(`${stage.product.url}/publish/${streamId}`);
    // Nobody said which tab: the one that the Stream is fed by, and no camera is asked for.
    await page.getByRole('tab', { name: 'Source', selected: true }).waitFor();
    await page.getByText('Test picture: running').waitFor();
    await page.getByRole('button', { name: 'Stop', exact: true }).click();
    await page.getByText('No Source runs').waitFor();
    expect((await stage.product.stream(streamId)).source).toBeNull();
    await context.close();
  });

  it('the OBS tab shows address and key, the key only when asked', async () => {
    const stream = await stage.product.createStream('for OBS');
    const context = await stage.browser.newContext({ viewport: { width: 1280, height: 900 } });
    context.setDefaultTimeout(60_000);
    const page = await context.newPage();
    await page.goto(`${stage.product.url}/publish/${stream.id}?via=obs`);
    await page.getByText(stream.whipUrl, { exact: true }).waitFor();
    await page.getByText('Waiting for OBS…').waitFor();
    expect(await page.content()).not.toContain(stream.streamKey);
    await page.getByRole('button', { name: 'Show the Bearer token' }).click();
    await page.getByText(stream.streamKey, { exact: true }).waitFor();
    await context.close();
  });

  it('tabs are chosen with the keyboard and named by the address', async () => {
    const stream = await stage.product.createStream('tabs');
    const page = await stage.browser.newPage();
    page.setDefaultTimeout(60_000);
    await page.goto(`${stage.product.url}/publish/${stream.id}?via=obs`);
    await page.getByRole('tab', { name: 'OBS', selected: true }).focus();
    await page.keyboard.press('ArrowRight');
    await page.getByRole('tab', { name: 'Source', selected: true }).waitFor();
    await page.waitForURL('**via=source');
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('tab-source');
    await page.keyboard.press('End');
    await page.keyboard.press('ArrowRight');
    await page.getByRole('tab', { name: 'Browser', selected: true }).waitFor();
    await page.getByRole('button', { name: 'Start publishing' }).waitFor();
    await page.close();
  });

  it('the camera goes on behind another tab while it publishes, and is given back when that ends', async () => {
    const stream = await stage.product.createStream('camera');
    const context = await stage.browser.newContext({ viewport: { width: 1280, height: 900 } });
    context.setDefaultTimeout(60_000);
    const page = await context.newPage();
    await page.addInitScript(() => {
      const devices = navigator.mediaDevices;
      const ask = devices.getUserMedia.bind(devices);
      const tracks: MediaStreamTrack[] = [];
      devices.getUserMedia = async (wish) => {
        const made = await ask(wish);
        tracks.push(...made.getTracks());
        return made;
      };
      Object.assign(window, { liveTracks: () => tracks.filter(({ readyState }) => readyState === 'live').length });
    });
    const liveTracks = () => page.evaluate(() => (window as unknown as { liveTracks(): number }).liveTracks());
    await page.goto(`${stage.product.url}/publish/${stream.id}?via=browser`);
    await page.getByRole('button', { name: 'Start publishing' }).click();
    await eventually('it is live', async () => (await stage.product.stream(stream.id)).state === 'live');
    await page.getByRole('tab', { name: 'OBS' }).click();
    await page.getByRole('button', { name: 'Stop this browser' }).waitFor();
    expect(await liveTracks()).toBeGreaterThan(0);
    await page.getByRole('button', { name: 'Stop this browser' }).click();
    await eventually('the camera is given back', async () => (await liveTracks()) === 0);
    await context.close();
  });

  it('a file on the server is deleted where it is chosen, after a question', async () => {
    const stream = await stage.product.createStream('files');
    const { sourceFilesDir } = stage.product;
    await mkdir(sourceFilesDir, { recursive: true });
    for (const name of ['kept.mp4', 'old.mp4']) await writeFile(join(sourceFilesDir, name), 'not played here');
    const page = await stage.browser.newPage();
    page.setDefaultTimeout(60_000);
    await page.goto(`${stage.product.url}/publish/${stream.id}?via=source`);
    await page.getByText('Video file').click();
    await page.getByRole('combobox', { name: 'File', exact: true }).selectOption('old.mp4');
    await page.getByRole('button', { name: 'Delete file' }).click();
    const question = page.getByRole('dialog', { name: 'Delete “old.mp4”?' });
    await question.getByRole('button', { name: 'Cancel' }).click();
    await access(join(sourceFilesDir, 'old.mp4'));
    await page.getByRole('button', { name: 'Delete file' }).click();
    await question.getByRole('button', { name: 'Delete the file' }).click();
    await page.locator('option[value="old.mp4"]').waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Delete file' }).waitFor({ state: 'detached' });
    await expect(access(join(sourceFilesDir, 'old.mp4'))).rejects.toThrow('ENOENT');
    await access(join(sourceFilesDir, 'kept.mp4'));
    await page.close();
  });

  it('a browser finds the Stream taken, stops the other, and publishes', async () => {
    const stream = await stage.product.createStream('taken');
    const context = await stage.browser.newContext({ viewport: { width: 1280, height: 900 } });
    context.setDefaultTimeout(60_000);
    const page = await context.newPage();
    await page.goto(`${stage.product.url}/publish/${stream.id}?via=source`);
    await page.getByRole('button', { name: 'Start', exact: true }).click();
    await page.getByText('Test picture: running').waitFor();
    await page.getByRole('tab', { name: 'Browser' }).click();
    await page.getByText('This Stream is fed by the test picture now.').waitFor();
    await page.getByRole('button', { name: 'Stop it' }).click();
    await page.getByText('This Stream is fed by the test picture now.').waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Start publishing' }).click();
    await eventually(
      'the browser publishes',
      async () => (await stage.product.stream(stream.id)).publication?.publishedBy === 'browser',
    );
    // Another page sends it away, and it does not come back by itself.
    const other = await context.newPage();
    await other.goto(`${stage.product.url}/publish/${stream.id}?via=obs`);
    await other.getByRole('button', { name: 'Stop it' }).click();
    await page.getByText('Publishing was stopped').waitFor();
    await page.getByRole('button', { name: 'Start publishing' }).waitFor();
    expect((await stage.product.stream(stream.id)).state).toBe('idle');
    await context.close();
  });
});

function framesPresented(page: Page): Promise<number> {
  return page.evaluate(() => window.framelock?.stats().framesPresented ?? 0);
}

/** Exact also counts pictures that were found empty: there must be boxes on some. */
function hasExactBoxes(page: Page): Promise<boolean> {
  return page.evaluate(async () => {
    const player = window.framelock?.player;
    if (!player || player.stats().exact === 0) return false;
    return new Promise<boolean>((resolve) => {
      const settle = (found: boolean) => (clearTimeout(timer), unsubscribe(), resolve(found));
      const timer = setTimeout(() => settle(false), 2_000);
      const unsubscribe = player.on('drawn', ({ kind, boxes }) => kind === 'exact' && boxes.length > 0 && settle(true));
    });
  });
}
