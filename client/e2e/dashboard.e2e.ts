import { readFile } from 'node:fs/promises';
import type { CreatedStream } from '@framelock/server/protocol';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from './harness/eventually.ts';
import './harness/framelockWindow.ts';
import { Stage } from './harness/Stage.ts';

declare global {
  interface Window {
    /** The picture that was put onto the canvas last. */
    lastDrawn?: { rtpTimestamp: number | null; kind: string; boxes: number };
  }
}

const zones = {
  zones: [
    {
      id: 'left',
      name: 'Left half',
      colour: '#3ddba4',
      anchor: 'centre',
      polygon: [
        { x: 0, y: 0 },
        { x: 0.5, y: 0 },
        { x: 0.5, y: 1 },
        { x: 0, y: 1 },
      ],
    },
  ],
  lines: [],
  scale: null,
};

/** One Stream, published from the beginning to the end: its marker goes round through the zone, and all is recorded. */
describe('the dashboard', () => {
  let stage: Stage;
  let stream: CreatedStream;

  beforeAll(async () => {
    stage = await Stage.create();
    const { product } = stage;
    for (const name of ['idle 1', 'idle 2', 'idle 3', 'idle 10']) await product.createStream(name);
    stream = await product.createStream('Dashboard camera');
    await send('PATCH', `streams/${stream.id}`, { hls: 'always', recording: true });
    await send('PUT', `streams/${stream.id}/zones`, zones);
    const publisher = await (await stage.browser.newContext()).newPage();
    await publisher.goto(`${product.url}/publish/${stream.id}?autostart=1&codec=h264&width=640&height=360&fps=30`);
    await eventually('it is live', async () => (await product.stream(stream.id)).state === 'live');
    await eventually('tracks are kept', async () => (await read('tracks')).tracks.length >= 1, { withinMs: 60_000 });
  });

  afterAll(() => stage?.close());

  async function send(method: string, path: string, body: unknown): Promise<void> {
    const response = await fetch(`${stage.product.url}/api/v1/${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  }

  async function read(what: 'tracks' | 'events', wish = '') {
    const response = await fetch(`${stage.product.url}/api/v1/${what}?streamId=${stream.id}&limit=48${wish}`);
    return (await response.json()) as { tracks: unknown[]; events: unknown[] };
  }

  async function open(path: string): Promise<Page> {
    const context = await stage.browser.newContext({ viewport: { width: 1280, height: 900 }, acceptDownloads: true });
    context.setDefaultTimeout(60_000);
    const page = await context.newPage();
    await page.addInitScript(() => {
      let known: unknown;
      setInterval(() => {
        const player = window.framelock?.player;
        if (!player || player === known) return;
        known = player;
        player.on('drawn', ({ rtpTimestamp, kind, boxes }) => {
          window.lastDrawn = { rtpTimestamp, kind, boxes: boxes.length };
        });
      }, 20);
    });
    await page.goto(`${stage.product.url}${path}`);
    return page;
  }

  it('finds a live stream among others by its thumbnail, and opens its page', async () => {
    const page = await open('/');
    const card = page.getByRole('article', { name: 'Dashboard camera' });
    await card.getByText('LIVE', { exact: true }).waitFor();
    await card.getByText(/[\d.]+ of [\d.]+ fps/).waitFor();
    const picture = card.locator('.poster img');
    await picture.waitFor();
    expect(await picture.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBeGreaterThan(0);
    const first = await picture.getAttribute('src');
    await eventually('its thumbnail is a newer one', async () => (await picture.getAttribute('src')) !== first, {
      withinMs: 60_000,
    });

    await page.getByRole('searchbox', { name: 'Find a stream' }).fill('idle');
    await card.waitFor({ state: 'detached' });
    expect(await page.getByRole('article').count()).toBe(4);
    expect(new URL(page.url()).searchParams.get('q')).toBe('idle');
    await page.getByRole('combobox', { name: 'Order' }).selectOption('name');
    await eventually('sorted as people count', async () => {
      const names = await page.getByRole('article').locator('h2').allInnerTexts();
      return names.join() === 'idle 1,idle 2,idle 3,idle 10';
    });
    await page.getByRole('searchbox', { name: 'Find a stream' }).fill('nothing like it');
    await page.getByRole('button', { name: 'Show all' }).click();
    await page.getByText('Live 1', { exact: true }).click();
    await page.getByRole('link', { name: 'Open Dashboard camera' }).click();
    await page.waitForURL(`**/streams/${stream.id}`);
    await page.getByRole('heading', { level: 1, name: 'Dashboard camera' }).waitFor();
    await page.context().close();
  });

  it('lists the object that is in the picture, the zone it is in, and what it does, as it happens', async () => {
    const page = await open(`/streams/${stream.id}`);
    const objects = page.getByRole('region', { name: /Objects now/ });
    await objects.locator('li[data-track]', { hasText: 'marker A' }).first().waitFor();
    await objects.getByText('Left half').first().waitFor();
    await page.getByText('As they happen').waitFor();
    const events = page.getByRole('list', { name: 'Events' });
    await events
      .getByText(/entered Left half/)
      .first()
      .waitFor();
    const newest = await events.locator('time').first().getAttribute('datetime');
    await eventually(
      'a newer event',
      async () => (await events.locator('time').first().getAttribute('datetime'))! > newest!,
    );
    expect(await page.evaluate(() => window.framelock?.stats().wrongFrame)).toBe(0);

    // Sections by the keyboard, and by the address.
    await page.getByRole('tab', { name: 'Events' }).focus();
    await page.keyboard.press('ArrowRight');
    await page.waitForURL('**#picture');
    const strip = page.getByRole('slider', { name: 'Visual properties over time' });
    await strip.waitFor();
    await strip.focus();
    await page.keyboard.press('Home');
    expect(await strip.getAttribute('aria-valuetext')).toMatch(/Brightness \d+ %, Contrast [\d.]+ %.*colours #/);
    await page.goto(`${stage.product.url}/streams/${stream.id}#publish`);
    await page.reload();
    await page.getByRole('tab', { name: 'Publish', selected: true }).waitFor();
    await page.getByText(stream.whipUrl, { exact: true }).waitFor();
    expect(await page.content()).not.toContain(stream.streamKey);
    await page.context().close();
  });

  it('goes from an object of the past to its very frame in the recording', async () => {
    const { trackId } = await recorded<{ trackId: number }>('tracks', 'from');
    const page = await open(`/streams/${stream.id}/history?range=hour`);
    await page.waitForURL(`**/history?**stream=${stream.id}**`);
    const label = page.getByRole('combobox', { name: 'Label' });
    await label.locator('option', { hasText: 'marker A' }).waitFor({ state: 'attached' });
    await label.selectOption('marker A');
    await page.waitForURL('**label=marker*A**');
    await page.locator('li[data-label="marker A"]').first().waitFor();
    await page.getByRole('slider', { name: /Objects over time/ }).waitFor();
    expect(await page.locator('li[data-label]:not([data-label="marker A"])').count()).toBe(0);

    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'CSV' }).click();
    const csv = await readFile(await (await download).path(), 'utf8');
    expect(csv.split(/\r?\n/)[0]).toContain('label');
    expect(csv).toContain('marker A');

    await page.getByRole('link', { name: new RegExp(`^Watch marker A #${trackId}, .* in the recording`) }).click();
    await expectMoment(page);
    await page.goBack();
    await page.locator('li[data-label="marker A"]').first().waitFor();
    await page.context().close();
  });

  it('goes from an event to its very frame, and shows the facts of one', async () => {
    const page = await open(`/history?stream=${stream.id}&view=events&range=hour`);
    await page.getByRole('combobox', { name: 'Kind of event' }).selectOption('entered');
    await page.waitForURL('**kind=entered**');
    await eventually('only such events', async () => {
      const kinds = await page.locator('li[data-event]').evaluateAll((rows) => rows.map((row) => row.dataset['event']));
      return kinds.length > 0 && kinds.every((kind) => kind === 'entered');
    });
    const { at } = await recorded<{ at: string }>('events', 'at');
    const row = page.locator('li[data-event]', { has: page.locator(`time[datetime="${at}"]`) }).first();
    await row.getByRole('button', { name: /^Facts of: marker A #\d+ entered Left half/ }).click();
    const facts = page.getByRole('dialog', { name: /entered Left half/ });
    await facts.getByRole('img', { name: /in its best frame/ }).waitFor();
    await facts.getByRole('link', { name: 'Watch the moment' }).click();
    await expectMoment(page);
    await page.context().close();
  });

  it('shows where objects were, and looks at one bar of the chart by the keyboard', async () => {
    const page = await open(`/history?stream=${stream.id}&range=15m&view=heatmap`);
    await page.getByRole('img', { name: /^Objects were / }).waitFor();
    const chart = page.getByRole('slider', { name: /Objects over time/ });
    await chart.focus();
    await page.keyboard.press('End');
    await eventually('a bar with something in it', async () => {
      if (/marker A/.test((await chart.getAttribute('aria-valuetext')) ?? '')) return true;
      await page.keyboard.press('ArrowLeft');
      return false;
    });
    await page.keyboard.press('Enter');
    await page.waitForURL((url) => url.searchParams.has('from') && url.searchParams.has('to'));
    await page.getByRole('tab', { name: 'Objects' }).click();
    await page.locator('li[data-label="marker A"]').first().waitFor();
    await page.context().close();
  });

  /** The newest whose media is not still on its way: from where who watches live has not come yet, a few seconds back. */
  async function recorded<T>(what: 'tracks' | 'events', time: 'from' | 'at'): Promise<T> {
    const { publication } = await stage.product.stream(stream.id);
    const response = await fetch(`${stage.product.url}/api/v1/recordings/${publication!.id}`);
    const { startedAt } = (await response.json()) as { startedAt: string };
    let found: Record<string, string> | undefined;
    await eventually(`${what} in the middle of the recording`, async () => {
      const wish = what === 'events' ? '&kind=entered' : '&label=marker%20A';
      const all = (await read(what, wish))[what] as Record<string, string>[];
      found = all.find(
        (one) => Date.parse(one[time]!) > Date.parse(startedAt) + 1_000 && Date.parse(one[time]!) < Date.now() - 3_500,
      );
      return found !== undefined;
    });
    return found as T;
  }

  /** The Recording stands at the Frame that the address names, with its boxes. */
  async function expectMoment(page: Page): Promise<void> {
    await page.waitForURL('**/recordings/*?at=*&rtp=*');
    const { searchParams, pathname } = new URL(page.url());
    const rtp = Number(searchParams.get('rtp'));
    try {
      await eventually(
        'its frame',
        () =>
          page.evaluate(
            (wanted) => window.lastDrawn?.rtpTimestamp === wanted && window.lastDrawn.kind === 'exact',
            rtp,
          ),
        { withinMs: 60_000 },
      );
    } catch (error) {
      throw new Error(`${String(error)}: ${rtp}, ${JSON.stringify(await page.evaluate(() => window.lastDrawn))}`);
    }
    expect(await page.evaluate(() => window.lastDrawn?.boxes)).toBeGreaterThan(0);
    const timeline = await page.evaluate(() => window.framelock?.player.timeline);
    expect(timeline?.paused).toBe(true);
    // The time on the bar is the one that history told.
    const response = await fetch(`${stage.product.url}/api/v1/recordings/${pathname.split('/').at(-1)}`);
    const { startedAt } = (await response.json()) as { startedAt: string };
    const saidS = (Date.parse(searchParams.get('at')!) - Date.parse(startedAt)) / 1000;
    expect(Math.abs(timeline!.positionS - timeline!.startS - saidS)).toBeLessThan(2);
  }
});
