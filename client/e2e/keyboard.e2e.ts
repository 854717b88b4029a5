import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from './harness/eventually.ts';
import { Stage } from './harness/Stage.ts';

/** Tabs until what has the focus is called so; every stop on the way has to be seen. */
async function tabTo(page: Page, name: RegExp, atMost = 60): Promise<void> {
  const passed: string[] = [];
  for (let stop = 0; stop < atMost; stop++) {
    await page.keyboard.press('Tab');
    const focused = await page.evaluate(() => {
      const element = document.activeElement as HTMLElement | null;
      if (!element || element === document.body) return undefined;
      // Of an input that is drawn by its label, the label shows the focus.
      const shown = element.classList.contains('visually-hidden') ? (element.closest('label') ?? element) : element;
      const seen = [shown, ...shown.querySelectorAll('*')].some((one) => {
        const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(one);
        return (outlineStyle !== 'none' && outlineWidth !== '0px') || boxShadow !== 'none';
      });
      const label = element.getAttribute('aria-label') ?? element.textContent ?? '';
      return { name: label.replace(/\s+/g, ' ').trim(), seen, tag: element.outerHTML.slice(0, 160) };
    });
    if (!focused) continue;
    expect.soft(focused.seen, `the focus is seen on ${focused.tag}`).toBe(true);
    passed.push(focused.name);
    if (name.test(focused.name)) return;
  }
  throw new Error(`${name} is not reached by Tab; passed ${passed.join(' | ')}`);
}

describe('with the keyboard alone', () => {
  let stage: Stage;

  beforeAll(async () => {
    stage = await Stage.create();
  });
  afterAll(() => stage?.close());

  it('a camera is published, watched, and stopped', async () => {
    const context = await stage.browser.newContext({ viewport: { width: 1280, height: 900 } });
    const page = await context.newPage();
    await page.goto(stage.product.url);
    await page.getByRole('button', { name: 'Publish your camera' }).waitFor();
    await tabTo(page, /^Publish your camera/);
    await page.keyboard.press('Enter');
    const start = page.getByRole('button', { name: 'Start publishing' });
    await start.waitFor();
    await eventually('a camera to publish', () => start.isEnabled());
    await tabTo(page, /^Start publishing/);
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Stop' }).waitFor();

    const viewer = await context.newPage();
    await viewer.goto(stage.product.url);
    await viewer.getByText('LIVE').first().waitFor();
    await tabTo(viewer, /Watch/);
    await viewer.keyboard.press('Enter');
    await viewer.waitForURL('**/watch/**');
    await eventually('boxes', () => viewer.evaluate(() => (window.framelock?.stats().exact ?? 0) > 0));

    // Lock and Live are a choice of two: arrows move it.
    const live = viewer.getByRole('radio', { name: 'Live' });
    await tabTo(viewer, /Lock|Live/).catch(() => undefined);
    await viewer.getByRole('radio', { name: 'Lock' }).focus();
    await viewer.keyboard.press('ArrowRight');
    await eventually('Live', () => live.isChecked());
    await viewer.keyboard.press('f');
    await eventually('full screen', () => viewer.evaluate(() => document.fullscreenElement !== null));
    await viewer.keyboard.press('Escape');

    await page.bringToFront();
    await tabTo(page, /^Stop/);
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Start publishing' }).waitFor();
    await context.close();
  });
});
