import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { drizzle } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import * as schema from '../src/schema.ts';
import { Database } from '../src/Database.ts';
import { HistoryQueries } from '../src/stores/HistoryQueries.ts';
import { ScratchPostgres } from '../test/ScratchPostgres.ts';
import {
  fillPictures,
  fillEvents,
  fillTracks,
  labelOf,
  madeHistory,
  publicationIdOf,
  runIdOf,
  streamIdOf,
  withoutIndexes,
  zoneIdOf,
} from './madeHistory.ts';

/**
 * `node db/bench/historyDatabase.ts --tracks 10000000`: a scratch Postgres with a made-up history, for
 * deploy/bench/historyQueries.ts. Prints one line of JSON when it is there, and removes it when its stdin ends. With
 * `--plans <folder>` it writes there how Postgres answers each kind of query. With `--url` that database, which is left.
 */
const { values: flags } = parseArgs({
  options: {
    tracks: { type: 'string', default: '10000000' },
    events: { type: 'string', default: '2000000' },
    url: { type: 'string' },
    plans: { type: 'string' },
  },
});
const chunkRows = 500_000;

const problems: string[] = [];
const scratch = flags.url === undefined ? await ScratchPostgres.create(problems) : undefined;
const url = flags.url ?? scratch?.url;
if (url === undefined) throw new Error(problems.join('\n'));
try {
  if (scratch) await fill(url, Number(flags.tracks), Number(flags.events));
  if (flags.plans !== undefined) await writePlans(url, flags.plans);
  console.log(JSON.stringify({ url, version: await versionOf(url), ...parameters() }));
  for await (const _ of process.stdin); // until it ends
} finally {
  await scratch?.close();
}

async function fill(databaseUrl: string, tracks: number, events: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'framelock-history-bench-'));
  await (await Database.create({ dataDir: folder, databaseUrl })).close();
  rmSync(folder, { recursive: true });
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => undefined });
  // Rows first, and then each index at once, is ten times as fast.
  const indexes = await withoutIndexes(sql);
  for (let from = 0; from < tracks; from += chunkRows) {
    await fillTracks(sql, from, Math.min(tracks, from + chunkRows), tracks);
    console.error(`${Math.min(tracks, from + chunkRows)} of ${tracks} ObjectTracks`);
  }
  await fillEvents(sql, events);
  await fillPictures(sql);
  await sql.unsafe(`set maintenance_work_mem = '1GB'`);
  for (const one of indexes) await sql.unsafe(one);
  // As autovacuum does it in the course of time.
  await sql.unsafe('vacuum analyze');
  await sql.end();
}

async function versionOf(databaseUrl: string): Promise<string> {
  const sql = postgres(databaseUrl, { max: 1 });
  const [row] = await sql<{ version: string; size: string; tracks: string }[]>`
    select version(), pg_size_pretty(pg_database_size(current_database())) size,
      (select reltuples::bigint from pg_class where relname = 'object_tracks') tracks`;
  await sql.end();
  return `${row!.version.split(' on ')[0]}, default settings; ${row!.tracks} ObjectTracks, ${row!.size} with indexes`;
}

/** What queries can be about. */
function parameters(): Record<string, unknown> {
  const { streams, labels, zones, days, begin, publicationsADay } = madeHistory;
  const list = <T>(count: number, of: (index: number) => T): T[] => Array.from({ length: count }, (_, i) => of(i));
  return {
    begin: begin.toISOString(),
    days,
    streams: list(streams, streamIdOf),
    labels: list(labels, labelOf),
    zones: list(zones, zoneIdOf),
    publications: list(streams, (stream) => list(days * publicationsADay, (half) => publicationIdOf(stream, half))),
    runs: list(streams, (stream) => list(days * publicationsADay, (half) => runIdOf(stream, half))),
  };
}

/** EXPLAIN (ANALYZE, BUFFERS) of the statements of each kind of query, a file each. */
async function writePlans(databaseUrl: string, folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const client = postgres(databaseUrl, { max: 1 });
  let statements: { query: string; params: unknown[] }[] = [];
  const logger = { logQuery: (query: string, params: unknown[]) => void statements.push({ query, params }) };
  const queries = new HistoryQueries(drizzle(client, { schema, logger }));
  for (const [name, ask] of Object.entries(kindsOfQueries(queries))) {
    statements = [];
    await ask();
    const texts = [];
    for (const { query, params } of statements) {
      const lines = await client.unsafe(`explain (analyze, buffers) ${query}`, params as never[]);
      const shown = `${query}\n-- ${JSON.stringify(params)}`;
      texts.push(`${shown}\n\n${lines.map((line) => line['QUERY PLAN'] as string).join('\n')}\n`);
    }
    writeFileSync(join(folder, `${name}.txt`), texts.join('\n'));
  }
  await client.end();
}

function kindsOfQueries(queries: HistoryQueries): Record<string, () => Promise<unknown>> {
  const day = (days: number) => new Date(madeHistory.begin.getTime() + days * 86_400_000);
  const [busy, rare] = [streamIdOf(0), labelOf(60)];
  const tracks = (scope: Parameters<HistoryQueries['tracks']>[0], deep = false) => {
    const after = deep ? { startedAt: day(9), runId: 'run', trackId: 1 } : undefined;
    return () => queries.tracks(scope, after, 51);
  };
  return {
    'tracks-newest': tracks({}),
    'tracks-stream-deep-cursor': tracks({ streamId: busy }, true),
    'tracks-stream-rare-label': tracks({ streamId: busy, label: rare }),
    'tracks-label-all-streams': tracks({ label: rare }),
    'tracks-stream-min-score': tracks({ streamId: busy, minScore: 0.985 }),
    'tracks-min-score-all-streams': tracks({ minScore: 0.985 }),
    'tracks-label-min-score': tracks({ label: labelOf(20), minScore: 0.97 }),
    'tracks-zone': tracks({ zoneId: zoneIdOf(0), streamId: busy }),
    'tracks-zone-rare-label': tracks({ zoneId: zoneIdOf(0), label: rare }),
    'tracks-zone-min-score': tracks({ zoneId: zoneIdOf(0), minScore: 0.985 }),
    'tracks-short-range': tracks({ streamId: busy, from: day(45), to: day(45.001) }),
    'tracks-wide-range-nothing': tracks({ streamId: streamIdOf(49), label: labelOf(79), from: day(0), to: day(90) }),
    'tracks-publication-label': tracks({ publicationId: publicationIdOf(0, 77), label: labelOf(20) }),
    'tracks-run': tracks({ runId: runIdOf(0, 77) }),
    'events-stream-kind': () => queries.events({ streamId: busy, kind: 'streamDown' }, undefined, 51),
    'events-label-zone': () => queries.events({ zoneId: zoneIdOf(0), label: labelOf(30) }, undefined, 51),
    'labels-stream': () => queries.labels({ streamId: busy }),
    'labels-all-streams': () => queries.labels({}),
    'activity-all-streams': () => queries.activity({ from: day(0), to: day(90) }, 96),
    'activity-stream': () => queries.activity({ streamId: busy, from: day(0), to: day(90) }, 96),
    'properties-90-days': () => queries.properties({ streamId: busy, from: day(0), to: day(90), points: 300 }),
    heatmap: () => queries.heatmaps({ streamId: busy, from: day(0), to: day(90) }),
  };
}
