import { createReadStream, existsSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from './harness/eventually.ts';
import { openBrowser } from './harness/openBrowser.ts';
import { Product } from './harness/Product.ts';
import { setSource, sourceIs } from './harness/streamSource.ts';

/** The file that the catalogue names; without it nothing can be downloaded that its sha256 lets through. */
const modelFile = join(process.env.FRAMELOCK_ASSETS ?? '/work/shared/assets', 'models/yolox_nano.onnx');

/** Sends slowly, so that there is progress to be seen; knows one model. */
function mirror(): Promise<Server> {
  const server = createServer(({ url }, response) => {
    if (url !== '/yolox-nano.onnx') return void response.writeHead(404).end();
    const file = createReadStream(modelFile, { highWaterMark: 256 * 1024 });
    file.on('data', (piece) => {
      response.write(piece);
      file.pause();
      setTimeout(() => file.resume(), 250);
    });
    file.on('end', () => response.end());
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

/** Takes what it is sent, or refuses it, as `status` says. */
class Receiver {
  readonly bodies: { type: string }[] = [];
  status = 200;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    server.on('request', (request, response) => {
      let text = '';
      request.on('data', (piece: Buffer) => (text += piece.toString()));
      request.on('end', () => {
        this.bodies.push(JSON.parse(text) as { type: string });
        response.writeHead(this.status).end();
      });
    });
  }

  static async create(): Promise<Receiver> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new Receiver(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

describe('pages of whoever runs it', () => {
  let product: Product;
  let browser: Browser;
  let page: Page;
  let models: Server;

  beforeAll(async () => {
    models = await mirror();
    product = await Product.create({
      MODEL_MIRROR: `http://127.0.0.1:${(models.address() as AddressInfo).port}`,
      EVENT_RETRY_SECONDS: '0.01',
    });
    browser = await openBrowser();
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  });
  afterAll(async () => {
    await browser?.close();
    await product?.close();
    models?.close();
  });

  it.skipIf(!existsSync(modelFile))('a model is downloaded with its progress, and used for a Stream', async () => {
    const stream = await product.createStream('Yard');
    await page.goto(`${product.url}/models`);
    await page.getByRole('button', { name: 'Download YOLOX-nano' }).click();
    const card = page.getByRole('article', { name: 'YOLOX-nano' });
    const bar = card.getByRole('progressbar');
    await bar.waitFor();
    await eventually('progress', async () => Number(await bar.getAttribute('aria-valuenow')) > 20);
    await card.getByText(/MB of 3\.7 MB/).waitFor();
    await card.getByText('Ready').waitFor();
    await card.getByRole('combobox').selectOption({ label: 'Yard' });
    await card.getByRole('link', { name: 'Yard' }).waitFor();
    expect((await product.stream(stream.id)).modelId).toBe('yolox-nano');

    await page.getByRole('button', { name: 'Download NanoDet' }).click();
    await page.getByRole('alert').filter({ hasText: 'could not be added' }).getByText('answered 404').waitFor();
  });

  it('a rule tells a webhook; what was given up is sent again', async () => {
    const receiver = await Receiver.create();
    await page.goto(`${product.url}/alerts`);
    await page.getByRole('button', { name: 'New target' }).first().click();
    await page.getByRole('button', { name: 'Create target' }).click();
    await page.getByText('an http:// or https:// URL').waitFor();
    await page.getByLabel('Name').fill('Hook');
    await page.getByLabel('URL').fill(receiver.url);
    await page.getByRole('button', { name: 'Create target' }).click();
    expect(await page.getByText('The secret of Hook').locator('..').locator('code').innerText()).toMatch(/^whsec_/);
    await page.getByRole('button', { name: 'Test Hook' }).click();
    await page.getByText('It took the test with 200').waitFor();
    expect(receiver.bodies.at(-1)?.type).toBe('test');

    await page.getByRole('button', { name: 'New rule' }).first().click();
    const form = page.getByRole('dialog');
    await form.getByRole('combobox', { name: 'When' }).selectOption('streamUp');
    await form.getByRole('checkbox', { name: 'Hook' }).check();
    await form.getByRole('textbox', { name: 'Name' }).fill('Somebody is live');
    await form.getByText('When a Stream goes live.').waitFor();
    await form.getByRole('button', { name: 'Create rule' }).click();
    await page.getByRole('switch', { name: 'Somebody is live is on' }).waitFor({ state: 'attached' });

    const first = await product.createStream('First');
    await setSource(product, first.id, { type: 'test' });
    await eventually('the delivery', () => receiver.bodies.some(({ type }) => type === 'ruleFired'), {
      withinMs: 60_000,
    });
    await page.getByRole('listitem').filter({ hasText: 'First to Hook' }).getByText('Delivered').waitFor();

    receiver.status = 500;
    const second = await product.createStream('Second');
    await setSource(product, second.id, { type: 'test' });
    const given = page.getByRole('listitem').filter({ hasText: 'Second to Hook' });
    await given.getByText('Given up').waitFor({ timeout: 90_000 });
    receiver.status = 204;
    await given.getByRole('button', { name: /again/ }).click();
    await given.getByText('Delivered').waitFor();
    receiver.close();
  });

  it('the system page shows a live Stream with its latency budget, its nodes and its processes', async () => {
    const live = await product.createStream('Watched');
    await setSource(product, live.id, { type: 'test' });
    await sourceIs(product, live.id, 'running');
    await page.goto(`${product.url}/system`);
    await page.getByText('Everything answers').waitFor();
    const row = page.getByRole('row', { name: /Watched/ });
    await row.getByText('running').waitFor();
    await eventually('a latency budget', async () =>
      /Inference [\d.]+ ms/.test((await row.getByRole('img').getAttribute('aria-label')) ?? ''),
    );
    await page
      .getByRole('row', { name: /^Inference inference-/ })
      .getByText('Connected')
      .waitFor();
    for (const name of ['Server', 'Media', 'HLS', 'Media worker 1']) {
      await page.getByRole('rowheader', { name, exact: true }).waitFor();
    }
    const chart = page.getByRole('img', { name: /^Frames a second: Video [\d.]+, Analysed [\d.]+/ });
    await chart.waitFor();
  });
});
