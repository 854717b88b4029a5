import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Database } from '@framelock/db';
import { ScratchPostgres } from '@framelock/db/testing';
import { afterAll, afterEach, expect, it } from 'vitest';
import { createFakeInference, type FakeInference } from '../../test/fakeNodes.ts';
import { ServerProcess } from '../../test/ServerProcess.ts';
import { nodeSecret } from '../../test/TestServer.ts';
import { testBatch, testJpeg, testTrack, testZoneEvent } from './testBatches.ts';

// A node repeats what is not acknowledged; what is acknowledged is in the database afterwards, once, whatever is killed when: by SIGKILL, of real processes.

const problems: string[] = [];
const postgres = await ScratchPostgres.create(problems);
if (!postgres) console.warn(`no real Postgres could be started, so only PGlite is tested:\n${problems.join('\n')}`);

const folders: string[] = [];
const nodes: FakeInference[] = [];
let server: ServerProcess | undefined;
afterEach(async () => {
  await server?.kill();
  await Promise.all(nodes.splice(0).map((node) => node.close()));
  // One that failed between kill and restart is not to fail those after it.
  if (postgres && !postgres.running) await postgres.restart();
});
afterAll(async () => {
  await postgres?.close();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** Seeded, so that a failure can be looked at again. */
const seed = Number(process.env.KILL_SEED ?? Date.now() % 100_000);
let state = seed;
const random = (below: number): number => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
};

/** Tells batches without end, and again what was not acknowledged within 300 ms, as a node does. */
class Telling {
  readonly acknowledged = new Set<string>();
  told = 0;
  stopped = false;
  #next = 0;
  readonly #waiting = new Map<number, number>();
  readonly #node: FakeInference;
  readonly #runId: string;
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(node: FakeInference, runId: string) {
    this.#node = node;
    this.#runId = runId;
    node.handlers = {
      ...node.handlers,
      historyStored: ({ runId: run, sequence }) => {
        this.acknowledged.add(`${run}:${sequence}`);
        this.#waiting.delete(sequence);
        return {};
      },
    };
    this.#timer = setInterval(() => this.#tell(), 10);
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  #tell(): void {
    if (this.#node.connections === 0) return;
    const now = performance.now();
    for (const [sequence, toldAtMs] of this.#waiting) if (now - toldAtMs > 300) this.#emit(sequence);
    for (let i = 0; i < 2 && !this.stopped && this.#waiting.size < 200; i++) this.#emit(this.#next++);
  }

  #emit(sequence: number): void {
    this.#waiting.set(sequence, performance.now());
    this.told++;
    const added = testTrack(sequence + 2, 1, { jpeg: testJpeg(3_000), zoneIds: ['door'] });
    const tracks = [testTrack(1, sequence + 1), added];
    this.#node.emit('history', testBatch(this.#runId, sequence, { tracks, events: [testZoneEvent()] }));
  }

  close(): void {
    clearInterval(this.#timer);
  }
}

/** A Publication that has ended belongs to every server: none of them needs an sfu. */
async function prepare(environment: { DATA_DIR: string; DATABASE_URL: string }): Promise<void> {
  const database = await open(environment);
  if (!(await database.streams.get('s'))) {
    await database.streams.insert({ id: 's', name: 'Front door', streamKey: 'key' });
    await database.publications.begin({ id: 'p', streamId: 's', sfuNodeId: 'sfu', serverId: 'gone' });
    await database.publications.end('p', 'stopped');
  }
  await database.close();
}

const open = ({ DATA_DIR, DATABASE_URL }: { DATA_DIR: string; DATABASE_URL: string }): Promise<Database> =>
  Database.create({ dataDir: DATA_DIR, databaseUrl: DATABASE_URL || undefined });

async function start(environment: Record<string, string>, node: FakeInference): Promise<ServerProcess> {
  const started = await ServerProcess.create({ NODE_SECRET: nodeSecret, ...environment });
  await started.heartbeat(node.heartbeat, nodeSecret);
  return started;
}

/** Of all that was told: rows of batches, events and ObjectTracks, and which acknowledged ones are not there. */
async function look(environment: { DATA_DIR: string; DATABASE_URL: string }, runId: string, told: Telling) {
  const database = await open(environment);
  try {
    const lost: string[] = [];
    for (const key of told.acknowledged) {
      const sequence = Number(key.split(':')[1]);
      if (!(await database.history.hasBatch({ runId, sequence }))) lost.push(key);
    }
    return { lost, rows: await database.history.countRun(runId) };
  } finally {
    await database.close();
  }
}

async function untilQuiet(condition: () => boolean, what: string): Promise<void> {
  for (let waitedMs = 0; waitedMs < 20_000; waitedMs += 20) {
    if (condition()) return;
    await sleep(20);
  }
  throw new Error(`this did not come true: ${what}; the server said: ${server?.output.slice(-3_000)}`);
}

interface Round {
  engine: 'pglite' | 'postgres';
  killed: 'server' | 'database' | 'both';
  rounds: number;
}

it.each<Round>([
  { engine: 'pglite', killed: 'server', rounds: 2 },
  ...(postgres
    ? ([
        { engine: 'postgres', killed: 'server', rounds: 3 },
        { engine: 'postgres', killed: 'database', rounds: 3 },
        { engine: 'postgres', killed: 'both', rounds: 2 },
      ] as const)
    : []),
])('nothing acknowledged is lost: $engine, SIGKILL of $killed, $rounds times', async ({ engine, killed, rounds }) => {
  const DATA_DIR = mkdtempSync(join(tmpdir(), 'framelock-kill-'));
  folders.push(DATA_DIR);
  const environment = { DATA_DIR, DATABASE_URL: engine === 'postgres' ? postgres!.url : '' };
  await prepare(environment);
  const runId = `${engine}-${killed}-${random(1e6)}`;
  const node = await createFakeInference(nodeSecret);
  nodes.push(node);
  const telling = new Telling(node, runId);
  try {
    server = await start(environment, node);
    for (let round = 0; round < rounds; round++) {
      const before = telling.acknowledged.size;
      await untilQuiet(() => telling.acknowledged.size > before, 'batches are acknowledged');
      await sleep(random(700));
      if (killed === 'both') {
        // Some are only in the spool when the server goes.
        await postgres!.kill();
        await sleep(random(600));
        await server.kill();
        await postgres!.restart();
      } else if (killed === 'database') {
        await postgres!.kill();
        const spooled = telling.acknowledged.size;
        await untilQuiet(() => telling.acknowledged.size > spooled, 'batches are acknowledged without the database');
        await sleep(random(400));
        await postgres!.restart();
      } else {
        await server.kill();
      }
      if (killed !== 'database') server = await start(environment, node);
    }
    telling.stopped = true;
    await untilQuiet(() => telling.waiting === 0, 'all that was told is acknowledged');
    await untilDrained(server);
    await server.kill();
    const { lost, rows } = await look(environment, runId, telling);
    const { size } = telling.acknowledged;
    console.log(
      `${engine}, SIGKILL of ${killed} x${rounds} (KILL_SEED=${seed}): told ${telling.told}, acknowledged ${size}, in the database ${rows.batches}, lost ${lost.length}, events ${rows.events}, tracks ${rows.tracks}`,
    );
    expect(lost).toEqual([]);
    // Each once: the key of a batch is its run and sequence, and of ObjectTrack 1 there is one row.
    expect(rows).toEqual({ batches: size, events: size, tracks: size + 1 });
  } finally {
    telling.close();
  }
});

async function untilDrained(running: ServerProcess): Promise<void> {
  for (let waitedMs = 0; waitedMs < 20_000; waitedMs += 50) {
    const metrics = await (await fetch(`${running.url}/metrics`)).text();
    if (/^framelock_history_spool_bytes 0$/m.test(metrics)) return;
    await sleep(50);
  }
  throw new Error('the spool is not drained');
}
