import dgram from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { decode } from '@msgpack/msgpack';
import {
  type DetectionMessage,
  detectionMessageSchema,
  type HistoryBatch,
  historyBatchSchema,
} from '@framelock/server/protocol';
import { unixMs, type VideoCodec } from '@framelock/server/protocol/tap';
import {
  encodeClip,
  packetise,
  type Random,
  seededRandom,
  type TestFrame,
  writeRtp,
} from '@framelock/server/protocol/tap/testing';
import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { readNumber } from './decode/readNumber.ts';
import { Analysis } from './Analysis.ts';
import { DecodePool } from './decode/DecodePool.ts';
import type { DetectRequest, DetectResult } from './detect/Detector.ts';
import type { DetectorPool } from './detect/DetectorPool.ts';
import { floatsPerPicture, type InputSpec, placePicture } from '@framelock/server/protocol/analysis';
import { TensorSlots } from './detect/TensorSlots.ts';
import { AnalysisHistory } from './history/AnalysisHistory.ts';
import { HistoryReporters } from './history/HistoryReporters.ts';
import { createMetrics } from './metrics.ts';
import { NodeGallery } from './brands/NodeGallery.ts';

/**
 * The heart of the product: real encoders, real UDP with loss, the real chain up to the tensor. Each picture says its
 * number, so that "the stamp is right" is read from the pixels that the Model gets, on every analysed frame.
 */
const zeroToOne: InputSpec = {
  width: 640,
  height: 640,
  resize: 'letterbox',
  channels: 'rgb',
  scale: [1 / 255, 1 / 255, 1 / 255],
  bias: [0, 0, 0],
  pad: 114,
};
const bytesBgr: InputSpec = {
  ...zeroToOne,
  width: 416,
  height: 416,
  resize: 'letterboxTopLeft',
  channels: 'bgr',
  scale: [1, 1, 1],
};
const imagenet: InputSpec = {
  ...zeroToOne,
  width: 320,
  height: 320,
  resize: 'stretch',
  scale: [0.0171, 0.0175, 0.0174],
  bias: [-2.1, -2, -1.8],
};

const cleanups: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Reads the number when the Model begins and when it ends: a slot written meanwhile would show. */
function barcodeDetectors(specs: Record<string, InputSpec>, modelMs: (random: Random) => number) {
  const problems: string[] = [];
  const random = seededRandom(3);
  const slots = new Map<string, TensorSlots>();
  let leases = 0;
  const pool = {
    acquire(modelId = Object.keys(specs)[0]!) {
      const inputSpec = specs[modelId]!;
      const own = slots.get(modelId) ?? new TensorSlots(3, floatsPerPicture(inputSpec));
      slots.set(modelId, own);
      leases++;
      const detector = {
        closed: false,
        executionProvider: 'cpu',
        labels: ['number'],
        inputSpec,
        slots: own,
        async detect({ slot, frameWidth, frameHeight, onResult }: DetectRequest): Promise<DetectResult> {
          const placement = placePicture(inputSpec, frameWidth, frameHeight);
          const startedAtMs = unixMs();
          const number = readNumber(inputSpec, own.view(slot), placement);
          const ms = modelMs(random);
          if (ms > 0) await sleep(ms);
          if (readNumber(inputSpec, own.view(slot), placement) !== number)
            problems.push('the slot changed in the model');
          if (typeof number === 'string') problems.push(number);
          const label = typeof number === 'string' ? 0 : number;
          const objects = [{ label, score: 1, x: 0, y: 0, w: 1, h: 1 }];
          const result = { objects, startedAtMs, finishedAtMs: unixMs() };
          onResult?.(result, own.view(slot));
          own.release(slot);
          return result;
        },
      };
      return Promise.resolve({ detector, modelId, name: modelId, release: () => leases-- });
    },
  };
  return {
    pool: pool as unknown as DetectorPool,
    problems,
    open: () => ({ leases, slots: [...slots.values()].reduce((sum, s) => sum + s.used, 0) }),
  };
}

interface Network {
  loss: number;
  reorder: number;
  duplicate: number;
}
const perfect: Network = { loss: 0, reorder: 0, duplicate: 0 };
const bad: Network = { loss: 0.03, reorder: 0.05, duplicate: 0.02 };
const tapPayloadType = 101;
const tapSsrc = 0xfedcba98;

/** A sfu node as a Tap sees it: sends RTP, answers NACKs over the same bad network, counts PLIs. */
async function createSender(network: Network, seed: number) {
  const socket = dgram.createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const random = seededRandom(seed);
  const sent = new Map<number, Buffer>();
  let remotePort = 0;
  let sequenceNumber = 65_500;
  let plis = 0;
  const send = (datagram: Buffer): void => {
    if (random() < network.loss) return;
    const delayMs = random() < network.reorder ? 1 + random() * 15 : 0;
    const copies = random() < network.duplicate ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      if (delayMs === 0) socket.send(datagram, remotePort, '127.0.0.1');
      else setTimeout(() => !closed && socket.send(datagram, remotePort, '127.0.0.1'), delayMs);
    }
  };
  let closed = false;
  socket.on('message', (rtcp) => {
    if (rtcp[1] === 206) plis++;
    if (rtcp[1] !== 205) return;
    for (let offset = 12; offset + 4 <= rtcp.length; offset += 4) {
      const id = rtcp.readUInt16BE(offset);
      const mask = rtcp.readUInt16BE(offset + 2);
      for (let bit = -1; bit < 16; bit++) {
        const again = sent.get((id + bit + 1) & 0xffff);
        if (again && (bit < 0 || mask & (1 << bit))) setTimeout(() => !closed && send(again), 10);
      }
    }
  });
  cleanups.push(() => {
    closed = true;
    socket.close();
  });
  return {
    address: { ip: '127.0.0.1', port: socket.address().port },
    connect: (port: number) => (remotePort = port),
    plis: () => plis,
    sendFrame(codec: VideoCodec, frame: TestFrame, number: number, timestamp: number): void {
      const payloads = packetise(codec, frame, 1100, number, random);
      payloads.forEach((payload, i) => {
        const fields = { payloadType: tapPayloadType, ssrc: tapSsrc, timestamp, marker: i === payloads.length - 1 };
        const datagram = writeRtp({ ...fields, sequenceNumber }, payload);
        sent.set(sequenceNumber, datagram);
        sequenceNumber = (sequenceNumber + 1) & 0xffff;
        send(datagram);
      });
    },
  };
}

interface Rig {
  codec: VideoCodec;
  specs?: Record<string, InputSpec>;
  network?: Network;
  maxFps?: number;
  modelMs?: (random: Random) => number;
  posterEveryMs?: number;
}

const mimeTypes: Record<VideoCodec, string> = {
  h264: 'video/H264',
  vp8: 'video/VP8',
  vp9: 'video/VP9',
  av1: 'video/AV1',
};

async function createRig(rig: Rig) {
  const { codec, specs = { a: zeroToOne }, network = perfect, maxFps = 240, modelMs = () => 2, posterEveryMs } = rig;
  const posters: Uint8Array[] = [];
  const detectors = barcodeDetectors(specs, modelMs);
  const messages: DetectionMessage[] = [];
  const feed = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await once(feed, 'listening');
  cleanups.push(() => feed.close());
  const authorizations: unknown[] = [];
  feed.on('connection', (socket, request) => {
    authorizations.push(request.headers.authorization);
    socket.on('message', (bytes) => messages.push(detectionMessageSchema.parse(decode(bytes as Buffer))));
  });
  const connected = once(feed, 'connection');
  const decodePool = new DecodePool({ threads: 1 });
  cleanups.push(() => decodePool.close('test'));
  const sender = await createSender(network, 11);
  const metrics = createMetrics();
  const batches: HistoryBatch[] = [];
  const histories = new HistoryReporters({
    emit: (batch) => batches.push(historyBatchSchema.parse(batch)),
    isHeard: () => true,
    onDropped: (what, count) => metrics.historyDropped.inc({ what }, count),
  });
  cleanups.push(() => histories.close());
  const analysis = await Analysis.create({
    publicationId: 'pub-1',
    streamId: 'stream-1',
    host: '127.0.0.1',
    nodeSecret: 'secret',
    maxFps,
    decodePool,
    detectorPool: detectors.pool,
    gallery: NodeGallery.none(),
    openExposure: () => {
      throw new Error('no brand model here');
    },
    openHistory: () =>
      new AnalysisHistory({
        reporter: histories.open({ publicationId: 'pub-1', streamId: 'stream-1' }),
        onZonesLive: () => {},
      }),
    metrics,
    log: pino({ level: 'silent' }),
    onDescription: () => {},
    onPoster: (jpeg) => posters.push(jpeg),
    onChange: () => {},
  });
  cleanups.push(() => analysis.close('test'));
  sender.connect(analysis.local.port);
  const description = await analysis.start({
    tap: {
      remote: sender.address,
      rtpParameters: {
        codecs: [{ mimeType: mimeTypes[codec], payloadType: tapPayloadType, clockRate: 90_000 }],
        encodings: [{ ssrc: tapSsrc }],
      },
      type: 'simple',
    },
    feedUrl: `ws://127.0.0.1:${(feed.address() as AddressInfo).port}/feed/pub-1`,
    firstRevision: 4,
    posterEveryMs,
  });
  await connected;
  const timestamps = new Map<number, number>();
  const random = seededRandom(17);
  let timestamp = 2 ** 32 - 60_000;
  return {
    analysis,
    detectors,
    messages,
    sender,
    decodePool,
    description,
    authorizations,
    posters,
    /** Sends frames at `everyMs`, with jittered timestamps that wrap. */
    async play(frames: TestFrame[], firstNumber = 0, everyMs = 20, at?: (i: number) => Promise<unknown> | void) {
      const begin = performance.now();
      for (let i = 0; i < frames.length; i++) {
        timestamp = (timestamp + 3000 + Math.round((random() - 0.5) * 200)) >>> 0;
        timestamps.set(timestamp, firstNumber + i);
        sender.sendFrame(codec, frames[i]!, firstNumber + i, timestamp);
        await at?.(i);
        await sleep(Math.max(0, begin + (i + 1) * everyMs - performance.now()));
      }
    },
    settle: () => sleep(500),
    /** Sends each frame when the one before it was analysed, however long this machine takes. */
    async playEach(frames: TestFrame[], firstNumber = 0) {
      for (let i = 0; i < frames.length; i++) {
        const before = messages.length;
        await this.play([frames[i]!], firstNumber + i, 0);
        await expect.poll(() => messages.length, { timeout: 5000, interval: 2 }).toBe(before + 1);
      }
    },
    /** Every message's stamp belongs to the picture that the Model saw. Returns the numbers analysed. */
    assertExact(): number[] {
      expect(detectors.problems).toEqual([]);
      messages.forEach((message, i) => {
        expect(message.seq).toBe(i);
        expect(message.o).toHaveLength(1);
        expect(timestamps.get(message.rtp), `message ${i}`).toBe(message.o[0]![1]);
        const { received, decoded, inferred, sent } = message.t;
        expect(Math.abs(received - Date.now())).toBeLessThan(120_000);
        expect(decoded).toBeGreaterThanOrEqual(0);
        expect(inferred).toBeGreaterThanOrEqual(decoded);
        expect(sent).toBeGreaterThanOrEqual(inferred);
      });
      const numbers = messages.map((message) => message.o[0]![1]);
      expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
      return numbers;
    },
  };
}

const clip = { frames: 60, width: 640, height: 360, keyEvery: 15 };
const specOf: Record<VideoCodec, InputSpec> = { h264: zeroToOne, vp8: bytesBgr, vp9: imagenet, av1: zeroToOne };

describe.each(['h264', 'vp8', 'vp9', 'av1'] as const)('%s from UDP to the tensor', (codec) => {
  it('stamps every picture right, on a perfect network and on a bad one', async () => {
    const frames = await encodeClip({ ...clip, codec, slices: 3, noise: 1 });
    const rig = await createRig({ codec, specs: { a: specOf[codec] } });
    await rig.playEach(frames);
    const numbers = rig.assertExact();
    expect(numbers).toEqual(frames.map((_, i) => i));
    expect(rig.messages[0]).toMatchObject({ pub: 'pub-1', model: 4, w: 640, h: 360 });
    expect(rig.authorizations).toEqual(['Bearer secret']);

    const hurt = await createRig({ codec, specs: { a: specOf[codec] }, network: bad });
    await hurt.play(frames);
    await hurt.settle();
    // How many come through depends on this machine's speed; that none is wrong must not.
    expect(hurt.assertExact().length).toBeGreaterThan(5);
    expect(hurt.analysis.receiverCounts.nackedPackets).toBeGreaterThan(0);
  });
});

describe('Analysis', () => {
  it('follows a change of size in mid-stream, odd shapes included', async () => {
    const rig = await createRig({ codec: 'vp8' });
    const sizes = [
      [640, 360],
      [270, 480],
      [322, 182],
    ] as const;
    for (const [i, [width, height]] of sizes.entries()) {
      const firstNumber = i * 30;
      const frames = await encodeClip({ codec: 'vp8', frames: 30, width, height, keyEvery: 30, firstNumber });
      await rig.playEach(frames, firstNumber);
    }
    expect(rig.assertExact()).toHaveLength(90);
    expect(new Set(rig.messages.map((m) => `${m.w}x${m.h}`))).toEqual(new Set(['640x360', '270x480', '322x182']));
    expect(rig.analysis.takeView('n')).toMatchObject({ width: 322, height: 182 });
  });

  it('analyses only the largest spatial layer of each VP9 picture', async () => {
    const layers = await Promise.all(
      [1, 2, 4].map((n) => encodeClip({ codec: 'vp9', frames: 40, width: 160 * n, height: 90 * n, keyEvery: 1 })),
    );
    const frames = layers[0]!.map((frame, i) => ({ key: true, units: layers.map((layer) => layer[i]!.units[0]!) }));
    const rig = await createRig({ codec: 'vp9' });
    await rig.playEach(frames);
    expect(rig.assertExact()).toHaveLength(40);
    expect(new Set(rig.messages.map((m) => m.w))).toEqual(new Set([640]));
  });

  it('makes posters where they are asked for, also after its decode thread died, and no frame is lost to them', async () => {
    const frames = await encodeClip({ ...clip, codec: 'h264' });
    const rig = await createRig({ codec: 'h264', posterEveryMs: 200 });
    await rig.playEach(frames);
    expect(rig.assertExact()).toHaveLength(clip.frames);
    await expect.poll(() => rig.posters.length).toBeGreaterThanOrEqual(2);
    for (const jpeg of rig.posters) {
      expect([...jpeg.subarray(0, 3), ...jpeg.subarray(-2)]).toEqual([0xff, 0xd8, 0xff, 0xff, 0xd9]);
      expect(jpeg.byteLength).toBeLessThan(60 * 1024);
    }
    const before = rig.posters.length;
    await rig.decodePool.workers[0]!.kill();
    await expect
      .poll(
        async () => {
          await rig.play(frames.slice(0, 15));
          return rig.posters.length;
        },
        { timeout: 20_000 },
      )
      .toBeGreaterThan(before);
    const none = await createRig({ codec: 'h264' });
    await none.playEach(frames);
    expect(none.posters).toEqual([]);
  });

  it('changes the model without a wrong revision, and gives every slot back', async () => {
    const frames = await encodeClip({ ...clip, codec: 'h264' });
    const rig = await createRig({ codec: 'h264', specs: { a: zeroToOne, b: bytesBgr }, modelMs: (r) => r() * 50 });
    await rig.play(frames, 0, 20, async (i) => {
      if (i === 20)
        expect(await rig.analysis.setModel('b')).toMatchObject({ revision: 5, modelId: 'b', inputWidth: 416 });
      if (i === 40) expect(await rig.analysis.setModel('a')).toMatchObject({ revision: 6 });
    });
    await rig.settle();
    rig.assertExact();
    expect(new Set(rig.messages.map((m) => m.model))).toEqual(new Set([4, 5, 6]));
    rig.analysis.close('done');
    rig.analysis.close('twice');
    await expect.poll(() => rig.detectors.open()).toEqual({ leases: 0, slots: 0 });
  });

  it('gives a slow model the newest frame, and counts those passed over', async () => {
    const frames = await encodeClip({ ...clip, codec: 'vp8' });
    const rig = await createRig({ codec: 'vp8', modelMs: () => 90 });
    await rig.play(frames);
    await rig.settle();
    const numbers = rig.assertExact();
    expect(numbers.length).toBeLessThan(50);
    const { dropped } = rig.analysis.takeView('n');
    expect(dropped!.sampler! + dropped!.decode! + dropped!.depacketise! + numbers.length).toBe(60);
  });

  it('keeps the cap evenly', async () => {
    const frames = await encodeClip({ ...clip, codec: 'vp8' });
    const rig = await createRig({ codec: 'vp8', maxFps: 15, modelMs: () => 0 });
    await rig.play(frames, 0, 25);
    await rig.settle();
    const numbers = rig.assertExact();
    expect(numbers.every((n, i) => i === 0 || n - numbers[i - 1]! >= 2)).toBe(true);
    // Where this machine was too slow to decode all, the rhythm begins anew.
    if (rig.analysis.takeView('n').dropped!.decode === 0) expect(numbers.every((n) => n % 2 === 0)).toBe(true);
    expect(numbers.length).toBeGreaterThan(5);
  });

  it('survives the death of its decode thread and damaged frames', async () => {
    const frames = await encodeClip({ ...clip, codec: 'h264', frames: 150 });
    for (const i of [20, 21]) frames[i]!.units = frames[i]!.units.map((nal) => Buffer.alloc(nal.length, nal[0]!));
    const rig = await createRig({ codec: 'h264' });
    await rig.play(frames, 0, 20, async (i) => {
      if (i !== 70) return;
      await rig.decodePool.workers[0]!.kill();
      await sleep(2000); // a new thread has to load FFmpeg
    });
    await rig.settle();
    const numbers = rig.assertExact();
    expect(numbers.some((n) => n > 35 && n < 70)).toBe(true);
    expect(numbers.some((n) => n > 130)).toBe(true);
    expect(rig.sender.plis()).toBeGreaterThan(1);
    rig.analysis.close('done');
    await expect.poll(() => rig.detectors.open()).toEqual({ leases: 0, slots: 0 });
  });
});
