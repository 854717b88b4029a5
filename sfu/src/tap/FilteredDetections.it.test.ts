import { encodeDetections } from '@framelock/server/protocol/analysis';
import { decode } from '@msgpack/msgpack';
import { createWorker, type types } from 'mediasoup';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { DetectionMessage } from '@framelock/server/protocol';
import { SfuMetrics } from '../metrics.ts';
import { until } from '../testing/until.ts';
import { testWorkerBin } from '../testing/workerBin.ts';
import { DetectionFeed } from './DetectionFeed.ts';

let worker: types.Worker;
let router: types.Router;
let feed: DetectionFeed;
const writer = { replaced: () => undefined };

beforeAll(async () => {
  worker = await createWorker({ workerBin: testWorkerBin() });
});
afterAll(() => worker?.close());
beforeEach(async () => {
  router = await worker.createRouter();
  feed = await DetectionFeed.create({ publicationId: 'p1', router, metrics: new SfuMetrics() });
  feed.attach(writer);
});
afterEach(() => router.close());

async function viewer(dataProducerId: string): Promise<DetectionMessage[]> {
  const transport = await router.createDirectTransport();
  const dataConsumer = await transport.consumeData({ dataProducerId });
  const messages: DetectionMessage[] = [];
  dataConsumer.on('message', (message) => messages.push(decode(message) as DetectionMessage));
  return messages;
}

/** An analysed Frame with one object of each of these label indices. */
function send(rtpTimestamp: number, labels: number[], revision = 1): void {
  const objects = labels.map((label) => ({ label, score: 0.75, x: 0.1, y: 0.2, w: 0.3, h: 0.4 }));
  const times = { receivedAtMs: 1_700_000_000_000, decodedAtMs: 1_700_000_000_004, inferredAtMs: 1_700_000_000_020 };
  const { bytes } = encodeDetections({
    ...{ publicationId: 'p1', rtpTimestamp, sequence: rtpTimestamp, revision, width: 640, height: 360 },
    ...{ ...times, sentAtMs: 1_700_000_000_021, objects, trackIds: labels.map((_, i) => i + 1) },
  });
  expect(feed.send(writer, Buffer.from(bytes))).toBeUndefined();
}

const labelsOf = ({ o }: DetectionMessage) => o.map(([, label]) => label);

test('who hides labels gets each Frame without them, and everybody else all of it', async () => {
  feed.filtered.describe({ revision: 1, labels: ['person', 'dog', 'car'] });
  const all = await viewer(feed.dataProducerId);
  const noPeople = await viewer((await feed.filtered.open(['person']))!.dataProducerId);
  const same = await feed.filtered.open(['dog', 'person']);
  const again = await feed.filtered.open(['person', 'dog']);
  expect(again!.dataProducerId).toBe(same!.dataProducerId);
  const cars = await viewer(same!.dataProducerId);
  expect(feed.dump()).toMatchObject({ filters: 2 });

  send(1, [0, 1, 2]);
  send(2, [0]);
  send(3, []);
  send(4, [2]);
  for (const seen of [all, noPeople, cars]) await until('4 messages', () => seen.length === 4);
  expect(all.map(labelsOf)).toEqual([[0, 1, 2], [0], [], [2]]);
  expect(noPeople.map(labelsOf)).toEqual([[1, 2], [], [], [2]]);
  expect(cars.map(labelsOf)).toEqual([[2], [], [], [2]]);
  // Nothing else of a message changes: numbers too are as exact as before.
  expect({ ...noPeople[0], o: [] }).toEqual({ ...all[0], o: [] });
  expect(noPeople[0]!.o).toEqual(all[0]!.o.slice(1));
});

test('what a revision means is told first; until then its messages go out whole', async () => {
  const seen = await viewer((await feed.filtered.open(['person']))!.dataProducerId);
  send(1, [0], 2);
  await until('a message', () => seen.length === 1);
  feed.filtered.describe({ revision: 2, labels: ['person'] });
  send(2, [0], 2);
  for (let revision = 3; revision < 40; revision++) feed.filtered.describe({ revision, labels: ['dog'] });
  send(3, [0], 39);
  await until('all messages', () => seen.length === 3);
  expect(seen.map(labelsOf)).toEqual([[0], [], [0]]);
});

test('a wish ends with its last viewer, and there are not more than so many', async () => {
  const first = (await feed.filtered.open(['a']))!;
  const second = (await feed.filtered.open(['a']))!;
  first.release();
  first.release();
  expect(feed.filtered.size).toBe(1);
  const seen = await viewer(second.dataProducerId);
  send(1, [0]);
  await until('a message', () => seen.length === 1);
  second.release();
  expect(feed.filtered.size).toBe(0);

  const opened = await Promise.all(Array.from({ length: 20 }, (_, i) => feed.filtered.open([`label ${i}`])));
  expect(opened.filter((one) => one !== undefined)).toHaveLength(16);
  for (const one of opened) one?.release();
  expect(feed.filtered.size).toBe(0);
  expect(await feed.filtered.open(['a'])).toBeDefined();
});
