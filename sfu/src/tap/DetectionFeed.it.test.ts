import { createWorker, type types } from 'mediasoup';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { SfuMetrics } from '../metrics.ts';
import { until } from '../testing/until.ts';
import { testWorkerBin } from '../testing/workerBin.ts';
import { DetectionFeed, maxFeedMessageBytes, type FeedWriter } from './DetectionFeed.ts';

let worker: types.Worker;
let router: types.Router;
let feed: DetectionFeed;
let metrics: SfuMetrics;

class Writer implements FeedWriter {
  readonly reasons: string[] = [];
  replaced(reason: string): void {
    this.reasons.push(reason);
  }
}

beforeAll(async () => {
  worker = await createWorker({ workerBin: testWorkerBin() });
});
afterAll(() => worker?.close());
beforeEach(async () => {
  router = await worker.createRouter();
  metrics = new SfuMetrics();
  feed = await DetectionFeed.create({ publicationId: 'p1', router, metrics });
});
afterEach(() => router.close());

async function viewer(): Promise<Buffer[]> {
  const transport = await router.createDirectTransport();
  const dataConsumer = await transport.consumeData({ dataProducerId: feed.dataProducerId });
  expect(dataConsumer).toMatchObject({ label: 'detections', protocol: 'framelock.v1' });
  const messages: Buffer[] = [];
  dataConsumer.on('message', (message) => messages.push(Buffer.from(message)));
  return messages;
}

describe('DetectionFeed', () => {
  test('one send reaches every viewer, byte for byte', async () => {
    const viewers = await Promise.all([viewer(), viewer(), viewer()]);
    const writer = new Writer();
    feed.attach(writer);
    const sent = [
      Buffer.from([0x80]),
      Buffer.from([0x81, 1, 2]),
      Buffer.concat([Buffer.from([0xde]), Buffer.alloc(60_000, 7)]),
    ];
    for (const message of sent) expect(feed.send(writer, message)).toBeUndefined();
    for (const messages of viewers) {
      await until('3 messages', () => messages.length === 3);
      expect(messages.map((message) => message.toString('hex'))).toEqual(
        sent.map((message) => message.toString('hex')),
      );
    }
    expect(feed.dump()).toMatchObject({ messages: 3, refused: 0, hasWriter: true });
  });

  test('refuses and counts what is no detection message', async () => {
    const writer = new Writer();
    feed.attach(writer);
    expect(feed.send(writer, Buffer.alloc(0))).toBe('empty');
    expect(feed.send(writer, Buffer.alloc(maxFeedMessageBytes + 1, 0x80))).toBe('oversized');
    for (const first of [0x00, 0x7b, 0x90, 0xc0, 0xdc, 0xff]) {
      expect(feed.send(writer, Buffer.from([first, 0]))).toBe('notAMap');
    }
    expect(feed.send(new Writer(), Buffer.from([0x80]))).toBe('notTheWriter');
    expect(feed.dump()).toMatchObject({ messages: 0, refused: 9 });
    expect(await metrics.registry.metrics()).toContain('framelock_feed_refused_total{reason="notAMap"} 6');
  });

  test('a flood is cut to the budget of a second', () => {
    const writer = new Writer();
    feed.attach(writer);
    const refused = Array.from({ length: 1000 }, () => feed.send(writer, Buffer.from([0x80]))).filter(
      (one) => one === 'rate',
    );
    expect(refused.length).toBeGreaterThan(0);
  });

  test('a new writer takes over, and the old one cannot write or detach it', () => {
    const [first, second] = [new Writer(), new Writer()];
    feed.attach(first);
    feed.attach(second);
    expect(first.reasons).toHaveLength(1);
    expect(feed.send(first, Buffer.from([0x80]))).toBe('notTheWriter');
    feed.detach(first);
    expect(feed.send(second, Buffer.from([0x80]))).toBeUndefined();
    feed.detach(second);
    expect(feed.hasWriter).toBe(false);
  });

  test('close() ends transport and writer once; sending after it is refused', async () => {
    const writer = new Writer();
    feed.attach(writer);
    feed.close('over');
    feed.close('again');
    expect(writer.reasons).toEqual(['over']);
    expect(feed.send(writer, Buffer.from([0x80]))).toBe('closed');
    expect((await router.dump()).transportIds).toEqual([]);
  });
});
