import dgram from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { decode } from '@msgpack/msgpack';
import {
  type DetectionMessage,
  type HistoryBatch,
  inferenceControlContract,
  RpcCaller,
  rtpTicksBetween,
  type TimedZoneEvent,
  type ZonesLive,
  zoneSettingsSchema,
} from '@framelock/server/protocol';
import { encodeClip, packetise, seededRandom, type TestFrame, writeRtp } from '@framelock/server/protocol/tap/testing';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { drawMarker } from '../../models/marker/drawMarker.ts';
import { markerSet } from '../../models/marker/markerSet.ts';
import { parseConfig } from '../config.ts';
import { InferenceNode } from '../InferenceNode.ts';
import { messagesOf } from './testHistory.ts';

/**
 * A clip of things that move as is written here, encoded, sent as RTP to a real node with the real marker model: its
 * history has exactly the crossings, visits and stays that follow from the drawing, each at its moment.
 */
const [width, height, fps, seconds] = [640, 360, 15, 8];
const [second, everyTicks] = [90_000, 90_000 / fps];
const diameter = 64;
const firstTicks = 2 ** 32 - 3 * second;

/** Where the centre of each marker is at `t` seconds, 0..1; undefined = hidden. */
const walkers: ((t: number) => { x: number; y: number } | undefined)[] = [
  // From the left to the right, through the aisle and out of the door.
  (t) => ({ x: 0.08 + 0.105 * t, y: 0.2 }),
  // In through the door, stays in the aisle, hidden for 0.8 s, and leaves again.
  (t) => {
    if (t > 4.6 && t < 5.4) return undefined;
    return { x: t < 3.875 ? 0.92 - 0.16 * t : 0.3 + 0.16 * Math.max(0, t - 6.5), y: 0.5 };
  },
  // Stands in the aisle.
  () => ({ x: 0.3, y: 0.78 }),
  // Turns back before the door.
  (t) => ({ x: 0.56 + 0.09 * Math.abs(t - 4), y: 0.78 }),
];
const zones = zoneSettingsSchema.parse({
  zones: [
    {
      ...{ id: 'aisle', name: 'Aisle', colour: '#ff0000', dwellSeconds: 1 },
      polygon: [
        { x: 0.2, y: 0.02 },
        { x: 0.4, y: 0.02 },
        { x: 0.4, y: 0.98 },
        { x: 0.2, y: 0.98 },
      ],
    },
  ],
  // Looking from `from` to `to`, down the picture, the right hand is on the picture's left: that way is in.
  lines: [{ id: 'door', name: 'Door', colour: '#00ff00', from: { x: 0.5, y: 0.02 }, to: { x: 0.5, y: 0.98 } }],
});
/** Label, kind, cause, and when: worked out by hand from the above. */
const truth: [string, string, string, number][] = [
  ['marker C', 'entered', 'appeared', 0],
  ['marker C', 'dwell', 'moved', 1],
  ['marker A', 'entered', 'moved', 0.12 / 0.105],
  ['marker A', 'dwell', 'moved', 0.12 / 0.105 + 1],
  ['marker B', 'crossedIn', 'moved', 0.42 / 0.16],
  ['marker A', 'left', 'moved', 0.32 / 0.105],
  ['marker B', 'entered', 'moved', 0.52 / 0.16],
  ['marker A', 'crossedOut', 'moved', 4],
  ['marker B', 'dwell', 'moved', 0.52 / 0.16 + 1],
  ['marker B', 'left', 'moved', 6.5 + 0.1 / 0.16],
  ['marker B', 'crossedOut', 'moved', 6.5 + 0.2 / 0.16],
  ['marker C', 'left', 'stopped', seconds - 1 / fps],
];

function draw(i: number): Uint8Array {
  const data = new Uint8Array(width * height * 3);
  for (let at = 0; at < data.length; at++) data[at] = 110 + ((at / 3) % width) / 16;
  for (const [n, walker] of walkers.entries()) {
    const at = walker(i / fps);
    if (!at) continue;
    const { quietZoneRadius } = markerSet;
    const place = { centreX: at.x * width, centreY: at.y * height, diameter, quietZoneRadius };
    drawMarker({ data, width, height, channels: 3 }, markerSet.markers[n]!, place);
  }
  return data;
}

const cleanups: (() => unknown)[] = [];
afterAll(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

let node: InferenceNode;
let caller: RpcCaller<typeof inferenceControlContract>;
let told: HistoryBatch[];
const lives: ZonesLive[] = [];
/** Of the feed, as viewers get them. */
const sent: Buffer[] = [];
let feedUrl: string;

beforeAll(async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'framelock-crossings-'));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  const http = createServer((_, response) => response.end('{"serverTimeMs":0}')).listen(0, '127.0.0.1');
  await once(http, 'listening');
  cleanups.push(() => http.close());
  const feed = new WebSocketServer({ server: http });
  feed.on('connection', (socket) => socket.on('message', (bytes) => sent.push(Buffer.from(bytes as Buffer))));
  const { port } = http.address() as AddressInfo;
  feedUrl = `ws://127.0.0.1:${port}/feed/p1`;
  const environment = {
    ...{ NODE_SECRET: 'secret', SERVER_URL: `http://127.0.0.1:${port}`, MODELS_DIR: folder, MODEL: 'marker' },
    ...{ EXECUTION_PROVIDER: 'cpu', NODE_ID: 'node-1', ANALYSIS_MAX_FPS: '30' },
  };
  node = await InferenceNode.create(parseConfig(environment), pino({ level: 'silent' }));
  cleanups.push(() => node.close('test'));
  const socket = new WebSocket(`${node.controlUrl}/control`, { headers: { authorization: 'Bearer secret' } });
  await once(socket, 'open');
  cleanups.push(() => socket.close());
  told = [];
  caller = new RpcCaller(inferenceControlContract, {
    send: (text) => socket.send(text),
    on: { history: (batch) => told.push(batch), zonesLive: ({ live }) => lives.push(live) },
    onMalformed: (reason) => {
      throw new Error(reason);
    },
  });
  socket.on('message', (data) => caller.receive((data as Buffer).toString()));
}, 60_000);

/** Sends each Frame when the one before it was analysed, however long this machine takes. */
async function play(frames: TestFrame[], port: number, socket: dgram.Socket, ssrc: number): Promise<void> {
  const random = seededRandom(1);
  let sequenceNumber = 65_500;
  for (const [i, frame] of frames.entries()) {
    const timestamp = (firstTicks + i * everyTicks) >>> 0;
    const payloads = packetise('h264', frame, 1100, i, random);
    for (const [k, payload] of payloads.entries()) {
      const fields = { payloadType: 101, ssrc, timestamp, marker: k === payloads.length - 1, sequenceNumber };
      socket.send(writeRtp(fields, payload), port, '127.0.0.1');
      sequenceNumber = (sequenceNumber + 1) & 0xffff;
    }
    await expect.poll(() => sent.length, { timeout: 10_000, interval: 2 }).toBe(i + 1);
  }
}

it('has exactly the events of the clip, at their moments, and all that viewers got', async () => {
  const options = { codec: 'h264', frames: fps * seconds, width, height, keyEvery: 30, draw } as const;
  const frames = await encodeClip(options);
  const socket = dgram.createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  cleanups.push(() => socket.close());
  const { local } = await caller.request('openTap', { publicationId: 'p1', streamId: 's1' });
  const rtpParameters = {
    codecs: [{ mimeType: 'video/H264', payloadType: 101, clockRate: 90_000 }],
    encodings: [{ ssrc: 7 }],
  };
  const tap = { remote: { ip: '127.0.0.1', port: socket.address().port }, rtpParameters, type: 'simple' };
  const start = { publicationId: 'p1', tap, feedUrl, firstRevision: 3, zones };
  const { description } = await caller.request('startAnalysis', start, 30_000);
  await expect.poll(async () => JSON.stringify(await caller.request('dump', {}))).toContain('"connected":true');
  await play(frames, local.port, socket, 7);
  await caller.request('stopAnalysis', { publicationId: 'p1' });
  await expect.poll(() => told.some(({ last }) => last), { timeout: 10_000 }).toBe(true);

  // Nothing was acknowledged: all of it is told again, and no more once it is stored.
  const batches = [...new Map(told.map((batch) => [batch.sequence, batch])).values()];
  await expect.poll(() => told.length, { timeout: 10_000 }).toBeGreaterThanOrEqual(2 * batches.length);
  for (const batch of told) {
    const first = batches.find(({ sequence }) => sequence === batch.sequence);
    expect(batch).toEqual(first);
  }
  for (const { runId, sequence } of batches) await caller.request('historyStored', { runId, sequence });
  expect(node.dump()).toMatchObject({ history: { waiting: 0, bytes: 0, stored: batches.length, dropped: 0 } });

  expect(batches.map(({ sequence }) => sequence)).toEqual(batches.map((_, i) => i));
  expect(new Set(batches.map(({ runId }) => runId)).size).toBe(1);
  expect(batches.reduce((sum, batch) => sum + batch.frames, 0)).toBe(frames.length);
  expect(batches.flatMap(messagesOf)).toEqual(sent);
  for (const { model } of batches) expect(model).toMatchObject({ revision: 3, labels: description.labels });

  const events = batches.flatMap((batch) => batch.events);
  const momentOf = ({ rtpTimestamp, lagTicks }: TimedZoneEvent): number =>
    (rtpTicksBetween(rtpTimestamp, firstTicks >>> 0) - lagTicks) / second;
  const found = events.toSorted((a, b) => momentOf(a) - momentOf(b));
  expect(found.map(({ label, kind, cause }) => [label, kind, cause])).toEqual(truth.map((one) => one.slice(0, 3)));
  for (const [i, [label, kind, , at]] of truth.entries()) {
    expect(Math.abs(momentOf(found[i]!) - at), `${label} ${kind} at ${momentOf(found[i]!)}`).toBeLessThan(1 / fps);
  }
  expect(found.map(({ zoneName }) => zoneName)).toEqual(
    truth.map(([, kind]) => (kind.startsWith('crossed') ? 'Door' : 'Aisle')),
  );
  // The wall clock of a moment is that of its Frame, less how long before it that was.
  const messages = sent.map((bytes) => decode(bytes) as DetectionMessage);
  const receivedAt = new Map(messages.map(({ rtp, t }) => [rtp, t.received]));
  for (const { rtpTimestamp, lagTicks, atMs } of events) {
    const wallMs = receivedAt.get(rtpTimestamp)! - lagTicks / 90;
    expect(Math.abs(atMs - wallMs)).toBeLessThanOrEqual(1);
  }

  const tracks = new Map(batches.flatMap((batch) => batch.tracks).map((one) => [one.trackId, one]));
  const byLabel = [...tracks.values()].toSorted((a, b) => a.label.localeCompare(b.label));
  const hidden = Array.from(frames, (_, i) => walkers[1]!(i / fps)).filter((at) => !at).length;
  expect(byLabel).toMatchObject([
    { label: 'marker A', ended: true, frames: frames.length, zoneIds: ['aisle', 'door'] },
    { label: 'marker B', ended: true, frames: frames.length - hidden, zoneIds: ['door', 'aisle'] },
    { label: 'marker C', ended: true, frames: frames.length, zoneIds: ['aisle'] },
    { label: 'marker D', ended: true, frames: frames.length, zoneIds: [] },
  ]);
  const pictured = new Set(
    batches.flatMap((batch) => batch.tracks.filter(({ jpeg }) => jpeg).map((one) => one.trackId)),
  );
  expect(pictured.size).toBe(4);
  for (const { mostByLabel } of batches) for (const most of Object.values(mostByLabel)) expect(most).toBe(1);

  const properties = batches.flatMap((batch) => batch.properties);
  expect(properties.map((one) => one.frames)).toEqual(Array<number>(seconds).fill(fps));
  expect(batches.at(-1)!.heatmap!.seconds.reduce((sum, cell) => sum + cell, 0)).toBeCloseTo(4 * (seconds - 1 / fps), 1);
  const last = lives.at(-1)!;
  expect(last.lines).toMatchObject([{ lineId: 'door', in: 1, out: expect.any(Number) }]);
  expect(last.zones[0]!.occupancy).toBeGreaterThanOrEqual(1);
}, 120_000);

it('refuses zones for what it does not analyse', async () => {
  await expect(caller.request('setZones', { publicationId: 'nobody', zones })).rejects.toMatchObject({
    code: 'notFound',
  });
});
