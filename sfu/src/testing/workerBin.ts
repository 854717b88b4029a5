import { existsSync, globSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The mediasoup-worker that set-up left: MEDIASOUP_WORKER_BIN, else the newest in the cache, else mediasoup's own. */
export function testWorkerBin(): string | undefined {
  const named = process.env.MEDIASOUP_WORKER_BIN;
  if (named) return named;
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  const [newest] = globSync(join(cache, 'framelock/mediasoup-worker/*/mediasoup-worker')).sort().reverse();
  return newest && existsSync(newest) ? newest : undefined;
}
