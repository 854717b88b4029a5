import { eventListSchema, rtpTicksBetween, zoneSettingsSchema, type EventView } from '@framelock/server/protocol';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from './harness/eventually.ts';
import './harness/framelockWindow.ts';
import { openBrowser } from './harness/openBrowser.ts';
import { Product } from './harness/Product.ts';
import { publishWalk, walk, walkSpeed } from './harness/WalkingClip.ts';

/** Where the test draws, shares of the picture's width. */
const aisle = { left: 0.4, right: 0.6 };
const gateAt = 0.75;
const periods = 2;
/** What the detector is off; by media time, whatever the machine is busy with. */
const toleranceS = 0.15;
/** Between the Frames that show two events: one more or less, on a machine that analyses few. All gaps are longer. */
const frameToleranceS = 0.35;

/** What a walk to the right and back again does, with the seconds until what comes next. */
const stay = (aisle.right - aisle.left) / walkSpeed;
const dwellAfterS = 1;
const round = [
  { kind: 'entered', x: aisle.left, thenS: dwellAfterS },
  { kind: 'dwell', thenS: stay - dwellAfterS },
  { kind: 'left', x: aisle.right, thenS: (gateAt - aisle.right) / walkSpeed },
  { kind: 'crossedIn', x: gateAt, thenS: (2 * (walk.right - gateAt)) / walkSpeed },
  { kind: 'crossedOut', x: gateAt, thenS: (gateAt - aisle.right) / walkSpeed },
  { kind: 'entered', x: aisle.right, thenS: dwellAfterS },
  { kind: 'dwell', thenS: stay - dwellAfterS },
  { kind: 'left', x: aisle.left, thenS: (2 * (aisle.left - walk.left)) / walkSpeed },
] as const;

describe('zones', { timeout: 300_000 }, () => {
  let product: Product;
  let browser: Browser;
  let page: Page;
  let other: Page;
  let streamId: string;
  const faults: string[] = [];

  beforeAll(async () => {
    product = await Product.create();
    browser = await openBrowser();
    streamId = (await product.createStream('Aisle 4')).id;
    await publishWalk(product, streamId);
    page = await watch();
    other = await watch();
  });

  afterAll(async () => {
    await browser?.close();
    await product?.close();
  });

  /** A person of their own: what pages remember is theirs. */
  async function watch(): Promise<Page> {
    const context = await browser.newContext({ viewport: { width: 1360, height: 900 } });
    context.setDefaultTimeout(30_000);
    context.on('weberror', (error) => faults.push(String(error.error())));
    const made = await context.newPage();
    await made.goto(`${product.url}/watch/${streamId}?transport=webrtc`);
    await eventually('it plays', () => made.evaluate(() => window.framelock?.stats().state === 'playing'));
    return made;
  }
  async function press(...keys: string[]): Promise<void> {
    for (const key of keys) await page.keyboard.press(key);
  }
  const times = (count: number, key: string): string[] => Array.from({ length: count }, () => key);
  /** As somebody without a mouse gets to a control: what has the focus then is called that. */
  async function tabTo(name: string, key: 'Tab' | 'Shift+Tab' = 'Tab'): Promise<void> {
    const nameOfFocused = () =>
      page.evaluate(() => {
        const focused = document.activeElement as HTMLInputElement | null;
        const words = focused?.getAttribute('aria-label') ?? focused?.labels?.[0]?.textContent ?? focused?.textContent;
        return words?.trim() ?? '';
      });
    for (let i = 0; i < 60; i++) {
      await page.keyboard.press(key);
      if ((await nameOfFocused()) === name) return;
    }
    throw new Error(`no way to ${name} with ${key}`);
  }
  async function storedZones() {
    return zoneSettingsSchema.parse(await (await fetch(`${product.url}/api/v1/streams/${streamId}/zones`)).json());
  }
  async function storedEvents(): Promise<EventView[]> {
    const response = await fetch(`${product.url}/api/v1/events?streamId=${streamId}&limit=200`);
    const { events } = eventListSchema.parse(await response.json());
    return events.filter(({ zoneId }) => zoneId !== null).sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
  }
  const row = (of: Page, kind: 'zone' | 'line', name: string) => of.locator(`[data-${kind}="${name}"]`);

  it('are drawn with the keyboard alone, and what could not be saved is not lost', async () => {
    await other.keyboard.press('z');
    await other.getByText('No zones yet').waitFor();
    await press('z');
    await tabTo('Draw one');
    await press('Enter');
    await page.getByRole('region', { name: 'Zone editor' }).waitFor();

    await tabTo('Zone');
    await press('Enter');
    // The focus is on the crosshair in the middle now.
    await press(...times(2, 'Shift+ArrowLeft'), ...times(8, 'Shift+ArrowUp'), ' ');
    await press(...times(4, 'Shift+ArrowRight'), 'Enter');
    await press('ArrowDown', ' ', 'Backspace');
    await press(...times(16, 'Shift+ArrowDown'), ' ', ...times(4, 'Shift+ArrowLeft'), ' ');
    await page.getByText(/Point 4: 40 % from the left, 90 % from the top/).waitFor({ state: 'attached' });
    await press('Enter');
    await page.getByText('Zone 1 is drawn').waitFor({ state: 'attached' });
    await tabTo('Zone Zone 1, 4 points');
    await tabTo('Zone 1, point 2 of 4, 60 % from the left, 10 % from the top');
    // There and back, and not into a trap.
    await press('ArrowUp', 'ArrowDown');
    await tabTo('Name');
    await press('Control+a');
    await page.keyboard.type('Aisle');
    await tabTo('Dwell seconds');
    await page.keyboard.type(String(dwellAfterS));

    await tabTo('Line', 'Shift+Tab');
    await press('Enter', ...times(7, 'Shift+ArrowRight'), ...times(16, 'Shift+ArrowUp'), ' ');
    await press(...times(16, 'Shift+ArrowDown'), ' ');
    await page.getByText('Line 1 is drawn').waitFor({ state: 'attached' });
    await tabTo('Name');
    await press('Control+a');
    await page.keyboard.type('Gate');
    await page.getByText('In is who goes left across it').waitFor();
    await tabTo('Swap');
    await press('Enter');
    await page.getByText('In is who goes right across it').waitFor();

    await page.route('**/zones', (route) => (route.request().method() === 'PUT' ? route.abort() : route.continue()));
    await tabTo('Save');
    await press('Enter');
    await page.getByText(/Not saved: .*What you drew is still here/).waitFor();
    expect((await storedZones()).zones).toEqual([]);
    await page.unroute('**/zones');
    await press('Enter');
    await page.getByRole('region', { name: 'Zones', exact: true }).waitFor();

    const { zones, lines } = await storedZones();
    const corners = [
      [aisle.left, 0.1],
      [aisle.right, 0.1],
      [aisle.right, 0.9],
      [aisle.left, 0.9],
    ];
    expect(zones).toMatchObject([{ name: 'Aisle', dwellSeconds: 1, polygon: corners.map(([x, y]) => ({ x, y })) }]);
    expect(lines).toMatchObject([{ name: 'Gate', from: { x: gateAt, y: 0.9 }, to: { x: gateAt, y: 0.1 } }]);
  });

  it('reach another viewer at once, with live figures that grow', async () => {
    await row(other, 'zone', 'Aisle').waitFor();
    for (const viewer of [page, other]) {
      await row(viewer, 'zone', 'Aisle').getByText('1', { exact: true }).first().waitFor();
      await eventually('somebody crosses in and out', async () => {
        const words = (await row(viewer, 'line', 'Gate').innerText()).replaceAll(/\s+/g, ' ');
        return /^Gate ([1-9]\d*) in ([1-9]\d*) out/.test(words);
      });
    }
  });

  it('give exactly the events of the known walk, each at its time', async () => {
    const needed = round.length * periods;
    const told = async () => {
      const events = await storedEvents();
      // Who was inside when the zone was drawn is another story.
      const first = events.findIndex((event) => event.kind === 'entered' && event.data['cause'] === 'moved');
      return first < 0 ? [] : events.slice(first);
    };
    await eventually('all events are stored', async () => (await told()).length > needed, { withinMs: 90_000 });
    const events = (await told()).slice(0, needed + 1);
    const begin = Math.abs(Number(events[0]!.data['x']) - aisle.left) < 0.05 ? 0 : 5;
    const expected = Array.from({ length: needed + 1 }, (_, i) => round[(begin + i) % round.length]!);
    expect(events.map(({ kind }) => kind)).toEqual(expected.map(({ kind }) => kind));
    for (const [i, event] of events.entries()) {
      const wanted = expected[i]!;
      expect(event.zoneName).toBe(event.kind.startsWith('crossed') ? 'Gate' : 'Aisle');
      if ('x' in wanted) expect(Number(event.data['x'])).toBeCloseTo(wanted.x, 1);
      if (event.kind === 'left') expect(Math.abs(Number(event.data['dwellSeconds']) - stay)).toBeLessThan(toleranceS);
      const next = events[i + 1];
      if (!next) continue;
      const passedS = rtpTicksBetween(next.rtpTimestamp!, event.rtpTimestamp!) / 90_000;
      expect(Math.abs(passedS - wanted.thenS), `${event.kind} to ${next.kind}: ${passedS} s`).toBeLessThan(
        frameToleranceS,
      );
    }
  });

  it('are there again after a reload, drawn into the picture', async () => {
    await page.reload();
    await row(page, 'zone', 'Aisle').getByText('inside').waitFor();
    // The clip is grey: colour at the zone's border is drawn.
    await eventually('its border is in the picture', () =>
      page.evaluate((x) => {
        const canvas = document.querySelector('canvas')!;
        const at = [Math.round(x * canvas.width), Math.round(0.3 * canvas.height)] as const;
        const { data } = canvas.getContext('2d')!.getImageData(at[0] - 3, at[1], 7, 1);
        let most = 0;
        for (let i = 0; i < data.length; i += 4) {
          const rgb = [data[i]!, data[i + 1]!, data[i + 2]!];
          most = Math.max(most, Math.max(...rgb) - Math.min(...rgb));
        }
        return most > 60;
      }, aisle.right),
    );
  });

  it('are changed with the mouse on the very picture, undone, and given up', async () => {
    await page.getByRole('button', { name: 'Edit', exact: true }).click();
    const editor = page.getByRole('region', { name: 'Zone editor' });
    const frame = (await page.locator('[data-own-keys] > .frame').boundingBox())!;
    const canvas = (await page.locator('canvas').first().boundingBox())!;
    // 16:9 in 16:9: no bars.
    for (const side of ['x', 'y', 'width', 'height'] as const) expect(frame[side]).toBeCloseTo(canvas[side], -0.5);
    const at = (x: number, y: number) => [frame.x + x * frame.width, frame.y + y * frame.height] as const;
    await editor.getByRole('button', { name: 'Zone', exact: true }).click();
    await page.mouse.click(...at(0.05, 0.2));
    await page.mouse.click(...at(0.2, 0.2));
    await page.mouse.dblclick(...at(0.2, 0.4));
    await editor.getByLabel('Name').waitFor();
    const point = page.getByRole('button', { name: /^Zone 1, point 3 of 3/ });
    await page.mouse.move(...at(0.2, 0.4));
    await page.mouse.down();
    await page.mouse.move(...at(0.25, 0.6), { steps: 4 });
    await page.mouse.up();
    await expect.poll(() => point.getAttribute('aria-label')).toContain('25 % from the left, 60 % from the top');
    // Onto the edge, and back.
    await page.mouse.move(...at(0.2, 0.2));
    await page.mouse.down();
    await page.mouse.move(...at(0.15, 0.999), { steps: 4 });
    await page.mouse.up();
    await page.getByRole('button', { name: /point 2 of 3, 15 % from the left, 100 % from the top/ }).waitFor();
    await page.keyboard.press('Control+z');
    await page.keyboard.press('Control+z');
    await page.getByRole('button', { name: /point 3 of 3, 20 % from the left, 40 % from the top/ }).waitFor();
    await editor.getByRole('button', { name: 'Line', exact: true }).click();
    await page.mouse.click(...at(0.5, 0.5));
    await page.keyboard.press('Escape');
    expect(await editor.getByRole('button', { name: 'Line', exact: true }).getAttribute('aria-pressed')).toBe('false');
    await editor.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('button', { name: 'Discard' }).click();
    await row(page, 'zone', 'Aisle').waitFor();
    expect((await storedZones()).zones).toHaveLength(1);
  });

  it('of which somebody else changed some meanwhile are not replaced unasked', async () => {
    await page.getByRole('button', { name: 'Edit', exact: true }).click();
    const theirs = { ...(await storedZones()), lines: [] };
    await fetch(`${product.url}/api/v1/streams/${streamId}/zones`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(theirs),
    });
    await page.getByText('Somebody else changed the zones meanwhile').waitFor();
    await page.getByRole('button', { name: 'Take theirs instead' }).click();
    await page.getByText('Somebody else changed').waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Cancel' }).click();
    await row(page, 'line', 'Gate').waitFor({ state: 'detached' });
    expect(faults).toEqual([]);
  });
});
