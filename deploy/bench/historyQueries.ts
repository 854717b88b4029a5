import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { describeRun } from './machine.ts';
import { percentile } from './percentile.ts';

/**
 * `pnpm bench:history`: 10 million made-up ObjectTracks in a scratch Postgres (db/bench/historyDatabase.ts), and how long
 * each kind of query takes through HTTP, with parameters drawn at random, worst cases among them. One request after another.
 */
const { values: flags } = parseArgs({
  options: {
    tracks: { type: 'string', default: '10000000' },
    url: { type: 'string' },
    requests: { type: 'string', default: '200' },
    /** Of the list of kinds, from this one on and up to without that one; results of others in `out` are kept. */
    first: { type: 'string', default: '0' },
    end: { type: 'string', default: '1000' },
    plans: { type: 'string', default: 'deploy/bench/results/history-plans' },
    out: { type: 'string', default: 'deploy/bench/results/history-queries.json' },
  },
});

interface Made {
  url: string;
  version: string;
  begin: string;
  days: number;
  streams: string[];
  labels: string[];
  zones: string[];
  publications: string[][];
  runs: string[][];
}

let seed = 20_261_122;
/** Mulberry32. */
function random(): number {
  seed = (seed + 0x6d2b79f5) | 0;
  let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
}
const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!;

const ownArguments = flags.url === undefined ? ['--tracks', flags.tracks] : ['--url', flags.url];
const database = spawn(
  process.execPath,
  ['db/bench/historyDatabase.ts', ...ownArguments, ...(flags.plans ? ['--plans', flags.plans] : [])],
  { stdio: ['pipe', 'pipe', 'inherit'] },
);
const dataDir = mkdtempSync(join(tmpdir(), 'framelock-history-bench-'));
let server: ChildProcess | undefined;
try {
  const made = await madeBy(database);
  const port = await freePort();
  server = spawn(process.execPath, ['server/src/main.ts'], {
    env: {
      ...process.env,
      ...{
        PORT: `${port}`,
        HOST: '127.0.0.1',
        DATA_DIR: dataDir,
        DATABASE_URL: made.url,
        NODE_SECRET: 'the-secret-of-the-bench',
      },
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const origin = `http://127.0.0.1:${port}`;
  await untilHealthy(origin);
  const results = { ...resultsBefore(), ...(await measure(origin, made)) };
  const report = {
    ...describeRun(),
    database: made.version,
    requestsEach: Number(flags.requests),
    milliseconds: results,
  };
  writeFileSync(flags.out, `${JSON.stringify(report, null, 2)}\n`);
} finally {
  server?.kill('SIGTERM');
  database.stdin!.end();
  await new Promise((resolve) => database.once('exit', resolve));
  rmSync(dataDir, { recursive: true, force: true });
}

/** Kinds of queries, each a path whose parameters are drawn anew. */
function kinds(made: Made): Record<string, () => string> {
  const { streams, labels, zones } = made;
  const beginMs = Date.parse(made.begin);
  const dayMs = 86_400_000;
  const at = (day: number): string => new Date(beginMs + day * dayMs).toISOString();
  const day = (): number => random() * made.days;
  const range = (days: number) => {
    const from = random() * (made.days - days);
    return { from: at(from), to: at(from + days) };
  };
  const whole = { from: at(0), to: at(made.days) };
  /** What people type, and what they drag a slider to. */
  const score = (): number =>
    random() < 0.3 ? pick([0.9, 0.95, 0.96, 0.98, 0.99]) : Math.round((0.9 + random() * 0.095) * 1000) / 1000;
  const stream = (): number => Math.floor(random() * streams.length);
  const cursor = () =>
    Buffer.from(JSON.stringify([Math.floor(beginMs + day() * dayMs), 'run', 1])).toString('base64url');
  const query = (path: string, values: Record<string, string | number>) => {
    return `/api/v1/${path}?${new URLSearchParams(Object.entries(values).map(([key, value]) => [key, `${value}`]))}`;
  };
  const tracks = (values: Record<string, string | number>) => query('tracks', values);
  const busy = streams[0]!;
  const ofStream = () => {
    const index = stream();
    return { stream: streams[index]!, publication: pick(made.publications[index]!), run: pick(made.runs[index]!) };
  };
  return {
    'newest of all': () => tracks({}),
    'all, deep cursor': () => tracks({ cursor: cursor() }),
    'of a Stream': () => tracks({ streamId: pick(streams) }),
    'of a Stream, deep cursor': () => tracks({ streamId: pick(streams), cursor: cursor() }),
    'of a Stream, 200 of them': () => tracks({ streamId: pick(streams), cursor: cursor(), limit: 200 }),
    'label over all Streams': () => tracks({ label: pick(labels) }),
    'label over all Streams, deep cursor': () => tracks({ label: pick(labels), cursor: cursor() }),
    'label of a Stream': () => tracks({ streamId: pick(streams), label: pick(labels) }),
    'rare label on the busiest Stream': () => tracks({ streamId: busy, label: pick(labels.slice(50)) }),
    'high score on a Stream': () => tracks({ streamId: pick(streams), minScore: score() }),
    'high score over all Streams': () => tracks({ minScore: score() }),
    'high score and label over all Streams': () => tracks({ minScore: score(), label: pick(labels) }),
    'high score and label of a Stream': () =>
      tracks({ streamId: pick(streams), minScore: score(), label: pick(labels) }),
    'low score on a Stream, deep cursor': () =>
      tracks({ streamId: pick(streams), minScore: Math.round(random() * 70) / 100, cursor: cursor() }),
    zone: () => tracks({ zoneId: pick(zones), cursor: cursor() }),
    'zone and its Stream': () => {
      const index = Math.floor(random() * zones.length);
      return tracks({ zoneId: zones[index]!, streamId: streams[index]! });
    },
    'zone and label': () => tracks({ zoneId: pick(zones), label: pick(labels) }),
    'zone and high score': () => tracks({ zoneId: pick(zones), minScore: score() }),
    'zone, label, score and range': () =>
      tracks({ zoneId: pick(zones), label: pick(labels), minScore: score(), ...range(30) }),
    Publication: () => tracks({ publicationId: ofStream().publication }),
    'Publication and label': () => tracks({ publicationId: ofStream().publication, label: pick(labels) }),
    'Publication and high score': () => tracks({ publicationId: ofStream().publication, minScore: score() }),
    run: () => tracks({ runId: ofStream().run }),
    'ten seconds of all': () => tracks(range(10 / 86_400)),
    'a minute of a Stream': () => tracks({ streamId: pick(streams), ...range(60 / 86_400) }),
    'a minute of a Stream, label': () =>
      tracks({ streamId: pick(streams), label: pick(labels), ...range(60 / 86_400) }),
    'a day of a Stream, high score': () => tracks({ streamId: pick(streams), minScore: score(), ...range(1) }),
    '90 days with nothing in them': () => tracks({ streamId: pick(streams), label: 'label 1000', ...whole }),
    '90 days of a rare label on a quiet Stream': () =>
      tracks({ streamId: pick(streams.slice(40)), label: pick(labels.slice(60)), ...whole }),
    'score that nothing has': () => tracks({ streamId: pick(streams), minScore: 1 }),
    'events of a Stream': () => query('events', { streamId: pick(streams), ...range(30) }),
    'events of a Stream and a rare kind': () => query('events', { streamId: pick(streams), kind: 'streamDown' }),
    'events of a label over all Streams': () => query('events', { label: pick(labels) }),
    'events of a zone and a label': () => query('events', { zoneId: pick(zones), label: pick(labels) }),
    'labels of a Stream, 90 days': () => query('history/labels', { streamId: pick(streams) }),
    'labels of all, 90 days': () => query('history/labels', whole),
    'labels of a Stream, a day': () => query('history/labels', { streamId: pick(streams), ...range(1) }),
    'activity of a Stream, 90 days': () => query('history/activity', { streamId: pick(streams), ...whole }),
    'activity of all, 90 days': () => query('history/activity', whole),
    'activity of a Stream, a day': () => query('history/activity', { streamId: pick(streams), ...range(1) }),
    'activity of a zone and a label, 90 days': () =>
      query('history/activity', { zoneId: pick(zones), label: pick(labels), ...whole }),
    'properties, an hour': () => query(`streams/${busy}/properties`, range(1 / 24)),
    'properties, 90 days': () => query(`streams/${busy}/properties`, whole),
    'heatmap, 90 days': () => query(`streams/${busy}/heatmap`, whole),
  };
}

/** Of a run in parts. */
function resultsBefore(): Record<string, unknown> {
  if (Number(flags.first) === 0 || !existsSync(flags.out)) return {};
  return (JSON.parse(readFileSync(flags.out, 'utf8')) as { milliseconds: Record<string, unknown> }).milliseconds;
}

async function measure(origin: string, made: Made): Promise<Record<string, unknown>> {
  const results: Record<string, unknown> = {};
  for (const [name, pathOf] of Object.entries(kinds(made)).slice(Number(flags.first), Number(flags.end))) {
    const taken: number[] = [];
    let rows = 0;
    for (let asked = 0; asked < Number(flags.requests); asked++) {
      const path = pathOf();
      const began = performance.now();
      const answer = await fetch(origin + path);
      const text = await answer.text();
      taken.push(performance.now() - began);
      if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${text}`);
      const body = JSON.parse(text) as { tracks?: unknown[]; events?: unknown[] };
      rows += (body.tracks ?? body.events ?? []).length;
    }
    const meanRows = Math.round((rows / taken.length) * 10) / 10;
    results[name] = {
      ...{ p50: percentile(taken, 0.5), p95: percentile(taken, 0.95), p99: percentile(taken, 0.99) },
      ...{ worst: percentile(taken, 1), meanRows },
    };
    console.log(name.padEnd(44), JSON.stringify(results[name]));
  }
  return results;
}

async function madeBy(child: ChildProcess): Promise<Made> {
  for await (const line of createInterface({ input: child.stdout! })) return JSON.parse(line) as Made;
  throw new Error('the database did not come up');
}

async function untilHealthy(origin: string): Promise<void> {
  for (let waitedMs = 0; waitedMs < 60_000; waitedMs += 200) {
    const healthy = await fetch(`${origin}/healthz`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (healthy) return;
    await sleep(200);
  }
  throw new Error('the server did not come up');
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const listener = createServer().listen(0, '127.0.0.1', () => {
      const { port } = listener.address() as { port: number };
      listener.close(() => resolve(port));
    });
  });
}
