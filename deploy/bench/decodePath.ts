import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

/**
 * CPU per source frame and last-packet-to-tensor time of inference's decode path, without a model. The measuring
 * program belongs to inference (nothing here may import it) and runs as a process of its own, so that its CPU is its own.
 *
 *     node deploy/bench/decodePath.ts [--codec h264] [--size 1920x1080] [--bitrate 4000000] [--fps 10] [--out file.json]
 */
const program = path.resolve(import.meta.dirname, '../../inference/src/decode/measureDecodePath.ts');
const child = spawn(process.execPath, [program, ...process.argv.slice(2)], { stdio: 'inherit' });
const [code] = (await once(child, 'exit')) as [number | null];
process.exitCode = code ?? 1;
