import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { createFakeInference, createFakeSfu, type FakeInference, type FakeSfu } from '../../test/fakeNodes.ts';
import { nodeSecret, TestServer, until } from '../../test/TestServer.ts';
import { defaultStreamSettings, Refusal } from '../protocol/index.ts';

let server: TestServer;
let sfu: FakeSfu;
let inference: FakeInference;
let streamId: string;

beforeAll(async () => {
  server = await TestServer.create();
});
afterAll(() => server.close());
beforeEach(async () => {
  sfu = await createFakeSfu(nodeSecret);
  inference = await createFakeInference(nodeSecret);
  await Promise.all([server.attach(sfu), server.attach(inference)]);
  streamId = (await server.createStream()).id;
});
afterEach(async () => {
  server.stopBeats();
  await Promise.all([sfu.close(), inference.close()]);
});

const patch = (json: unknown, id = streamId) => server.request(`/api/v1/streams/${id}`, { method: 'PATCH', json });
async function publish() {
  const publisher = await server.client();
  return { publisher, ...(await publisher.publish(streamId)) };
}
const onDemand = { hls: 'onDemand', recording: false, recordingMaxAgeHours: 168, recordingMaxBytes: 20_000_000_000 };

it('settings have defaults, change one by one, and outlive a LiveStream', async () => {
  const created = await server.stream(streamId);
  expect([created.settings, created.hls]).toEqual([defaultStreamSettings, { state: 'idle' }]);
  const { status, body } = await patch({ name: ' Renamed ', hls: 'always', recordingMaxBytes: null });
  expect([status, body]).toMatchObject([
    200,
    { name: 'Renamed', settings: { hls: 'always', recordingMaxBytes: null } },
  ]);
  await patch({ delivery: 'hls' });
  expect(await server.stream(streamId)).toMatchObject({
    name: 'Renamed',
    settings: { ...defaultStreamSettings, hls: 'always', delivery: 'hls', recordingMaxBytes: null },
  });
  expect((await patch({ hls: 'off' })).body).toMatchObject({ hls: null });
  expect((await patch({ recording: true })).body).toMatchObject({ hls: { state: 'idle' } });
  expect((await patch({}, 'none')).status).toBe(404);
  for (const bad of [{ hls: 'sometimes' }, { name: '' }, { recordingMaxBytes: 1 }, { recordingMaxAgeHours: -1 }, []]) {
    expect((await patch(bad)).status).toBe(400);
  }
});

it('the node is told at the beginning of a Publication and at each change that concerns it', async () => {
  const { publicationId } = await publish();
  await until(() => sfu.callsOf('setPackager').length === 1, 'the node is told');
  expect(sfu.callsOf('setPackager')).toEqual([{ publicationId, settings: onDemand }]);
  await patch({ name: 'Other', delivery: 'hls' });
  await patch({ recording: true });
  await until(() => sfu.callsOf('setPackager').length === 2, 'the node is told again');
  expect(sfu.callsOf('setPackager')[1]).toEqual({ publicationId, settings: { ...onDemand, recording: true } });
  await until(() => sfu.callsOf('describeModel').length === 1, 'the model is described');
  await server.request(`/api/v1/streams/${streamId}/model`, { method: 'PUT', json: { modelId: 'other' } });
  await until(() => sfu.callsOf('describeModel').length === 2, 'the next one as well');
  expect(sfu.callsOf('describeModel')).toMatchObject([
    { publicationId, description: { revision: 1, modelId: 'marker' } },
    { publicationId, description: { revision: 2, modelId: 'other' } },
  ]);
});

it('a node that refuses the settings is asked again, with those of now', async () => {
  let refusals = 0;
  sfu.handlers = {
    ...sfu.handlers,
    setPackager: () => {
      if (refusals++ < 2) throw new Refusal('unavailable', 'its hls process starts again');
      return {};
    },
  };
  await publish();
  await until(() => refusals >= 1, 'it refused');
  await patch({ hls: 'always' });
  await until(() => sfu.callsOf('setPackager').length === 3, 'it is asked again');
  expect(sfu.callsOf('setPackager').at(-1)).toMatchObject({ settings: { hls: 'always' } });
});

it('viewers learn how to watch and what HLS does, when they join and when it changes', async () => {
  const { publicationId, publisher } = await publish();
  const viewer = await server.client();
  const joined = await viewer.request('join', { streamId, role: 'watch' });
  expect([joined.delivery, joined.hls]).toEqual(['webrtc', { state: 'idle' }]);
  const live = { state: 'live' as const, width: 1280, height: 720, players: 3, bitrateBps: 1_000 };
  sfu.emit('hls', { publicationId: 'another', streamId, hls: { state: 'failed' } });
  sfu.emit('hls', { publicationId, streamId, hls: live });
  await viewer.event('delivery', ({ hls }) => hls?.state === 'live');
  // Figures that waver are for who asks, not for each viewer every 2 s.
  sfu.emit('hls', { publicationId, streamId, hls: { ...live, players: 4, bitrateBps: 2_000, windowS: 10 } });
  await until(async () => (await server.stream(streamId)).hls?.players === 4, 'the figures are known');
  sfu.emit('hls', { publicationId, streamId, hls: { ...live, state: 'failed', alert: 'the disk is full' } });
  await viewer.event('delivery', ({ hls }) => hls?.alert === 'the disk is full');
  await patch({ delivery: 'hls' });
  await viewer.event('delivery', ({ delivery }) => delivery === 'hls');
  publisher.close();
  await viewer.event('delivery', ({ hls }) => hls?.state === 'idle');
  await patch({ hls: 'off' });
  await viewer.event('delivery', ({ hls }) => hls === null);
  expect(viewer.events('delivery').map(({ delivery, hls }) => [delivery, hls?.state ?? null])).toEqual([
    ['webrtc', 'live'],
    ['webrtc', 'failed'],
    ['hls', 'failed'],
    ['hls', 'idle'],
    ['hls', null],
  ]);
  const late = await server.client();
  expect(await late.request('join', { streamId, role: 'watch' })).toMatchObject({ delivery: 'hls', hls: null });
});
