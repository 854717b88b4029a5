import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database } from '@framelock/db';
import pino from 'pino';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bundledBrand } from '../../test/fakeBrands.ts';
import { createFakeInference, type FakeInference } from '../../test/fakeNodes.ts';
import { markPng } from '../../test/pictures.ts';
import { nodeSecret, until } from '../../test/TestServer.ts';
import { Metrics } from '../Metrics.ts';
import { NodeConnection } from '../nodes/NodeConnection.ts';
import type { InferenceNode } from '../nodes/NodeRegistry.ts';
import { type Gallery, inferenceControlContract } from '../protocol/index.ts';
import { Brands } from './Brands.ts';

const logger = pino({ level: process.env.TEST_LOG_LEVEL ?? 'silent' });
let folder: string;
let database: Database;
let node: FakeInference;
const replicas: { brands: Brands; connection: InferenceNode }[] = [];

/** What a server has of the gallery, with its own connection to the node. */
function createReplica(serverId: string): Brands {
  const brands = Brands.create({ store: database.brands, metrics: new Metrics(), logger });
  const connection: InferenceNode = NodeConnection.create({
    ...{ contract: inferenceControlContract, heartbeat: node.heartbeat, nodeSecret, serverId, logger, on: {} },
    onOpened: () => brands.nodeOpened(connection),
    onLost: () => brands.nodeLost(connection),
    onMalformed: () => undefined,
  });
  replicas.push({ brands, connection });
  return brands;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'framelock-brands-'));
  database = await Database.create({ dataDir: folder });
  const bundled = ['acme', 'bolt', 'cask'].map((slug) => bundledBrand('one', slug));
  node = await createFakeInference(nodeSecret, 'inference-1', { version: 'one', bundled });
});
afterAll(async () => {
  for (const { brands, connection } of replicas) {
    connection.close('test');
    await brands.close();
  }
  await node.close();
  await database.close();
  rmSync(folder, { recursive: true, force: true });
});

it('two servers on one database show the same, and a change at either reaches the node through both', async () => {
  const [first, second] = [createReplica('a'), createReplica('b')];
  const told = () => node.callsOf('setGallery') as unknown as Gallery[];
  const names = (gallery: Gallery | undefined) => gallery?.brands.map(({ name }) => name).sort();
  const toldByBoth = (wanted: string[]) =>
    until(
      () => {
        const fit = told().filter((gallery) => names(gallery)?.join() === [...wanted].sort().join());
        const last = told().at(-1);
        return fit.filter(({ revision }) => revision === last?.revision).length >= 2 && fit.includes(last!);
      },
      `both told it ${wanted.join(', ')}`,
    );
  const bundled = ['The acme', 'The bolt', 'The cask'];
  await toldByBoth(bundled);

  const id = await first.edits.add('Here', [{ bytes: markPng(1) }]);
  expect(second.stateOf(await second.get(id))).toEqual({ state: 'ready' });
  await toldByBoth([...bundled, 'Here']);
  await second.edits.change(id, { name: 'There' });
  expect((await first.get(id)).name).toBe('There');
  await toldByBoth([...bundled, 'There']);
  expect((await first.gallery()).revision).toBe((await second.gallery()).revision);

  // The same name at both at once: one of them has it.
  const both = await Promise.allSettled(
    [first, second].map((one, i) => one.edits.add('Same', [{ bytes: markPng(5 + i) }])),
  );
  expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  expect((await first.list()).filter(({ name }) => name === 'Same')).toHaveLength(1);
  await toldByBoth([...bundled, 'Same', 'There']);

  // What came while no node was there is embedded by whoever sees one first.
  for (const { connection } of replicas) connection.close('test');
  const waiting = await first.edits.add('Waits', [{ bytes: markPng(9) }]);
  expect(second.stateOf(await second.get(waiting))).toEqual({ state: 'waiting' });
  const third = createReplica('c');
  await until(async () => third.stateOf(await third.get(waiting)).state === 'ready', 'it is embedded');
  await until(() => names(told().at(-1))!.includes('Waits'), 'and known to the node');
});
