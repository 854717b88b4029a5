import { createWorker, type types } from 'mediasoup';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { routerCodecs } from '../routerCodecs.ts';
import { RtpPeer, vp8Payload, vp9Payload } from '../testing/RtpPeer.ts';
import { vp8, vp9Ksvc } from '../testing/rtpParameters.ts';
import { until } from '../testing/until.ts';
import { testWorkerBin } from '../testing/workerBin.ts';
import { FrameTap } from './FrameTap.ts';

let worker: types.Worker;
let router: types.Router;
let sender: RtpPeer;
let inference: RtpPeer;

beforeAll(async () => {
  worker = await createWorker({ workerBin: testWorkerBin() });
});
afterAll(() => worker?.close());
beforeEach(async () => {
  router = await worker.createRouter({ mediaCodecs: routerCodecs });
  sender = await RtpPeer.create();
  inference = await RtpPeer.create();
});
afterEach(() => {
  router.close();
  sender.close();
  inference.close();
});

/** A Producer that a plain UDP socket feeds, and where that socket sends to. */
async function plainProducer(
  rtpParameters: types.RtpParameters,
): Promise<{ producer: types.Producer; to: { port: number } }> {
  const listenInfo = { protocol: 'udp' as const, ip: '127.0.0.1' };
  const transport = await router.createPlainTransport({ listenInfo, rtcpMux: true, comedia: true });
  const producer = await transport.produce({ kind: 'video', rtpParameters });
  return { producer, to: { port: transport.tuple.localPort } };
}

function openTap(producer: types.Producer): Promise<FrameTap> {
  const options = { publicationId: 'p1', router, producer, listenIp: '127.0.0.1', remote: inference.address };
  return FrameTap.create(options);
}

/** Frames of one packet each, a key frame first, until the tap forwards; returns the timestamps sent. */
async function sendVp8(
  to: { port: number },
  count: number,
  firstTimestamp: number,
  firstSequence = 1,
): Promise<number[]> {
  const timestamps: number[] = [];
  for (let index = 0; index < count; index++) {
    const timestamp = (firstTimestamp + index * 3003) >>> 0;
    timestamps.push(timestamp);
    sender.sendRtp(to, {
      payloadType: 96,
      sequenceNumber: firstSequence + index,
      timestamp,
      ssrc: 11_111_111,
      payload: vp8Payload(index === 0, index & 0xff),
    });
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return timestamps;
}

describe('FrameTap', () => {
  test('carries the one codec with repair feedback, without RTX and header extensions', async () => {
    const { producer } = await plainProducer(vp8());
    const tap = await openTap(producer);
    const { codecs, headerExtensions, encodings } = tap.rtpParameters;
    expect(codecs).toHaveLength(1);
    expect(codecs[0]!.mimeType).toBe('video/VP8');
    expect(codecs[0]!.rtcpFeedback).toEqual([
      { type: 'nack', parameter: '' },
      { type: 'nack', parameter: 'pli' },
      { type: 'ccm', parameter: 'fir' },
    ]);
    expect(headerExtensions).toEqual([]);
    expect(encodings).toHaveLength(1);
    expect(encodings![0]!.rtx).toBeUndefined();
    expect(tap.type).toBe('simple');
  });

  test('forwards nothing while paused, asks for a key frame on resume, then every packet with its timestamp', async () => {
    const { producer, to } = await plainProducer(vp8());
    const tap = await openTap(producer);
    await sendVp8(to, 5, 1000);
    await until('the Producer receives', async () => (await producer.getStats())[0]?.packetCount === 5);
    expect(inference.packets).toEqual([]);
    const pliBefore = sender.feedback.length;
    await tap.resume();
    await until('PLI at the publisher', () => sender.feedback.length > pliBefore);
    expect(sender.feedback.at(-1)).toEqual({ kind: 'pli', mediaSsrc: 11_111_111 });

    // Across the wrap of the u32 timestamp.
    const sent = await sendVp8(to, 60, 0xffffffff - 30 * 3003, 100);
    await until('60 packets', () => inference.packets.length >= 60);
    expect(inference.packets.map(({ timestamp }) => timestamp)).toEqual(sent);
    const [encoding] = tap.rtpParameters.encodings!;
    const [codec] = tap.rtpParameters.codecs;
    expect(inference.packets.every(({ ssrc }) => ssrc === encoding!.ssrc)).toBe(true);
    expect(inference.packets.every(({ payloadType }) => payloadType === codec!.payloadType)).toBe(true);
    expect(await tap.takeTotals()).toMatchObject({ packets: 60 });
    expect(await tap.takeTotals()).toMatchObject({ packets: 0 });
  });

  test('answers NACK from the receiving socket with the same packet, and passes its PLI on', async () => {
    const { producer, to } = await plainProducer(vp8());
    const tap = await openTap(producer);
    await tap.resume();
    await sendVp8(to, 10, 5000);
    await until('10 packets', () => inference.packets.length >= 10);
    const lost = inference.packets[4]!;
    inference.sendNack(tap.local, lost.ssrc, lost.sequenceNumber);
    await until('the retransmission', () => inference.packets.length > 10);
    expect(inference.packets[10]).toEqual(lost);

    const plis = sender.feedback.length;
    inference.sendPli(tap.local, lost.ssrc);
    await until('PLI at the publisher', () => sender.feedback.length > plis);
  });

  test('ignores garbage on its RTCP socket', async () => {
    const { producer, to } = await plainProducer(vp8());
    const tap = await openTap(producer);
    await tap.resume();
    for (const size of [0, 1, 3, 11, 64, 1500]) inference.send(tap.local, Buffer.alloc(size, 0x81 + size));
    inference.send(tap.local, Buffer.from([0x9f, 205, 0xff, 0xff, 0, 0, 0, 1]));
    const sent = await sendVp8(to, 10, 9000);
    await until('10 packets', () => inference.packets.length >= 10);
    expect(inference.packets.map(({ timestamp }) => timestamp)).toEqual(sent);
  });

  test('takes the top layer of K-SVC with its timestamps, and all layers at its key frame, far above the 600 kbit/s of an unfed estimate', async () => {
    const { producer, to } = await plainProducer(vp9Ksvc('L3T1_KEY'));
    const tap = await openTap(producer);
    expect(tap.type).toBe('svc');
    await tap.resume();
    let sequenceNumber = 1;
    let plisAnswered = -1;
    const sent: string[] = [];
    const received = (): string[] =>
      inference.packets.map(({ timestamp, payload }) => `${timestamp} layer ${payload[3]! >> 1}`);
    const topLayers = (): number => received().filter((packet) => packet.endsWith('layer 2')).length;
    // 3 packets of 1 kB at 200 pictures a second: 4.9 Mbit/s. A browser answers PLI, so this one does. mediasoup takes
    // the upper layers from the second key frame on, when it has measured that they flow.
    for (let pictureId = 1; pictureId <= 2000 && topLayers() < 200; pictureId++) {
      const isKeyPicture = sender.feedback.length > plisAnswered;
      plisAnswered = Math.max(plisAnswered, sender.feedback.length);
      for (let spatial = 0; spatial < 3; spatial++) {
        const timestamp = pictureId * 450;
        const lastSpatial = spatial === 2;
        const descriptor = vp9Payload({ pictureId, spatial, isKeyPicture, lastSpatial });
        const payload = Buffer.concat([descriptor, Buffer.alloc(930)]);
        const packet = { payloadType: 96, timestamp, ssrc: 22_222_222, marker: lastSpatial, payload };
        sender.sendRtp(to, { ...packet, sequenceNumber: sequenceNumber++ });
        sent.push(`${timestamp} layer ${spatial}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await until('the last packet', () => received().at(-1) === sent.at(-1));
    const keyPicture = received().findIndex((packet) => packet.endsWith('layer 2')) - 2;
    const fromThere = received().slice(keyPicture);
    const sentFromThere = sent.slice(sent.indexOf(fromThere[0]!));
    expect(fromThere.slice(0, 3)).toEqual(sentFromThere.slice(0, 3));
    // Between key frames the layers of K-SVC do not need each other, so mediasoup sends the top one alone.
    const top = (packet: string): boolean => packet.endsWith('layer 2');
    expect(fromThere.filter(top).length).toBeGreaterThanOrEqual(200);
    expect(fromThere.filter(top)).toEqual(sentFromThere.filter(top));
  });

  test('close() closes its transport once, and packets end', async () => {
    const { producer, to } = await plainProducer(vp8());
    const tap = await openTap(producer);
    await tap.resume();
    tap.close('test');
    tap.close('again');
    expect(tap.closed).toBe(true);
    await sendVp8(to, 5, 1000);
    await until('the Producer receives', async () => (await producer.getStats())[0]?.packetCount === 5);
    expect(inference.packets).toEqual([]);
    expect((await router.dump()).transportIds).toHaveLength(1);
  });
});
