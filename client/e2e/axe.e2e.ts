import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { AxeResults, RunOptions } from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { everyPage, openPage } from './harness/everyPage.ts';
import { furnish, type Furnished } from './harness/furnish.ts';
import { openBrowser } from './harness/openBrowser.ts';
import { Product } from './harness/Product.ts';

const axePath = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const themes = ['dark', 'light'] as const;
const widths = [
  { name: 'desktop', viewport: { width: 1280, height: 900 } },
  { name: 'phone', viewport: { width: 390, height: 844 } },
] as const;

let axe: string;

beforeAll(async () => {
  axe = await readFile(axePath, 'utf8');
});

/** What axe finds serious or worse, as one line each. */
async function issuesOf(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(async () => {
    const { axe: run } = window as unknown as { axe: { run(options: RunOptions): Promise<AxeResults> } };
    return run.run({ resultTypes: ['violations'] });
  });
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target.join(' ')}: ${node.failureSummary ?? ''}`));
}

async function audit(page: Page, name: string): Promise<void> {
  for (const colorScheme of themes) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    // Colours that fade would be judged half-way.
    await page.addStyleTag({ content: '*, *::before, *::after { transition: none !important; }' });
    await page.waitForTimeout(150);
    expect.soft(await issuesOf(page), `${name}, ${colorScheme}`).toEqual([]);
  }
}

describe.each(widths)('axe finds nothing serious at $name width', ({ viewport }) => {
  let product: Product;
  let browser: Browser;
  let furnished: Furnished;

  beforeAll(async () => {
    product = await Product.create();
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await product?.close();
  });

  it('on the first page of a new user', async () => {
    const page = await browser.newPage({ viewport });
    await page.goto(product.url);
    await page.getByRole('button', { name: 'Publish your camera' }).waitFor();
    await audit(page, 'empty');
    await page.close();
  });

  it('on every page in use', async () => {
    furnished = await furnish(product);
    const page = await browser.newPage({ viewport });
    for (const one of everyPage(furnished)) {
      await openPage(page, product.url, one);
      await audit(page, one.name);
    }
    await page.close();
  });

  it('in the forms of alerts', async () => {
    const page = await browser.newPage({ viewport });
    await page.goto(`${product.url}/alerts`);
    await page.getByRole('button', { name: 'New rule' }).click();
    await page.getByRole('button', { name: 'Create rule' }).click();
    await audit(page, 'new rule');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'New target' }).click();
    await audit(page, 'new target');
    await page.close();
  });
});
