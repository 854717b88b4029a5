import { once } from 'node:events';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { workerBin as defaultWorkerBin } from 'mediasoup';
import { afterEach, describe, expect, test } from 'vitest';
import { rtcListenInfos } from './listenAddresses.ts';
import { until } from './testing/until.ts';
import { testWorkerBin } from './testing/workerBin.ts';
import { WorkerPool } from './WorkerPool.ts';

const listenInfos = () => rtcListenInfos({ host: '127.0.0.1', port: 0 });
let pool: WorkerPool | undefined;
afterEach(() => pool?.close());

describe('WorkerPool', () => {
  test('picks the Worker with the fewest Streams', async () => {
    pool = await WorkerPool.create({ count: 2, workerBin: testWorkerBin(), listenInfos });
    const [first, second] = pool.workers;
    expect(await pool.pick()).toBe(first);
    first!.streams = 2;
    second!.streams = 1;
    expect(await pool.pick()).toBe(second);
  });

  test('replaces a Worker that dies again and again', async () => {
    pool = await WorkerPool.create({ count: 1, workerBin: testWorkerBin(), listenInfos });
    const pids = new Set<number>();
    for (let death = 0; death < 3; death++) {
      const { pid } = await pool.pick();
      pids.add(pid);
      process.kill(pid, 'SIGKILL');
      await until('the next Worker', () => pool!.workers.some((worker) => worker.pid !== pid));
    }
    expect(pids.size).toBe(3);
  });

  test('ends and replaces a Worker that hangs, and leaves one alone that answers', async () => {
    const watch = { everyMs: 50, answerWithinMs: 500, misses: 3 };
    pool = await WorkerPool.create({ count: 2, workerBin: testWorkerBin(), listenInfos, watch });
    const [hung, well] = pool.workers;
    const died = once(pool, 'workerDied');
    process.kill(hung!.pid, 'SIGSTOP');
    const [dead, error] = (await died) as [unknown, Error];
    expect(dead).toBe(hung);
    expect(error.message).toMatch(/did not answer for 1500 ms/);
    await until('the next Worker', () => pool!.workers.length === 2);
    expect(pool.workers.map(({ pid }) => pid)).not.toContain(hung!.pid);
    expect(pool.workers).toContain(well);
  });

  test('gives up on one that does not start again, and says so', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'framelock-worker-'));
    const workerBin = join(folder, 'mediasoup-worker');
    symlinkSync(testWorkerBin() ?? defaultWorkerBin, workerBin);
    pool = await WorkerPool.create({ count: 1, workerBin, listenInfos, maxStartAttempts: 3 });
    rmSync(folder, { recursive: true });
    const failed = once(pool, 'failed');
    process.kill(pool.workers[0]!.pid, 'SIGKILL');
    const [error] = (await failed) as [Error];
    expect(error.message).toMatch(/mediasoup Worker 0 does not start again: .*ENOENT/);
    expect(pool.workers).toEqual([]);
  });

  test('a binary that is not there is a failure and no crash; after close() nothing is picked', async () => {
    await expect(WorkerPool.create({ count: 2, workerBin: '/nowhere', listenInfos })).rejects.toThrow('ENOENT');
    pool = await WorkerPool.create({ count: 1, workerBin: testWorkerBin(), listenInfos });
    await pool.close();
    await expect(pool.pick()).rejects.toMatchObject({ code: 'unavailable' });
  });
});
