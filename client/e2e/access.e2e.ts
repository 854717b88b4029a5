import { networkInterfaces } from 'node:os';
import { connect } from 'node:tls';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from './harness/eventually.ts';
import { Stage } from './harness/Stage.ts';

const adminToken = 'the-admin-token-of-this-test';
const password = 'a long enough password';
/** As another machine of the network reaches this one; browsers give no camera there without TLS. */
const address = Object.values(networkInterfaces())
  .flat()
  .find((one) => one?.family === 'IPv4' && !one.internal)?.address;

describe.skipIf(address === undefined)('off loopback, with a certificate of its own', () => {
  let stage: Stage;
  let url: string;

  beforeAll(async () => {
    stage = await Stage.create({ HOST: '0.0.0.0', ADMIN_TOKEN: adminToken, TLS_SELF_SIGNED: '1' });
    url = stage.product.url.replace('127.0.0.1', address!);
  });
  afterAll(() => stage?.close());

  /** As a person who went on in spite of the browser's warning. */
  const person = (): Promise<BrowserContext> =>
    stage.browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1280, height: 900 } });

  async function withToken(page: Page, path: string): Promise<void> {
    await page.goto(`${url}${path}`);
    await page.getByLabel('Access token').fill(adminToken);
    await page.getByRole('button', { name: 'Continue' }).click();
  }

  it('an administrator makes users and tokens, and finds all of it in the audit log', async () => {
    expect(url).toMatch(/^https:/);
    const context = await person();
    const page = await context.newPage();
    await withToken(page, '/access');
    await page.getByText(await fingerprintOf(url)).waitFor();

    await page.getByLabel('Name').first().fill('ada');
    await page.getByLabel(/^Password/).fill(password);
    await page
      .locator('section', { has: page.locator('#users-title') })
      .getByRole('button', { name: /^Create/ })
      .click();
    await page.getByRole('row', { name: /ada/ }).first().waitFor();

    const tokens = page.locator('section', { has: page.locator('#tokens-title') });
    await tokens.getByLabel('Name').fill('wall');
    await tokens.getByRole('button', { name: 'Create token' }).click();
    const token = (await tokens.locator('code').innerText()).trim();
    const ask = () => page.request.get(`${url}/api/v1/streams`, { headers: { authorization: `Bearer ${token}` } });
    expect((await ask()).status()).toBe(200);
    await tokens.getByRole('button', { name: 'Revoke wall' }).click();
    await eventually('the token is refused', async () => (await ask()).status() === 401);
    await page.reload();
    await page.getByText('POST /api/v1/tokens').first().waitFor();
    await context.close();
  });

  it('the user signs in, publishes a camera, shares it, and changes its key', async () => {
    const context = await person();
    const page = await context.newPage();
    await page.goto(`${url}/`);
    await page.getByLabel('Name').fill('ada');
    await page.getByLabel('Password').fill('not the password');
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByRole('alert').filter({ hasText: /./ }).waitFor();
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByRole('button', { name: 'Publish your camera' }).click();
    await page.getByRole('button', { name: 'Start publishing' }).click();
    await page.getByRole('button', { name: 'Stop' }).waitFor();

    const owner = await context.newPage();
    await owner.goto(`${url}/`);
    await owner.getByRole('button', { name: /^Settings of/ }).click();
    await owner.getByRole('button', { name: 'Make a link' }).click();
    await owner.getByRole('button', { name: /^Revoke the link/ }).waitFor();
    const streamId = page.url().match(/publish\/([^?#/]+)/)![1]!;
    const { shares } = (await (await owner.request.get(`${url}/api/v1/streams/${streamId}/shares`)).json()) as {
      shares: { url: string }[];
    };

    const guests = await person();
    const guest = await guests.newPage();
    await guest.goto(shares[0]!.url);
    await eventually('boxes for a guest', () => guest.evaluate(() => (window.framelock?.stats().exact ?? 0) > 0));
    await guest.goto(`${url}/access`);
    await guest.getByText('You are a guest with a link.').waitFor();

    await owner.getByRole('button', { name: 'New stream key…' }).click();
    const changed = owner.waitForResponse((answer) => answer.url().endsWith('/key') && answer.status() === 200);
    await owner.getByRole('button', { name: 'Change the key' }).click();
    await changed;
    await Promise.all([context.close(), guests.close()]);
  });
});

/** SHA-256 of the certificate that the port shows, in upper-case pairs with colons. */
async function fingerprintOf(at: string): Promise<string> {
  const { hostname, port } = new URL(at);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().fingerprint256);
      socket.destroy();
    });
    socket.once('error', reject);
  });
}
