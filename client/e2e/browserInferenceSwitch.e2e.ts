import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from './harness/eventually.ts';
import './harness/framelockWindow.ts';
import { proofViewport } from './harness/proveStream.ts';
import { Stage } from './harness/Stage.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await Stage.create();
});
afterAll(() => stage?.close());

const exactOf = (viewer: Page) => viewer.evaluate(() => window.framelock?.stats().exact ?? 0);

it('moves the model between browser and server while live', async () => {
  const { product, browser } = stage;
  const stream = await product.createStream('here and there');
  const context = await browser.newContext(proofViewport);
  const publisher = await context.newPage();
  const size = { width: '640', height: '360', fps: '30' };
  const query = new URLSearchParams({ autostart: '1', codec: 'vp8', analysis: 'browser', model: 'marker', ...size });
  await publisher.goto(`${product.url}/publish/${stream.id}?${query}`);
  const viewer = await context.newPage();
  await viewer.goto(`${product.url}/watch/${stream.id}?mode=lock`);
  const seen = async () => {
    const { publication, analysis } = await product.stream(stream.id);
    return { id: publication?.id, ...analysis };
  };
  const isHere = async () => {
    const { computedBy, timing, analysisFps = 0 } = await seen();
    return computedBy === 'browser' && timing === 'known' && analysisFps > 0;
  };
  const exactGrows = async () => {
    const before = await exactOf(viewer);
    await eventually('exact boxes go on', async () => (await exactOf(viewer)) > before + 5, { withinMs: 60_000 });
  };
  await eventually('it is computed in the browser', isHere, { withinMs: 90_000 });
  await exactGrows();
  const { id } = await seen();

  const here = publisher.getByRole('checkbox', { name: 'Run the model in this browser' });
  await here.uncheck();
  const isThere = async () => {
    const { computedBy, state, analysisFps = 0 } = await seen();
    return computedBy !== 'browser' && state === 'running' && analysisFps > 0;
  };
  await eventually('it is computed on the server', isThere, { withinMs: 60_000 });
  // Video was not interrupted for it.
  expect((await seen()).id).toBe(id);
  await exactGrows();

  await here.check();
  await eventually('it is computed in the browser again', isHere, { withinMs: 90_000 });
  expect((await seen()).id).not.toBe(id);
  await exactGrows();
  expect(await viewer.evaluate(() => window.framelock!.stats().wrongFrame)).toBe(0);
  expect(await publisher.evaluate(() => document.querySelector('[role=alert]') === null)).toBe(true);
});
