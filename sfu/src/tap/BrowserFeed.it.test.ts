import { encodeDetections } from '@framelock/server/protocol/analysis';
import { encode } from '@msgpack/msgpack';
import { createWorker, type types } from 'mediasoup';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { SfuMetrics } from '../metrics.ts';
import type { PeerTransport } from '../PeerTransport.ts';
import { Publication } from '../Publication.ts';
import { until } from '../testing/until.ts';
import { testWorkerBin } from '../testing/workerBin.ts';
import { BrowserFeed } from './BrowserFeed.ts';
import { DetectionFeed, type FeedWriter } from './DetectionFeed.ts';

let worker: types.Worker;
let router: types.Router;
let feed: DetectionFeed;
let metrics: SfuMetrics;
let page: types.DataProducer;
let browserFeed: BrowserFeed;
let seen: Buffer[];

beforeAll(async () => {
  worker = await createWorker({ workerBin: testWorkerBin() });
});
afterAll(() => worker?.close());
beforeEach(async () => {
  router = await worker.createRouter();
  metrics = new SfuMetrics();
  feed = await DetectionFeed.create({ publicationId: 'p1', router, metrics });
  // Stands for the channel of a page: the same DataProducer to everything behind it.
  page = await (await router.createDirectTransport()).produceData({ label: 'detections', protocol: 'framelock.v1' });
  browserFeed = await BrowserFeed.create({ router, feed, dataProducer: page, revision: 4 });
  browserFeed.attach();
  seen = [];
  const viewer = await (await router.createDirectTransport()).consumeData({ dataProducerId: feed.dataProducerId });
  viewer.on('message', (message) => seen.push(Buffer.from(message)));
});
afterEach(() => router.close());

const frame = {
  ...{ publicationId: 'p1', rtpTimestamp: 0xffff_fff0, sequence: 0, revision: 4, width: 640, height: 360 },
  ...{ receivedAtMs: 1e12, decodedAtMs: 1e12, inferredAtMs: 1e12 + 30, sentAtMs: 1e12 + 31 },
  objects: [{ label: 0, score: 0.9, x: 0.1, y: 0.2, w: 0.3, h: 0.4 }],
  trackIds: [1],
};
const message = (change: Partial<typeof frame> = {}): Buffer =>
  Buffer.from(encodeDetections({ ...frame, ...change }).bytes);

async function refusals(reason: string): Promise<number> {
  const { values } = await metrics.feedRefusals.get();
  return values.find(({ labels }) => labels['reason'] === reason)?.value ?? 0;
}

test('what a page sends reaches viewers and the mirror of HLS, byte for byte', async () => {
  const mirrored: Buffer[] = [];
  feed.mirror = (bytes) => mirrored.push(Buffer.from(bytes));
  page.send(message());
  await until('the message', () => seen.length === 1);
  expect(seen[0]).toEqual(message());
  expect(mirrored).toEqual(seen);
});

test('refuses and counts messages of another Publication, another revision, and what is no message', async () => {
  page.send(message({ publicationId: 'p2' }));
  page.send(message({ revision: 3 }));
  const more = { k: 'frame', v: 1, pub: 'p1', rtp: 1, seq: 0, model: 4, w: 1, h: 1, o: [] };
  const t = { received: 1, decoded: 0, inferred: 0, sent: 0 };
  const malformed = [
    Buffer.from('not msgpack at all'),
    Buffer.from(encode([1, 2])),
    Buffer.from(encode({ ...more, t, note: 'anything else' })),
    Buffer.from(encode({ ...more, t, o: [[0, 0, 0.5, 9, 9, 9, 9]] })),
    Buffer.from(encode({ ...more, t, rtp: -1 })),
    Buffer.from(encode({ ...more, t: {} })),
    Buffer.from(encode({ ...more, t: { ...t, note: 'anything else' } })),
  ];
  for (const bytes of malformed) page.send(bytes);
  page.send(message({ sequence: 1 }));
  await until('the good one', () => seen.length === 1);
  expect(await refusals('foreign')).toBe(1);
  expect(await refusals('oldRevision')).toBe(1);
  expect(await refusals('malformed')).toBe(malformed.length);
  expect(seen).toEqual([message({ sequence: 1 })]);
  browserFeed.revision = 5;
  page.send(message({ revision: 5 }));
  await until('the next revision', () => seen.length === 2);
});

test('a page that floods is cut off, and one that keeps sending nonsense loses its channel', async () => {
  for (let sequence = 0; sequence < 400; sequence++) page.send(message({ sequence }));
  await until('too many were refused', () => page.closed);
  expect(await refusals('rate')).toBe(100);
  expect(feed.hasWriter).toBe(false);
  await until('those within the rate', () => seen.length === 240);
});

test('a node does not take the place of the page, and has it when the page is gone', async () => {
  const reasons: string[] = [];
  const node: FeedWriter = { replaced: (reason) => reasons.push(reason) };
  feed.attach(node);
  expect(reasons).toEqual(['the publisher’s own page feeds this Publication']);
  expect(feed.send(node, message())).toBe('notTheWriter');
  browserFeed.close('requested');
  expect(page.closed).toBe(true);
  feed.attach(node);
  expect(feed.send(node, message())).toBeUndefined();
});

test('ends with the page’s channel, and with the Publication', async () => {
  page.close();
  await until('it ended', () => !feed.hasWriter);
  const second = await (await router.createDirectTransport()).produceData({ label: 'detections' });
  const next = await BrowserFeed.create({ router, feed, dataProducer: second, revision: 1 });
  next.attach();
  feed.close('the Publication ended');
  expect(second.closed).toBe(true);
});

test('a Publication closes also a channel that is still being made', async () => {
  const publication = await Publication.create({ publicationId: 'p2', streamId: 's1', router, metrics });
  const transport = { closed: false, produceData: () => Promise.resolve(page) } as unknown as PeerTransport;
  const made = publication.produceDetections(transport, {}, 1);
  publication.closeDetections('requested');
  await expect(made).rejects.toMatchObject({ code: 'conflict' });
  expect(page.closed).toBe(true);
  expect(publication.feed.hasWriter).toBe(false);
  publication.close('over');
});
