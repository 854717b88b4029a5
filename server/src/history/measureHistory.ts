import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Database } from '@framelock/db';
import { ScratchPostgres } from '@framelock/db/testing';
import pino from 'pino';
import { Metrics } from '../Metrics.ts';
import { type HistoryBatch, inferenceControlContract, RpcCaller } from '../protocol/index.ts';
import { History } from './History.ts';
import { testBatch, testJpeg, testTrack, testZoneEvent } from './testBatches.ts';

/**
 * A program of its own for deploy/bench/historyIngest.ts: HistoryBatches of Streams with 20 objects at 30 frames a second,
 * parsed as they come from a control socket, through History into both engines. Prints JSON.
 */
const objects = 20;
const fps = 30;
/** What Zstandard leaves of a second of detection messages: 30 messages of 20 boxes, each some 12 bytes a box. */
const detectionBytes = 6_000;
const jpegBytes = 6_000;
const seconds = Number(process.argv[2] ?? 8);

const dictionary = Array.from({ length: 20 }, () => randomBytes(detectionBytes).toString('base64'));
const jpeg = testJpeg(jpegBytes);

/** As `sequence`s of a run go: 20 ObjectTracks go on, one ends and one begins every two seconds, with its picture. */
function secondOf(runId: string, sequence: number): string {
  const first = sequence >> 1;
  const tracks = Array.from({ length: objects }, (_, i) => {
    const age = sequence * fps - (first + i - objects) * 2 * fps;
    const isNew = i === objects - 1 && sequence % 2 === 0;
    const picture = isNew ? { jpeg } : {};
    return testTrack(first + i + 1, Math.max(1, age), { zoneIds: i % 4 === 0 ? ['door'] : [], ...picture });
  });
  const properties = [
    {
      ...{ rtpTimestamp: sequence, lastRtpTimestamp: sequence + 1, frames: fps, brightness: 0.5, contrast: 0.2 },
      ...{ saturation: 0.3, motion: 0.1, sharpness: 0.5, cuts: [], atMs: Date.now() + sequence * 1_000 },
      colours: Array.from({ length: 5 }, () => ({ colour: '#aabbcc', share: 0.2 })),
    },
  ];
  const batch = testBatch(runId, sequence, {
    ...{ publicationId: runId, frames: fps, objects: objects * fps, tracks, properties },
    events: sequence % 2 === 0 ? [testZoneEvent()] : [],
    detections: dictionary[sequence % dictionary.length]!,
  });
  return JSON.stringify({ event: 'history', data: batch });
}

/** Both: this process, and the Postgres that we started (its own CPU in ticks of 1/100 s, with ended children's). */
function cpuSecondsOf(database: ScratchPostgres | undefined): { server: number; database: number } {
  const { user, system } = process.cpuUsage();
  return { server: (user + system) / 1e6, database: database?.cpuSeconds() ?? 0 };
}

async function measure(engine: 'pglite' | 'postgres', postgres: ScratchPostgres | undefined) {
  const dataDir = mkdtempSync(join(tmpdir(), 'framelock-ingest-'));
  const database = await Database.create({ dataDir, databaseUrl: postgres?.url });
  const metrics = new Metrics();
  const history = History.create({
    ...{ store: database.history, publications: database.publications, serverId: 'bench', dataDir, metrics },
    ...{ spoolMaxBytes: 2 ** 30, ages: { detections: 7, tracks: 90, events: 365, properties: 30 } },
    isLive: () => true,
    streamName: () => 'Front door',
    logger: pino({ level: 'warn' }, pino.destination(2)),
  });
  let acknowledged = 0;
  const node = { id: 'bench', requestIfOpen: () => (acknowledged++, Promise.resolve()) };
  const caller = new RpcCaller(inferenceControlContract, {
    send: () => undefined,
    on: history.eventsOf(node as never),
  });
  const made = (streams: number, count: number, from: number): string[] =>
    Array.from({ length: streams * count }, (_, i) =>
      secondOf(`${engine}-${streams}-${i % streams}`, from + Math.floor(i / streams)),
    );

  const spooled = async (): Promise<number> =>
    (await metrics.historyBatches.get()).values.find(({ labels }) => labels.outcome === 'spooled')?.value ?? 0;

  /** As fast as it goes, 200 on their way. */
  async function flood() {
    const messages = made(50, 40, 0);
    const before = cpuSecondsOf(postgres);
    const startedAt = performance.now();
    acknowledged = 0;
    for (const [index, text] of messages.entries()) {
      while (index - acknowledged >= 200) await sleep(1);
      caller.receive(text);
    }
    while (acknowledged < messages.length) await sleep(1);
    const tookSeconds = (performance.now() - startedAt) / 1_000;
    const after = cpuSecondsOf(postgres);
    return {
      batches: messages.length,
      batchesPerSecond: Math.round(messages.length / tookSeconds),
      serverCpuMsPerBatch: round(((after.server - before.server) / messages.length) * 1e3),
      ...(postgres && { databaseCpuMsPerBatch: round(((after.database - before.database) / messages.length) * 1e3) }),
    };
  }

  /** In real time: each Stream's batch once a second, one after another. */
  async function live(streams: number) {
    const messages = made(streams, seconds, 1_000);
    while (history.figures.spoolBytes > 0) await sleep(50);
    const spooledBefore = await spooled();
    const toldAtMs: number[] = [];
    const waits: number[] = [];
    let answered = 0;
    node.requestIfOpen = () => {
      // In the order in which they were told, nearly.
      waits.push(performance.now() - toldAtMs[answered++]!);
      return Promise.resolve();
    };
    const before = cpuSecondsOf(postgres);
    const startedAt = performance.now();
    for (const [index, text] of messages.entries()) {
      const dueMs = startedAt + (index * 1_000) / streams;
      const early = dueMs - performance.now();
      if (early > 2) await sleep(early);
      toldAtMs.push(performance.now());
      caller.receive(text);
    }
    while (answered < messages.length) await sleep(5);
    const tookSeconds = (performance.now() - startedAt) / 1_000;
    const after = cpuSecondsOf(postgres);
    waits.sort((a, b) => a - b);
    const spooledBatches = (await spooled()) - spooledBefore;
    return {
      streams,
      keptUp: tookSeconds < seconds + 2 && spooledBatches === 0,
      spooledBatches,
      serverCpuCores: round((after.server - before.server) / tookSeconds),
      ...(postgres && { databaseCpuCores: round((after.database - before.database) / tookSeconds) }),
      acknowledgedAfterMs: {
        p50: Math.round(waits[waits.length >> 1]!),
        p95: Math.round(waits[Math.floor(waits.length * 0.95)]!),
      },
    };
  }

  const flooded = await flood();
  const steps: Awaited<ReturnType<typeof live>>[] = [];
  for (const streams of [50, 100, 200]) {
    const step = await live(streams);
    steps.push(step);
    if (!step.keptUp) break;
  }
  await history.close();
  await database.close();
  rmSync(dataDir, { recursive: true, force: true });
  return {
    engine,
    ...(postgres && { version: postgres.version, fsync: false }),
    asFastAsItGoes: flooded,
    inRealTime: steps,
    streamsTaken: steps.filter(({ keptUp }) => keptUp).at(-1)?.streams ?? 0,
  };
}

const round = (value: number): number => Math.round(value * 1_000) / 1_000;

const problems: string[] = [];
const postgres = await ScratchPostgres.create(problems);
const results = [];
if (postgres) results.push(await measure('postgres', postgres));
results.push(await measure('pglite', undefined));
await postgres?.close();
const oneBatch = JSON.parse(secondOf('one', 1)) as { data: HistoryBatch };
process.stdout.write(
  JSON.stringify({
    stream: { objects, fps, detectionBytes, jpegBytes, messageBytes: Buffer.byteLength(JSON.stringify(oneBatch)) },
    loadOfMachine: readFileSync('/proc/loadavg', 'utf8').trim(),
    ...(problems.length > 0 && { problems }),
    results,
  }),
);
process.exit(0);
