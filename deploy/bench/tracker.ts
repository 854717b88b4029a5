import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { describeRun } from './machine.ts';

/**
 * How well and how fast ObjectTracks are kept: IDF1, MOTA and id switches on generated sequences with their truth, all
 * boxes as they are sent and confirmed ones alone, and microseconds per analysed Frame at 10, 50 and 200 objects. The
 * measuring program belongs to the server's protocol (nothing here may import it) and is a process of its own.
 *
 *     node deploy/bench/tracker.ts [--compare module with another class Tracker] [--out deploy/bench/results/tracker.json]
 */
const { values } = parseArgs({ options: { compare: { type: 'string' }, out: { type: 'string' } } });
const program = path.resolve(import.meta.dirname, '../../server/src/protocol/analysis/track/measureTracker.ts');
const compare = values.compare === undefined ? [] : [path.resolve(values.compare)];
const { stdout } = await promisify(execFile)(process.execPath, [program, ...compare], { maxBuffer: 2 ** 24 });
const measured = JSON.parse(stdout) as Record<string, unknown>;
const result = { what: 'tracker', ...describeRun(), ...measured };
const out = values.out ?? path.join(import.meta.dirname, 'results/tracker.json');
await writeFile(out, `${JSON.stringify(result, null, 2)}\n`);
console.log(`${JSON.stringify(result, null, 2)}\n-> ${out}`);
