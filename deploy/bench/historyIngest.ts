import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { describeRun } from './machine.ts';

/**
 * How many Streams' history one server takes: HistoryBatches a second, CPU of server and database, and the wait until a
 * batch is acknowledged, for Streams with 20 objects at 30 frames a second, in Postgres and in PGlite. The measuring
 * program belongs to the server (nothing here may import it) and is a process of its own.
 *
 *     node deploy/bench/historyIngest.ts [--seconds 8] [--out deploy/bench/results/historyIngest.json]
 */
const { values } = parseArgs({ options: { seconds: { type: 'string' }, out: { type: 'string' } } });
const program = path.resolve(import.meta.dirname, '../../server/src/history/measureHistory.ts');
const { stdout } = await promisify(execFile)(process.execPath, [program, values.seconds ?? '8'], {
  maxBuffer: 2 ** 24,
});
const measured = JSON.parse(stdout) as Record<string, unknown>;
const result = { what: 'historyIngest', ...describeRun(), ...measured };
const out = values.out ?? path.join(import.meta.dirname, 'results/historyIngest.json');
await writeFile(out, `${JSON.stringify(result, null, 2)}\n`);
console.log(`${JSON.stringify(result, null, 2)}\n-> ${out}`);
