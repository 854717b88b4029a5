import { execFileSync } from 'node:child_process';
import { cpus, totalmem } from 'node:os';

/** What every result says of where and when it was measured. */
export function describeRun(): Record<string, unknown> {
  return {
    date: new Date().toISOString(),
    commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
    machine: {
      cpu: cpus()[0]?.model,
      cores: cpus().length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      node: process.version,
      note: 'shared with other jobs; publisher, viewer and every Framelock process run on these cores together',
    },
  };
}
