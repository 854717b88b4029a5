/**
 * Pictures of every page for docs/screenshots/: `node client/e2e/screenshots.ts [page...]`, after a client build. By hand,
 * since nothing is judged here: look at each of them.
 */
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { everyPage, openPage } from './harness/everyPage.ts';
import { furnish } from './harness/furnish.ts';
import { openBrowser } from './harness/openBrowser.ts';
import { Product } from './harness/Product.ts';

const root = new URL('../../', import.meta.url).pathname;
const folder = join(root, 'docs/screenshots');
const maxBytes = 200_000;
const sizes = [
  { name: 'desktop', viewport: { width: 1280, height: 800 } },
  { name: 'phone', viewport: { width: 390, height: 844 } },
] as const;

// Where set-up found its tools, as vitest.config.ts reads them.
const toolsFile = join(root, '.cache/tools.json');
const tools = existsSync(toolsFile) ? (JSON.parse(readFileSync(toolsFile, 'utf8')) as Record<string, string>) : {};
for (const [name, path] of Object.entries(tools)) process.env[name] ||= path;

/** As good as fits. */
async function take(page: Page, name: string): Promise<void> {
  for (let quality = 88; quality >= 40; quality -= 8) {
    const jpeg = await page.screenshot({ type: 'jpeg', quality, animations: 'disabled' });
    if (jpeg.length >= maxBytes && quality > 40) continue;
    await writeFile(join(folder, `${name}.jpg`), jpeg);
    console.log(`${name}.jpg ${Math.round(jpeg.length / 1000)} kB`);
    return;
  }
}

const wanted = new Set(process.argv.slice(2));
await mkdir(folder, { recursive: true });
// The test picture is made of marks: with the brand model there is something in every picture.
const product = await Product.create({ MODEL: 'brands' });
const browser = await openBrowser();
try {
  const empty = { name: 'empty', path: '/' };
  const takeAll = async (pages: ReturnType<typeof everyPage>) => {
    for (const { name: size, viewport } of sizes) {
      for (const colorScheme of ['dark', 'light'] as const) {
        const context = await browser.newContext({ viewport, colorScheme, deviceScaleFactor: 1 });
        const page = await context.newPage();
        for (const one of pages.filter(({ name }) => wanted.size === 0 || wanted.has(name))) {
          try {
            await openPage(page, product.url, one);
            await page.waitForTimeout(1_200); // figures that come once a second
            await take(page, `${one.name}-${size}-${colorScheme}`);
          } catch (error) {
            process.exitCode = 1;
            console.error(`${one.name}: ${(error as Error).message}`);
          }
        }
        await context.close();
      }
    }
  };
  await takeAll([empty]);
  const furnished = await furnish(product);
  // Charts reach back some minutes: a page of a product that just began says little.
  await new Promise((resolve) => setTimeout(resolve, Number(process.env.SCREENSHOTS_WAIT_MS ?? 60_000)));
  await takeAll(everyPage(furnished));
} finally {
  await browser.close();
  await product.close();
}
