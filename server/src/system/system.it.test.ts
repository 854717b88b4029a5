import { afterAll, beforeAll, expect, it } from 'vitest';
import { createFakeInference, createFakeSfu, type FakeInference, type FakeSfu } from '../../test/fakeNodes.ts';
import { nodeSecret, TestServer, until } from '../../test/TestServer.ts';
import { type SystemView, systemViewSchema } from '../protocol/index.ts';

let server: TestServer;
let sfu: FakeSfu;
let inference: FakeInference;

beforeAll(async () => {
  server = await TestServer.create();
  sfu = await createFakeSfu(nodeSecret);
  inference = await createFakeInference(nodeSecret);
});
afterAll(async () => {
  await server.close();
  await Promise.all([sfu.close(), inference.close()]);
});

const system = async (): Promise<SystemView> => systemViewSchema.parse((await server.request('/api/v1/system')).body);

it('tells the database, the nodes with what their heartbeats tell, and samples', async () => {
  sfu.figures = {
    processes: [{ name: 'sfu', cores: 0.25, rssBytes: 1e8 }],
    queues: [{ name: 'hlsDetections', length: 3, limit: 512 }],
    dropped: { hlsDetections: 2 },
    faults: { workerDeaths: 1 },
  };
  // Of another version: it is done without, and the node stays.
  inference.figures = { processes: 'many' };
  await server.attach(sfu);
  await server.attach(inference);
  const view = await system();
  expect(view.database).toMatchObject({ engine: 'pglite', answers: true });
  expect(view.nodes.find(({ kind }) => kind === 'sfu')).toMatchObject({
    connected: true,
    figures: { queues: [{ name: 'hlsDetections', length: 3, limit: 512 }] },
  });
  expect(view.nodes.find(({ kind }) => kind === 'inference')).toMatchObject({ connected: true, figures: null });
  expect(view.server.processes[0]!.rssBytes).toBeGreaterThan(1e6);
  await until(async () => ((await system()).samples.series.sfuCores?.length ?? 0) > 0, 'a sample of the sfu');
  expect((await system()).samples.series.sfuCores!.at(-1)).toBe(0.25);
  expect((await system()).faults).toContainEqual({
    ...{ node: 'sfu-1', what: 'workerDeaths', total: 1, recent: 0, lastAt: null },
  });
});

it('counts a node that went away as a fault, with when', async () => {
  const before = (await system()).faults.find(({ what }) => what === 'nodesLost')?.recent ?? 0;
  await inference.close();
  const lost = async () => (await system()).faults.find(({ what }) => what === 'nodesLost');
  await until(async () => ((await lost())?.recent ?? 0) > before, 'the lost node');
  expect((await lost())!.lastAt).not.toBeNull();
});
