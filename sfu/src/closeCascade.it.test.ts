import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ControlServer } from './control/ControlServer.ts';
import { MediaWorker } from './MediaWorker.ts';
import { SfuMetrics } from './metrics.ts';
import { transportTimeouts, type PeerTransport } from './PeerTransport.ts';
import type { Publication } from './Publication.ts';
import { announcedRtpCapabilities } from './routerCodecs.ts';
import { SfuNode } from './SfuNode.ts';
import { StreamRouter } from './StreamRouter.ts';
import { rtcListenInfos } from './listenAddresses.ts';
import { opus, vp8 } from './testing/rtpParameters.ts';
import { until } from './testing/until.ts';
import { testWorkerBin } from './testing/workerBin.ts';

/** docs/LIFECYCLE.md, row by row: who is closed with whom, once, and with which reason. */
let worker: MediaWorker;
let stream: StreamRouter;
let sender: PeerTransport;
let receiver: PeerTransport;
let publication: Publication;
let videoId: string;
let heard: string[];

beforeEach(async () => {
  const listenInfos = rtcListenInfos({ host: '127.0.0.1', port: 0 });
  worker = await MediaWorker.create({ index: 0, workerBin: testWorkerBin(), listenInfos });
  const metrics = new SfuMetrics();
  stream = await StreamRouter.create({ streamId: 's1', worker, timeouts: transportTimeouts, metrics });
  [sender, receiver] = [await stream.createTransport('a', 'send'), await stream.createTransport('b', 'recv')];
  publication = await stream.publication('p1');
  videoId = (await publication.produce(sender, 'video', vp8())).id;
  await publication.produce(sender, 'audio', opus());
  await receiver.consume(publication.producer(videoId), announcedRtpCapabilities());
  await receiver.consumeDetections(publication.feed.dataProducerId);
  await publication.openTap({ ip: '127.0.0.1', port: 9 }, '127.0.0.1');
  heard = [];
  stream.on('closed', (reason) => heard.push(`stream ${reason}`));
  sender.on('closed', (reason) => heard.push(`sender ${reason}`));
  receiver.on('closed', (reason) => heard.push(`receiver ${reason}`));
  receiver.on('consumerClosed', (_, reason) => heard.push(`consumer ${reason}`));
  publication.on('producerClosed', (_, reason) => heard.push(`producer ${reason}`));
  publication.on('closed', (reason) => heard.push(`publication ${reason}`));
});
afterEach(() => worker.close());

describe('closing', () => {
  test('a Producer: its Consumers and its FrameTap, not the Publication while another Producer is left', async () => {
    const { tap } = publication;
    publication.closeProducer(videoId, 'test');
    publication.closeProducer(videoId, 'again');
    expect(tap!.closed).toBe(true);
    await until('the Consumer', () => receiver.counts.consumers === 0);
    expect(heard).toEqual(['producer test', 'consumer producerClosed']);
    expect([publication.closed, publication.feed.closed, publication.tap]).toEqual([false, false, undefined]);
  });

  test('a Publication: its Producers, FrameTap and DetectionFeed; transports stay', async () => {
    const { tap, feed } = publication;
    publication.close('test');
    publication.close('again');
    expect([tap!.closed, feed.closed]).toEqual([true, true]);
    await until('Consumer and DataConsumer', () => receiver.counts.consumers + receiver.counts.dataConsumers === 0);
    expect(heard).toEqual(['producer test', 'producer test', 'publication test', 'consumer producerClosed']);
    expect([sender.closed, receiver.closed, stream.closed]).toEqual([false, false, false]);
    expect(stream.publications).toEqual([]);
  });

  test("a publisher's transport: its Producers, and the Publication with them", () => {
    sender.close('test');
    sender.close('again');
    expect(heard).toEqual(['producer test', 'producer test', 'publication test', 'sender test']);
    expect(stream.closed).toBe(false);
  });

  test('the last transport: the Router with its reason', () => {
    receiver.close('first');
    sender.close('last');
    expect(heard.slice(0, 1)).toEqual(['receiver first']);
    expect(heard.slice(1).sort()).toEqual(
      ['producer last', 'producer last', 'publication last', 'sender last', 'stream last'].sort(),
    );
    expect(worker.streams).toBe(0);
  });

  test('a Router: Publications, then transports', async () => {
    stream.close('test');
    stream.close('again');
    const expected = [
      'producer test',
      'producer test',
      'publication test',
      'sender test',
      'receiver test',
      'stream test',
    ];
    expect(heard).toEqual(expected);
    await expect(stream.createTransport('c', 'send')).rejects.toMatchObject({ code: 'unavailable' });
  });

  test('a Worker that dies: everything on it, with reason workerDied', async () => {
    process.kill(worker.pid, 'SIGKILL');
    await until('the Router', () => stream.closed);
    expect(heard.every((one) => one.endsWith('workerDied'))).toBe(true);
    expect(heard).toHaveLength(6);
    expect(worker.closed).toBe(true);
  });
});

test('node and control server close twice without harm, and refuse afterwards', async () => {
  const log = pino({ level: 'silent' });
  const options = { workers: 1, workerBin: testWorkerBin(), rtcPort: 0, host: '127.0.0.1', announcedIp: undefined };
  const node = await SfuNode.create({ ...options, controlHost: '127.0.0.1', log });
  const control = await ControlServer.create({
    node,
    nodeSecret: 'a-secret-of-tests-only',
    host: '127.0.0.1',
    port: 0,
    log,
  });
  const { url } = control;
  await Promise.all([node.close('test'), control.close('test')]);
  await Promise.all([node.close('again'), control.close('again')]);
  const join = { streamId: 's', peerId: 'p', direction: 'send' as const };
  await expect(node.createTransport(join)).rejects.toMatchObject({ code: 'unavailable' });
  await expect(fetch(`${url.replace('ws:', 'http:')}/healthz`)).rejects.toThrow();
  expect(node.counts().workers).toBe(0);
});
