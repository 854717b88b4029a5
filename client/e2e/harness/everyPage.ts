import type { Page } from 'playwright-core';
import { eventually } from './eventually.ts';
import type { Furnished } from './furnish.ts';

export interface PageToSee {
  name: string;
  path: string;
  /** What has to be there before it is looked at, besides its heading. */
  ready?(page: Page): Promise<unknown>;
}

const boxes = (page: Page) =>
  eventually('boxes', () => page.evaluate(() => (window.framelock?.stats().exact ?? 0) > 0));

/** Every page of the app, of a product that `furnish` has filled. */
export function everyPage({ live, idle, recordingId }: Furnished): PageToSee[] {
  return [
    { name: 'streams', path: '/', ready: (page) => page.getByText('Front door').first().waitFor() },
    { name: 'publish', path: `/publish/${idle.id}` },
    { name: 'watch', path: `/watch/${live.id}`, ready: boxes },
    { name: 'stream', path: `/streams/${live.id}`, ready: boxes },
    { name: 'history', path: `/history?stream=${live.id}` },
    { name: 'recordings', path: '/recordings' },
    { name: 'recording', path: `/recordings/${recordingId}` },
    { name: 'brands', path: '/brands' },
    { name: 'exposure', path: `/streams/${live.id}/exposure` },
    { name: 'models', path: '/models', ready: (page) => page.getByText('YOLOX', { exact: false }).first().waitFor() },
    { name: 'alerts', path: '/alerts', ready: (page) => page.getByText('Somebody waits').first().waitFor() },
    {
      name: 'system',
      path: '/system',
      ready: (page) => page.getByRole('heading', { name: 'Nodes and processes' }).waitFor(),
    },
    { name: 'access', path: '/access', ready: (page) => page.getByRole('heading', { name: 'Users' }).waitFor() },
    { name: 'markers', path: '/markers' },
    { name: 'lost', path: '/nowhere' },
  ];
}

/** Opens it and waits until it shows what it has to show. */
export async function openPage(page: Page, url: string, { path, ready }: PageToSee): Promise<void> {
  await page.goto(url + path);
  await page.locator('h1').first().waitFor();
  await ready?.(page);
  await page.evaluate(() => document.fonts.ready);
  await page.waitForTimeout(600); // pictures, and what fades in
}
