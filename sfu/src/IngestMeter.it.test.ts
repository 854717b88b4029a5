import { setTimeout as sleep } from 'node:timers/promises';
import { createWorker, type types } from 'mediasoup';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ingestStatsSchema, type IngestStats, type ProducerStats } from '@framelock/server/protocol';
import { IngestMeter } from './IngestMeter.ts';
import { routerCodecs } from './routerCodecs.ts';
import { RtpPeer, vp8Payload } from './testing/RtpPeer.ts';
import { opus, vp8 } from './testing/rtpParameters.ts';
import { startSfu } from './testing/startSfu.ts';
import { until } from './testing/until.ts';
import { testWorkerBin } from './testing/workerBin.ts';

let worker: types.Worker;
let router: types.Router;
let sender: RtpPeer;
let reports: IngestStats[];
let meter: IngestMeter;

beforeAll(async () => {
  worker = await createWorker({ workerBin: testWorkerBin() });
});
afterAll(() => worker?.close());
beforeEach(async () => {
  router = await worker.createRouter({ mediaCodecs: routerCodecs });
  sender = await RtpPeer.create();
  reports = [];
  meter = IngestMeter.create({ everyMs: 100, onStats: (stats) => reports.push(stats) });
});
afterEach(() => {
  meter.close();
  router.close();
  sender.close();
});

async function produce(kind: types.MediaKind, rtpParameters: types.RtpParameters) {
  const listenInfo = { protocol: 'udp' as const, ip: '127.0.0.1' };
  const transport = await router.createPlainTransport({ listenInfo, rtcpMux: true, comedia: true });
  const producer = await transport.produce({ kind, rtpParameters });
  return { producer, to: { port: transport.tuple.localPort } };
}

const last = (producerId: string): ProducerStats | undefined =>
  reports.at(-1)?.producers.find((one) => one.producerId === producerId);

/** Frames of one packet, 10 ms apart; those that `sends` leaves out take a sequence number all the same. */
async function send(
  to: { port: number },
  frames: { count: number; from?: number; keyEvery: number; sends?: (index: number) => boolean },
): Promise<void> {
  const { count, from = 0, keyEvery, sends = () => true } = frames;
  for (let index = from; index < from + count; index++) {
    const packet = { payloadType: 96, sequenceNumber: index, timestamp: index * 900, ssrc: 11_111_111 };
    if (sends(index)) sender.sendRtp(to, { ...packet, payload: vp8Payload(index % keyEvery === 0, index & 0xff) });
    await sleep(10);
  }
}

describe('IngestMeter', () => {
  test('tells bitrate, jitter and the time between key frames of what arrives', async () => {
    const { producer, to } = await produce('video', vp8());
    meter.add(producer);
    await until('a report without any packet', () => last(producer.id));
    expect(last(producer.id)).toMatchObject({ bitrateBps: 0, lossFraction: 0, keyFrameIntervalMs: null });

    await send(to, { count: 120, keyEvery: 40 });
    await until('bitrate', () => last(producer.id)!.bitrateBps > 20_000);
    const stats = last(producer.id)!;
    // 40 frames of 10 ms, and this machine may be slow; timers are never early.
    expect(stats.keyFrameIntervalMs).toBeGreaterThanOrEqual(390);
    expect(stats.lossFraction).toBe(0);
    expect(ingestStatsSchema.parse(reports.at(-1))).toEqual(reports.at(-1));
  });

  test('counts lost packets as a share, and forgets them when they are over', async () => {
    const { producer, to } = await produce('video', vp8());
    meter.add(producer);
    // mediasoup writes its receiver reports (and counts loss in them) once a second.
    const losing = send(to, { count: 250, keyEvery: 50, sends: (index) => index % 5 !== 4 });
    const worst = await until('loss', () => reports.find(({ producers }) => producers[0]!.lossFraction > 0.1));
    await losing;
    expect(worst.producers[0]!.lossFraction).toBeLessThan(0.9);
    await until('loss is over', () => last(producer.id)!.lossFraction === 0);
  });

  test('counts requests for key frames, and the growing time since the last one', async () => {
    const { producer, to } = await produce('video', vp8());
    meter.add(producer);
    await send(to, { count: 5, keyEvery: 1_000 });
    await until('the key frame', () => last(producer.id)?.keyFrameIntervalMs != null);
    const before = last(producer.id)!;
    const listenInfo = { protocol: 'udp' as const, ip: '127.0.0.1' };
    const viewer = await router.createPlainTransport({ listenInfo, rtcpMux: true });
    const remote = await RtpPeer.create();
    await viewer.connect({ ip: '127.0.0.1', port: remote.address.port });
    const consumer = await viewer.consume({ producerId: producer.id, rtpCapabilities: router.rtpCapabilities });
    await consumer.requestKeyFrame();
    await until('the request', () => last(producer.id)!.keyFrameRequests! > before.keyFrameRequests!);
    await until('time', () => last(producer.id)!.keyFrameIntervalMs! > before.keyFrameIntervalMs! + 200);
    remote.close();
  });

  test('has all Producers in one report, audio without key frames, and none that closed', async () => {
    const video = await produce('video', vp8());
    const audio = await produce('audio', opus());
    meter.add(video.producer);
    meter.add(audio.producer);
    await until('both', () => reports.at(-1)?.producers.length === 2);
    expect(last(audio.producer.id)).not.toHaveProperty('keyFrameIntervalMs');
    video.producer.close();
    await until('audio alone', () => reports.at(-1)?.producers.length === 1);
    expect(reports.at(-1)!.producers[0]!.producerId).toBe(audio.producer.id);
    meter.close();
    meter.close();
    const told = reports.length;
    await sleep(300);
    expect([meter.closed, reports.length]).toEqual([true, told]);
  });
});

test('an sfu tells its server of each Publication', async () => {
  const sfu = await startSfu();
  try {
    const request = { streamId: 's1', peerId: 'a', direction: 'send' as const };
    const transportId = (await sfu.client.ask('createTransport', request)).transport.id as string;
    const rtpParameters = vp8() as unknown as Record<string, unknown>;
    const produced = { transportId, publicationId: 'p1', kind: 'video' as const, rtpParameters };
    const { producer } = await sfu.client.ask('produce', produced);
    const told = await until('ingestStats', () => sfu.client.told('ingestStats')[0]);
    expect(told).toMatchObject({
      publicationId: 'p1',
      streamId: 's1',
      ingest: { producers: [{ producerId: producer.id, bitrateBps: 0, keyFrameIntervalMs: null }] },
    });
  } finally {
    await sfu.close();
  }
});
