import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createFakeInference, createFakeSfu, type FakeInference, type FakeSfu } from '../../test/fakeNodes.ts';
import { nodeSecret, TestServer } from '../../test/TestServer.ts';
import type { BrowserModel } from '../protocol/index.ts';

let server: TestServer;
let sfu: FakeSfu;
let inference: FakeInference;
let streamId: string;

beforeAll(async () => {
  server = await TestServer.create();
  sfu = await createFakeSfu(nodeSecret);
  inference = await createFakeInference(nodeSecret);
  await Promise.all([server.attach(sfu), server.attach(inference)]);
});
afterAll(async () => {
  await server.close();
  await Promise.all([sfu.close(), inference.close()]);
});
beforeEach(async () => {
  streamId = (await server.createStream()).id;
  sfu.calls.length = 0;
  inference.calls.length = 0;
});

const sizes = { inputWidth: 512, inputHeight: 288 };
const model: BrowserModel = { modelId: 'marker', name: 'Markers', labels: ['A'], executionProvider: 'wasm', ...sizes };
const sctpStreamParameters = { streamId: 0, ordered: false, maxPacketLifeTime: 500 };

/** A page that said before publishing that it computes the detections itself. */
async function publisherPage() {
  const page = await server.client();
  await page.request('join', { streamId, role: 'publish' });
  expect(await page.request('setAnalysis', { by: 'browser', model })).toEqual({ revision: null });
  const { transport } = await page.request('createTransport', { direction: 'send', data: true });
  const transportId = transport.id as string;
  const { publicationId } = await page.request('produce', { transportId, kind: 'video', rtpParameters: {} });
  return Object.assign(page, { transportId, publicationId });
}

async function watcher() {
  const client = await server.client();
  return Object.assign(client, { joined: await client.request('join', { streamId, role: 'watch' }) });
}

it('analyses in the page and asks no node; viewers are told who computes it', async () => {
  const early = await watcher();
  const page = await publisherPage();
  const { description } = await early.event('modelDescription');
  expect(description).toMatchObject({ ...model, computedBy: 'browser', revision: 1 });
  expect(description.producerId).toBeDefined();
  expect(sfu.callsOf('createTransport')).toMatchObject([{ direction: 'send', data: true }]);

  const { transportId, publicationId } = page;
  const made = await page.request('produceDetections', { transportId, sctpStreamParameters });
  expect(made.revision).toBe(1);
  expect(sfu.callsOf('produceDetections')).toEqual([{ transportId, publicationId, sctpStreamParameters, revision: 1 }]);
  await page.request('reportAnalysis', { state: 'running', executionProvider: 'wasm', threads: 2, analysisFps: 9 });
  const running = await early.event('analysis', ({ analysis }) => analysis.state === 'running');
  expect(running.analysis).toMatchObject({
    computedBy: 'browser',
    executionProvider: 'wasm',
    threads: 2,
    analysisFps: 9,
  });
  const late = await watcher();
  expect(late.joined).toMatchObject({
    analysis: { state: 'running', computedBy: 'browser' },
    modelDescription: { computedBy: 'browser', labels: ['A'] },
  });
  expect(inference.callsOf('openTap')).toEqual([]);
  expect(sfu.callsOf('openTap')).toEqual([]);
  for (const client of [early, late, page]) client.close();
});

it('tells other labels as a new revision, of which the sfu hears first', async () => {
  const early = await watcher();
  const page = await publisherPage();
  const { publicationId } = page;
  const other = { ...model, labels: ['A', 'B'] };
  expect(await page.request('setAnalysis', { by: 'browser', model: other })).toEqual({ revision: 2 });
  expect(sfu.callsOf('setDetectionsRevision')).toEqual([{ publicationId, revision: 2 }]);
  const told = await early.event('modelDescription', ({ description }) => description.revision === 2);
  expect(told.description).toMatchObject({ labels: ['A', 'B'], computedBy: 'browser' });
  const together = ['C', 'D'].map((label) =>
    page.request('setAnalysis', { by: 'browser', model: { ...model, labels: [label] } }),
  );
  expect(await Promise.all(together)).toEqual([{ revision: 3 }, { revision: 4 }]);
  expect(sfu.callsOf('setDetectionsRevision').map(({ revision }) => revision)).toEqual([2, 3, 4]);
  for (const client of [early, page]) client.close();
});

it('goes back to a node when the page says so, with a revision of its own; and to the page again', async () => {
  const early = await watcher();
  const page = await publisherPage();
  const { transportId, publicationId } = page;
  await page.request('produceDetections', { transportId, sctpStreamParameters });
  expect(await page.request('setAnalysis', { by: 'node' })).toEqual({ revision: null });
  const { description } = await early.event('modelDescription', (told) => told.description.revision === 2);
  expect(description.computedBy).toBeUndefined();
  expect(sfu.callsOf('closeDetections')).toEqual([{ publicationId }]);
  expect(inference.callsOf('startAnalysis')).toMatchObject([{ publicationId, firstRevision: 2 }]);
  await expect(page.request('reportAnalysis', { state: 'running' })).rejects.toMatchObject({ code: 'conflict' });
  await expect(page.request('produceDetections', { transportId, sctpStreamParameters })).rejects.toMatchObject({
    code: 'conflict',
  });

  expect(await page.request('setAnalysis', { by: 'browser', model })).toEqual({ revision: 3 });
  expect(inference.callsOf('stopAnalysis')).toMatchObject([{ publicationId }]);
  for (const client of [early, page]) client.close();
});

it('a publisher that comes after it, without a model, is analysed by a node', async () => {
  const early = await watcher();
  const page = await publisherPage();
  page.close();
  await early.event('publicationEnded');
  const next = await server.client();
  await next.publish(streamId);
  const running = await early.event('analysis', ({ analysis }) => analysis.state === 'running');
  expect(running.analysis.computedBy).toBeUndefined();
  for (const client of [early, next]) client.close();
});

it('refuses what no page of ours says, and who has no say', async () => {
  const viewer = await watcher();
  await expect(viewer.request('setAnalysis', { by: 'browser', model })).rejects.toMatchObject({ code: 'forbidden' });
  await expect(viewer.request('reportAnalysis', { state: 'running' })).rejects.toMatchObject({ code: 'forbidden' });
  await expect(viewer.request('createTransport', { direction: 'recv', data: true })).rejects.toMatchObject({
    code: 'badRequest',
  });
  const page = await publisherPage();
  const bad = [
    { by: 'browser' },
    { by: 'browser', model: { ...model, executionProvider: 'cuda' } },
    { by: 'browser', model: { ...model, labels: ['x'.repeat(101)] } },
    { by: 'somebody' },
  ];
  for (const wish of bad) {
    await expect(page.request('setAnalysis', wish as never)).rejects.toMatchObject({ code: 'badRequest' });
  }
  const reports = [
    { state: 'off' },
    { state: 'running', analysisFps: -1 },
    { state: 'running', nodeId: 'not-mine-to-say' },
    {
      state: 'running',
      dropped: Object.fromEntries(Array.from({ length: 17 }, (_, i) => ['abcdefghijklmnopq'[i], 1])),
    },
    { state: 'failed', reason: 'x'.repeat(301) },
  ];
  for (const report of reports) {
    await expect(page.request('reportAnalysis', report as never)).rejects.toMatchObject({ code: 'badRequest' });
  }
  // Only the publisher itself, also where another peer may publish.
  const other = await server.client();
  await expect(other.request('join', { streamId, role: 'publish' })).rejects.toMatchObject({ code: 'conflict' });
  for (const client of [viewer, page, other]) client.close();
});
