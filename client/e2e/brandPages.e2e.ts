import { readFile } from 'node:fs/promises';
import {
  brandListSchema,
  exposureSummarySchema,
  galleryFileSchema,
  type BrandList,
  type BrandView,
  type ExposureSummary,
} from '@framelock/server/protocol';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from './harness/eventually.ts';
import './harness/framelockWindow.ts';
import { openBrowser } from './harness/openBrowser.ts';
import { Product } from './harness/Product.ts';

/** What a person meets of brands in our pages: adding, changing, marking and deleting them, and the report. */
const viewport = { viewport: { width: 1280, height: 860 } };
const svg = (inside: string) => `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48">${inside}</svg>`;
/** Of no known brand. */
const harbour = svg('<path fill="#1f5fd6" d="M24 3l18 14-6 22H12L6 17z"/><circle cx="24" cy="23" r="8" fill="#fff"/>');

interface DroppedFile {
  name: string;
  type: string;
  /** SVG to be a file as it is, or to be drawn as a PNG. */
  svg?: string;
  text?: string;
}

/** Drops files on the page as a person does; a PNG is drawn by the browser from its SVG. */
async function dropFiles(page: Page, files: DroppedFile[]): Promise<void> {
  await page.evaluate(async (given) => {
    const transfer = new DataTransfer();
    for (const { name, type, svg: drawing, text } of given) {
      let content: BlobPart = text ?? drawing ?? '';
      if (type === 'image/png' && drawing) {
        const image = new Image(192, 192);
        image.src = `data:image/svg+xml,${encodeURIComponent(drawing)}`;
        await image.decode();
        const canvas = new OffscreenCanvas(192, 192);
        canvas.getContext('2d')!.drawImage(image, 0, 0, 192, 192);
        content = await canvas.convertToBlob({ type });
      }
      transfer.items.add(new File([content], name, { type }));
    }
    const main = document.querySelector('main')!;
    for (const kind of ['dragenter', 'dragover', 'drop']) {
      main.dispatchEvent(new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true }));
    }
  }, files);
}

describe('brands in our pages', () => {
  let product: Product;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    product = await Product.create({ MODEL: 'brands' });
    browser = await openBrowser();
    page = await (await browser.newContext(viewport)).newPage();
    await eventually('brands are answered', async () => (await list()).total >= 0);
  });

  afterAll(async () => {
    await browser?.close();
    await product?.close();
  });

  async function list(query = ''): Promise<BrandList> {
    const response = await fetch(`${product.url}/api/v1/brands?${query}`);
    return brandListSchema.parse(await response.json());
  }
  async function ownBrand(name: string): Promise<BrandView | undefined> {
    return (await list('origin=own')).brands.find((brand) => brand.name === name);
  }
  /** What the page says of one whose images were looked at, where a model is there to look. */
  async function stateWords(): Promise<string> {
    return (await list()).model ? 'Recognised' : 'Waiting for a model';
  }
  const card = (name: string) =>
    page.getByRole('article').filter({ has: page.getByRole('heading', { name, exact: true }) });
  const slider = (name: string) => page.getByRole('slider', { name: `Threshold of ${name}` });

  it('a brand is added by dropping a PNG and an SVG on the page, and what is no image is left out with the reason', async () => {
    await page.goto(`${product.url}/brands`);
    await page.getByRole('heading', { name: 'Brands', exact: true }).waitFor();
    await dropFiles(page, [
      { name: 'blue-harbour_logo.png', type: 'image/png', svg: harbour },
      { name: 'harbour.svg', type: 'image/svg+xml', svg: harbour.replace('48 48', '48 50') },
      { name: 'moving.gif', type: 'image/gif', text: 'GIF89a' },
    ]);
    const dialog = page.getByRole('dialog', { name: 'Add a brand' });
    await dialog.getByText('this is a GIF: send a PNG, JPEG or SVG').waitFor();
    expect(await dialog.getByRole('listitem').getByRole('img').count()).toBe(2);
    expect(await dialog.getByLabel('Name', { exact: true }).inputValue()).toBe('Blue Harbour');
    await dialog.getByRole('button', { name: 'Add brand' }).click();
    await card('Blue Harbour')
      .getByText(await stateWords(), { exact: true })
      .waitFor();
    await card('Blue Harbour').getByRole('button', { name: '2 images' }).waitFor();
    expect((await ownBrand('Blue Harbour'))!.images).toHaveLength(2);
    // Its picture is decoded and shown.
    await eventually('its mark is seen', () =>
      card('Blue Harbour')
        .getByRole('img')
        .evaluate((image: HTMLImageElement) => image.naturalWidth > 0),
    );
  });

  it("what only the server can know of an image is said in the server's words, and nothing is kept", async () => {
    await dropFiles(page, [{ name: 'kite.svg', type: 'image/svg+xml', svg: svg('<script>alert(1)</script>') }]);
    const dialog = page.getByRole('dialog', { name: 'Add a brand' });
    await dialog.getByRole('button', { name: 'Add brand' }).click();
    await dialog.getByText(/Not added: .*scripts/).waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
    expect(await ownBrand('Kite')).toBeUndefined();
  });

  it('its threshold is set by keys and given back to the model; it is switched off, and found among what is off', async () => {
    const name = 'Blue Harbour';
    await slider(name).focus();
    await slider(name).press('End');
    await slider(name).press('ArrowLeft');
    await eventually('it is set', async () => (await ownBrand(name))!.threshold === 0.99);
    await card(name).getByText('99 %').waitFor();
    await card(name)
      .getByRole('button', { name: /own threshold/ })
      .click();
    await eventually("it is the model's own", async () => (await ownBrand(name))!.threshold === null);

    await card(name).getByRole('switch').uncheck({ force: true });
    await eventually('it is off', async () => (await ownBrand(name))!.state === 'off');
    await page.getByText('Off', { exact: true }).first().click();
    await card(name).waitFor();
    expect(await page.getByRole('article').count()).toBe((await list('enabled=false')).total);
    await card(name).getByRole('switch').check({ force: true });
    await eventually('it is on', async () => (await ownBrand(name))!.enabled);
    await page.getByText('All', { exact: true }).click();
    await page.getByLabel('Search brands').fill('no such brand at all');
    await page.getByText('No such brand').waitFor();
    await page.getByLabel('Search brands').fill('harb');
    await card(name).waitFor();
    expect(await page.getByRole('article').count()).toBe((await list('query=harb')).total);
    await page.getByLabel('Search brands').fill('');
  });

  it('own brands are exported, deleted after a question, and come back from the file', async () => {
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Export' }).click(),
    ]);
    const path = await download.path();
    const file = galleryFileSchema.parse(JSON.parse(await readFile(path, 'utf8')));
    expect(file.brands.map(({ name, images }) => [name, images.length])).toEqual([['Blue Harbour', 2]]);

    await card('Blue Harbour').getByRole('button', { name: 'Delete Blue Harbour' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete brand' }).click();
    await card('Blue Harbour').waitFor({ state: 'detached' });
    expect(await ownBrand('Blue Harbour')).toBeUndefined();

    const importing = async () =>
      page.getByLabel('Gallery file to import').setInputFiles({
        name: 'gallery.json',
        mimeType: 'application/json',
        buffer: await readFile(path),
      });
    await importing();
    await page.getByText('gallery.json: 1 brand added').waitFor();
    await card('Blue Harbour')
      .getByText(await stateWords(), { exact: true })
      .waitFor();
    await importing();
    await page.getByText('gallery.json: 1 already there').waitFor();
  });

  describe('on a Stream', () => {
    let streamId: string;

    beforeAll(async () => {
      streamId = (await product.createStream('brand pages')).id;
      const response = await fetch(`${product.url}/api/v1/streams/${streamId}/source`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ type: 'test' }),
      });
      expect(response.ok).toBe(true);
    });

    async function openTool(): Promise<void> {
      // The first picture that can be copied may still be on its way: a person presses again.
      const dialog = page.getByRole('dialog', { name: 'Mark a brand in this picture' });
      await eventually('the tool is open', async () => {
        if (!(await dialog.isVisible())) await page.keyboard.press('b');
        return dialog.isVisible();
      });
    }

    it('a mark in the picture of this moment is boxed by keys and becomes a brand; by mouse another image of it', async () => {
      await page.goto(`${product.url}/watch/${streamId}`);
      await eventually('a picture', () => page.evaluate(() => (window.framelock?.stats().framesPresented ?? 0) > 5));
      await openTool();
      const picture = page.getByRole('group', { name: /^The picture/ });
      await picture.focus();
      await picture.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'hidden' });

      await openTool();
      await picture.press('Enter');
      const before = await page.locator('#mark-size').textContent();
      await picture.press('Shift+ArrowLeft');
      await picture.press('ArrowUp');
      expect(await page.locator('#mark-size').textContent()).not.toBe(before);
      await page.getByLabel('Name of the brand').fill('Seen on air');
      await page.getByRole('button', { name: 'Add brand' }).click();
      await page.getByRole('dialog').waitFor({ state: 'hidden' });
      const marked = (await ownBrand('Seen on air'))!;
      expect(marked.images).toHaveLength(1);
      expect(marked.images[0]!.box.w).toBeLessThan(1);

      await openTool();
      const field = (await picture.boundingBox())!;
      await page.mouse.move(field.x + field.width * 0.2, field.y + field.height * 0.2);
      await page.mouse.down();
      await page.mouse.move(field.x + field.width * 0.5, field.y + field.height * 0.5, { steps: 4 });
      await page.mouse.up();
      await page.getByText('Add to a brand').click();
      await page.getByLabel('Brand', { exact: true }).selectOption('Seen on air');
      await page.getByRole('button', { name: 'Add image' }).click();
      await page.getByRole('dialog').waitFor({ state: 'hidden' });
      expect((await ownBrand('Seen on air'))!.images).toHaveLength(2);
    });

    async function report(): Promise<ExposureSummary> {
      const response = await fetch(`${product.url}/api/v1/exposure?streamId=${streamId}`);
      return exposureSummarySchema.parse(await response.json());
    }

    it('before any brand was seen the report says so, and a range that ends before it begins is not asked for', async () => {
      const { id } = await product.createStream('nothing seen');
      await page.goto(`${product.url}/streams/${id}/exposure`);
      await page.getByText('No brand seen yet').waitFor();
      await page.getByText('Nothing was analysed in this time').waitFor();
      // Nothing is published that it could be about.
      expect(await page.getByRole('radio', { name: 'All', exact: true }).isChecked()).toBe(true);
      expect(await page.getByRole('radio', { name: 'This publication' }).isDisabled()).toBe(true);
      await page.getByText('Custom', { exact: true }).click();
      for (const [label, value] of [
        ['From', '2026-01-02T00:00:00'],
        ['To', '2026-01-01T00:00:00'],
      ] as const) {
        await page.getByLabel(label, { exact: true }).fill(value);
        await page.getByLabel(label, { exact: true }).blur();
      }
      await page.getByText('It ends before it begins').waitFor();
    });

    it('the report tells each brand of the test picture as the API does, live, and its files are the same', async () => {
      await eventually('brands are reported', async () => (await report()).brands.length > 0, { withinMs: 90_000 });
      await page.goto(`${product.url}/streams/${streamId}/exposure`);
      await page.getByRole('heading', { name: 'Seconds on screen' }).waitFor();
      const [first] = (await report()).brands;
      const row = page.getByRole('row').filter({ has: page.getByRole('rowheader', { name: first!.name }) });
      await row.first().waitFor();
      const shown = () => row.first().getByRole('cell').first().textContent();
      const before = await shown();
      await eventually('it grows by itself', async () => (await shown()) !== before);
      await page.getByRole('img', { name: new RegExp(`^Where ${first!.name} was`) }).waitFor();
      await page.getByText(/^Analysed /).waitFor();

      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('button', { name: 'Download report as CSV' }).click(),
      ]);
      expect(download.suggestedFilename()).toBe('brand-pages-exposure.csv');
      expect(await readFile(await download.path(), 'utf8')).toContain(first!.name);

      await page.getByText('Single appearances').click();
      await eventually('appearances are listed', async () => (await page.locator('details tbody tr').count()) > 0);
      await page.getByText('Custom', { exact: true }).click();
      await page.getByLabel('To', { exact: true }).fill('2020-01-01T00:00:00');
      await page.getByLabel('To', { exact: true }).blur();
      await page.getByText('No brand seen yet').waitFor();
    });
  });
});
