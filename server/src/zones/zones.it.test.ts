import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createFakeInference, createFakeSfu, type FakeInference, type FakeSfu } from '../../test/fakeNodes.ts';
import { nodeSecret, TestServer, until } from '../../test/TestServer.ts';
import { Refusal, type ZoneSettings, type ZonesLive } from '../protocol/index.ts';

let server: TestServer;
let sfu: FakeSfu;
let inference: FakeInference;
let streamId: string;

beforeAll(async () => {
  server = await TestServer.create();
  sfu = await createFakeSfu(nodeSecret);
  inference = await createFakeInference(nodeSecret);
  await Promise.all([server.attach(sfu), server.attach(inference)]);
});
afterAll(async () => {
  await server.close();
  await Promise.all([sfu.close(), inference.close()]);
});
beforeEach(async () => {
  streamId = (await server.createStream()).id;
  inference.calls.length = 0;
});

const at = (x: number, y: number) => ({ x, y });
const shape = { colour: '#ff8800', anchor: 'bottom', labels: null } as const;
const square = [at(0.2, 0.2), at(0.6, 0.2), at(0.6, 0.6), at(0.2, 0.6)];
const door = { ...shape, id: 'door', name: 'Door', polygon: square, dwellSeconds: 3 };
const gate = { ...shape, id: 'gate', name: 'Gate', from: at(0, 0.5), to: at(1, 0.5) };
const drawn: ZoneSettings = { zones: [door], lines: [gate], scale: { kind: 'width', metresPerWidth: 12 } };
const nothing: ZoneSettings = { zones: [], lines: [], scale: null };
const count = {
  zoneId: 'door',
  ...{ occupancy: 1, counts: { A: 1 }, entered: 3, left: 2 },
  ...{ meanDwellSeconds: 4.5, longestPresentSeconds: 1, meanSpeedMps: null },
};
const live: ZonesLive = {
  ...{ rtpTimestamp: 9_000, zones: [count], counts: { A: 1 }, speeds: [] },
  lines: [{ lineId: 'gate', in: 2, out: 1, inByLabel: { A: 2 }, outByLabel: { A: 1 } }],
};

const path = () => `/api/v1/streams/${streamId}/zones`;
const put = (json: unknown) => server.request(path(), { method: 'PUT', json });
const read = async (from = path()) => (await server.request(from)).body as unknown;

async function watcher() {
  const client = await server.client();
  return Object.assign(client, { joined: await client.request('join', { streamId, role: 'watch' }) });
}
/** Publishes, and waits until a node analyses it. */
async function publisher() {
  const client = await server.client();
  const { publicationId } = await client.publish(streamId);
  await until(async () => (await server.stream(streamId)).analysis.state === 'running', 'it is analysed');
  return Object.assign(client, { publicationId });
}

describe('zones of a Stream', () => {
  it('are nothing, then what was put, with defaults; and gone with the Stream', async () => {
    expect(await read()).toEqual(nothing);
    const { polygon, id, colour } = door;
    const answer = await put({ zones: [{ polygon, id, name: ' Door ', colour }] });
    expect(answer).toMatchObject({ status: 200, body: { ...nothing, zones: [{ ...door, dwellSeconds: null }] } });
    expect(await read()).toEqual({ ...nothing, zones: [{ ...door, dwellSeconds: null }] });
    expect((await put(drawn)).body).toEqual(drawn);
    expect((await put({})).body).toEqual(nothing);
    await server.request(`/api/v1/streams/${streamId}`, { method: 'DELETE' });
    expect((await server.request(path())).status).toBe(404);
    expect((await put(drawn)).status).toBe(404);
    expect((await server.request(`${path()}/live`)).status).toBe(404);
  });

  it('are refused with words that name the zone, and then stay as they were', async () => {
    await put(drawn);
    const bowTie = [at(0.2, 0.2), at(0.6, 0.6), at(0.6, 0.2), at(0.2, 0.6)];
    const refused = await put({
      zones: [
        { ...door, polygon: bowTie },
        { ...door, id: 'b', name: '', polygon: [at(0, 0), at(1, 0), at(2, 1)] },
      ],
      lines: [{ ...gate, to: gate.from }],
      scale: { kind: 'width', metresPerWidth: 0 },
    });
    expect(refused.status).toBe(400);
    const { message } = (refused.body as unknown as { error: { message: string } }).error;
    expect(message).toContain('zone “Door”: the sides of a zone may not cross');
    expect(message).toContain('zone 2, name: a name is needed');
    expect(message).toContain('zone 2, point 3, x:');
    expect(message).toContain('line “Gate”: the line is too short');
    expect(message).toContain('speed scale, metresPerWidth:');
    const twins = await put({ zones: [door, { ...door, name: 'Twin' }] });
    expect(twins.text).toContain('two zones or lines have the same id');
    expect(await read()).toEqual(drawn);
  });

  it('have room for as many as may be drawn, and no more', async () => {
    const round = (n: number) => at(0.5 + 0.4 * Math.cos((n / 16) * Math.PI), 0.5 + 0.4 * Math.sin((n / 16) * Math.PI));
    const name = '☃'.repeat(60);
    const polygon = Array.from({ length: 32 }, (_, n) => round(n));
    const zones = Array.from({ length: 32 }, (_, n) => ({ ...door, id: `zone-${n}`, name, polygon }));
    const lines = Array.from({ length: 32 }, (_, n) => ({ ...gate, id: `line-${n}`, name }));
    expect((await put({ zones, lines, scale: null })).status).toBe(200);
    expect((await put({ zones: [...zones, { ...door, id: 'more' }] })).status).toBe(400);
    expect((await put({ ...drawn, more: 'x'.repeat(200_000) })).status).toBe(413);
    expect((await watcher()).joined.zones.zones).toHaveLength(32);
  });

  it('are in the audit log', async () => {
    await put(drawn);
    const { entries } = (await read('/api/v1/audit')) as { entries: { action: string; target: string }[] };
    expect(entries[0]).toMatchObject({ action: 'PUT /api/v1/streams/{id}/zones', target: streamId });
  });
});

describe('of a live Stream', () => {
  it('are told to the node when the analysis begins, and again when it begins anew on a node that came back', async () => {
    await put(drawn);
    await publisher();
    expect(inference.callsOf('startAnalysis')).toMatchObject([{ zones: drawn }]);
    expect(inference.callsOf('setZones')).toEqual([]);
    inference.cut();
    await until(() => inference.callsOf('startAnalysis').length === 2, 'it begins again');
    expect(inference.callsOf('startAnalysis')[1]).toMatchObject({ zones: drawn });
  });

  it('are pushed to the node and told to viewers while the analysis runs', async () => {
    const viewer = await watcher();
    expect(viewer.joined.zones).toEqual(nothing);
    const { publicationId } = await publisher();
    expect(inference.callsOf('startAnalysis')[0]).not.toHaveProperty('zones');
    await put(drawn);
    expect(await viewer.event('zones')).toEqual(drawn);
    await until(() => inference.callsOf('setZones').length === 1, 'the node is told');
    expect(inference.callsOf('setZones')).toEqual([{ publicationId, zones: drawn }]);
    expect((await watcher()).joined.zones).toEqual(drawn);
    await put(nothing);
    await until(() => inference.callsOf('setZones').length === 2, 'the node is told again');
    expect(inference.callsOf('setZones')[1]).toEqual({ publicationId, zones: nothing });
  });

  it('reach a node that refused them at first, and of several only the newest', async () => {
    await publisher();
    const { handlers } = inference;
    let refused = 0;
    inference.handlers = {
      ...handlers,
      setZones: () => {
        refused++;
        throw new Refusal('unavailable', 'busy');
      },
    };
    await put(drawn);
    await until(() => refused > 0, 'it was refused');
    inference.handlers = handlers;
    const last = { ...drawn, lines: [] };
    await put(last);
    await until(
      () => inference.callsOf('setZones').some(({ zones }) => (zones as ZoneSettings).lines.length === 0),
      'it',
    );
    expect(inference.callsOf('setZones').at(-1)).toMatchObject({ zones: last });
  });

  it('reach the node that began before they were stored', async () => {
    const { handlers } = inference;
    inference.handlers = {
      ...handlers,
      startAnalysis: async (params) => {
        inference.handlers = handlers;
        await put(drawn);
        return handlers.startAnalysis(params);
      },
    };
    const { publicationId } = await publisher();
    await until(() => inference.callsOf('setZones').length === 1, 'the node is told');
    expect(inference.callsOf('setZones')).toEqual([{ publicationId, zones: drawn }]);
  });

  it('have figures, which viewers are sent and the API answers, of the running Publication alone', async () => {
    await put(drawn);
    const viewer = await watcher();
    expect(await read(`${path()}/live`)).toEqual({ publicationId: null, live: null });
    const page = await publisher();
    const { publicationId } = page;
    expect(await read(`${path()}/live`)).toEqual({ publicationId, live: null });
    inference.emit('zonesLive', { publicationId: 'another', live });
    inference.emit('zonesLive', { publicationId, live });
    expect(await viewer.event('zonesLive')).toEqual({ publicationId, live });
    expect(await read(`${path()}/live`)).toEqual({ publicationId, live });
    await put({ ...drawn, zones: [] });
    expect(await read(`${path()}/live`)).toEqual({ publicationId, live: null });
    inference.emit('zonesLive', { publicationId, live });
    await until(
      async () => ((await read(`${path()}/live`)) as { live: unknown }).live !== null,
      'they are there again',
    );
    page.close();
    await viewer.event('publicationEnded');
    expect(await read(`${path()}/live`)).toEqual({ publicationId: null, live: null });
  });
});
