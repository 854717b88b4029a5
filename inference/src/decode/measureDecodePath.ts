import { unixMs, type VideoCodec } from '@framelock/server/protocol/tap';
import { encodeClip, packetise, seededRandom, writeRtp } from '@framelock/server/protocol/tap/testing';
import { fork } from 'node:child_process';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { readNumber } from './readNumber.ts';
import { Analysis } from '../Analysis.ts';
import { DecodePool } from './DecodePool.ts';
import type { DetectRequest } from '../detect/Detector.ts';
import type { DetectorPool } from '../detect/DetectorPool.ts';
import { floatsPerPicture, type InputSpec, placePicture } from '@framelock/server/protocol/analysis';
import { TensorSlots } from '../detect/TensorSlots.ts';
import { AnalysisHistory } from '../history/AnalysisHistory.ts';
import { HistoryReporters } from '../history/HistoryReporters.ts';
import { createMetrics } from '../metrics.ts';
import { NodeGallery } from '../brands/NodeGallery.ts';

/**
 * CPU per source frame and last-packet-to-tensor time of the decode path, without a model: another process replays
 * real H264 or VP8 over UDP at 30 fps into a real Analysis, whose detector only reads the picture's bar code.
 *
 *     node inference/src/decode/measureDecodePath.ts [--codec h264] [--size 1920x1080] [--bitrate 4000000] [--fps 10] [--out file.json]
 */
const { values: arguments_ } = parseArgs({
  options: {
    codec: { type: 'string', default: 'h264' },
    size: { type: 'string', default: '1920x1080' },
    bitrate: { type: 'string', default: '4000000' },
    fps: { type: 'string', default: '10' },
    frames: { type: 'string', default: '300' },
    out: { type: 'string' },
  },
});
const codec = arguments_.codec as VideoCodec;
const frameCount = Number(arguments_.frames);
const warmUpFrames = 30;
const payloadType = 96;
const ssrc = 1;
const letterbox640: InputSpec = {
  width: 640,
  height: 640,
  resize: 'letterbox',
  channels: 'rgb',
  scale: [1 / 255, 1 / 255, 1 / 255],
  bias: [0, 0, 0],
  pad: 114,
};

await (process.send ? replay() : measure());

/** The other process: encodes, says that it is ready, replays when told the port, then tells when it sent each frame. */
async function replay(): Promise<void> {
  const [width, height] = arguments_.size.split('x').map(Number) as [number, number];
  const bitrateBps = Number(arguments_.bitrate);
  const frames = await encodeClip({ codec, frames: frameCount, width, height, keyEvery: 300, bitrateBps, noise: 0.3 });
  const random = seededRandom(1);
  let sequenceNumber = 65_000;
  const packets = frames.map((frame, i) =>
    packetise(codec, frame, 1150, i, random).map((payload, p, all) => {
      const fields = { payloadType, ssrc, timestamp: i * 3000, marker: p === all.length - 1 };
      return writeRtp({ ...fields, sequenceNumber: sequenceNumber++ }, payload);
    }),
  );
  const socket = dgram.createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const bytes = packets.flat().reduce((sum, packet) => sum + packet.length, 0);
  process.send!({ port: socket.address().port, bitrateBps: Math.round((bytes * 8 * 30) / frameCount) });
  const [port] = (await once(process, 'message')) as [number];
  const sentAtMs: number[] = [];
  const begin = performance.now();
  for (const [i, datagrams] of packets.entries()) {
    for (const datagram of datagrams) socket.send(datagram, port, '127.0.0.1');
    sentAtMs.push(unixMs());
    await sleep(Math.max(0, begin + ((i + 1) * 1000) / 30 - performance.now()));
  }
  process.send!(sentAtMs);
  socket.close();
  process.disconnect();
}

async function measure(): Promise<void> {
  const child = fork(import.meta.filename, process.argv.slice(2));
  const tensorAtMs = new Map<number, number>();
  let unreadable = 0;
  const slots = new TensorSlots(4, floatsPerPicture(letterbox640));
  const detector = {
    closed: false,
    executionProvider: 'cpu',
    labels: [],
    inputSpec: letterbox640,
    slots,
    detect({ slot, frameWidth, frameHeight, onResult }: DetectRequest) {
      const atMs = unixMs();
      const placement = placePicture(letterbox640, frameWidth, frameHeight);
      const number = readNumber(letterbox640, slots.view(slot), placement);
      if (typeof number === 'number') tensorAtMs.set(number, atMs);
      else unreadable++;
      const result = { objects: [], startedAtMs: atMs, finishedAtMs: atMs };
      onResult?.(result, slots.view(slot));
      slots.release(slot);
      return Promise.resolve(result);
    },
  };
  const lease = { detector, modelId: 'null', name: 'null', release: () => {} };
  const decodePool = new DecodePool({ threads: 1 });
  const histories = new HistoryReporters({ emit: () => {}, isHeard: () => false, onDropped: () => {} });
  const analysis = await Analysis.create({
    publicationId: 'bench',
    streamId: 'bench',
    host: '127.0.0.1',
    nodeSecret: '',
    maxFps: Number(arguments_.fps),
    decodePool,
    detectorPool: { acquire: () => Promise.resolve(lease) } as unknown as DetectorPool,
    gallery: NodeGallery.none(),
    openExposure: () => {
      throw new Error('no brand model here');
    },
    openHistory: () =>
      new AnalysisHistory({
        reporter: histories.open({ publicationId: 'bench', streamId: 'bench' }),
        onZonesLive: () => {},
      }),
    metrics: createMetrics(),
    log: pino({ level: 'silent' }),
    onDescription: () => {},
    onChange: () => {},
  });
  const [ready] = (await once(child, 'message')) as [{ port: number; bitrateBps: number }];
  const codecs = [{ mimeType: `video/${codec}`, payloadType, clockRate: 90_000 }];
  await analysis.start({
    tap: {
      remote: { ip: '127.0.0.1', port: ready.port },
      rtpParameters: { codecs, encodings: [{ ssrc }] },
      type: 'simple',
    },
    feedUrl: 'ws://127.0.0.1:9/',
    firstRevision: 1,
  });
  child.send(analysis.local.port);
  await sleep((warmUpFrames * 1000) / 30);
  const [cpuBefore, framesBefore] = [process.cpuUsage(), analysis.receiverCounts.frames];
  const [sentAtMs] = (await once(child, 'message')) as [number[]];
  const cpu = process.cpuUsage(cpuBefore);
  const frames = analysis.receiverCounts.frames - framesBefore;
  await sleep(200);
  const latencies = [...tensorAtMs]
    .filter(([number]) => number >= warmUpFrames)
    .map(([number, atMs]) => atMs - sentAtMs[number]!)
    .sort((a, b) => a - b);
  const at = (quantile: number): number => round(latencies[Math.floor((latencies.length - 1) * quantile)] ?? NaN);
  const result = {
    what: 'decode path without a model: UDP to tensor, replay from another process on the same machine',
    codec,
    size: arguments_.size,
    sourceFps: 30,
    bitrateBps: ready.bitrateBps,
    analysisMaxFps: Number(arguments_.fps),
    cpuMsPerSourceFrame: round((cpu.user + cpu.system) / 1000 / frames),
    lastPacketSentToTensorMs: { p50: at(0.5), p95: at(0.95), max: at(1) },
    frames,
    analysed: tensorAtMs.size,
    unreadable,
    dropped: analysis.takeView('bench').dropped,
    machine: { cpu: cpus()[0]?.model, parallelism: availableParallelism(), node: process.version },
    at: new Date().toISOString(),
  };
  analysis.close('done');
  await decodePool.close('done');
  const text = `${JSON.stringify(result, null, 2)}\n`;
  process.stdout.write(text);
  if (arguments_.out) await writeFile(arguments_.out, text);
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
