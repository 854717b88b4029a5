import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createFakeSfu, type FakeSfu } from '../../test/fakeNodes.ts';
import { nodeSecret, TestServer, until } from '../../test/TestServer.ts';
import { type EventView, eventViewSchema } from '../protocol/index.ts';

const adminToken = 'the-admin-token';

/** As an EventSource reads: messages with their ids, and whether the stream has ended. */
async function listen(server: TestServer, query: string, headers: Record<string, string>) {
  const aborting = new AbortController();
  const response = await fetch(`${server.url}/api/v1/events/stream${query}`, { headers, signal: aborting.signal });
  const heard = { status: response.status, type: response.headers.get('content-type'), ended: false };
  const messages: { id: string | undefined; type: string; data: unknown }[] = [];
  const read = async (): Promise<void> => {
    let text = '';
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const fields = new Map(
          text
            .slice(0, end)
            .split('\n')
            .map((line) => line.split(/: (.*)/s, 2) as [string, string]),
        );
        text = text.slice(end + 2);
        const data = fields.get('data');
        if (data !== undefined) {
          messages.push({ id: fields.get('id'), type: fields.get('event') ?? 'message', data: JSON.parse(data) });
        }
      }
    }
  };
  void read()
    .catch(() => undefined)
    .finally(() => (heard.ended = true));
  const events = (): EventView[] => messages.map(({ data }) => eventViewSchema.parse(data));
  return { heard, messages, events, stop: () => aborting.abort() };
}

describe('the event stream', () => {
  let server: TestServer;
  let sfu: FakeSfu;
  let streamId: string;

  beforeAll(async () => {
    server = await TestServer.create({ host: '0.0.0.0', adminToken });
    sfu = await createFakeSfu(nodeSecret);
    await server.attach(sfu);
  });
  afterAll(async () => {
    server.stopBeats();
    await sfu.close();
    await server.close();
  });
  beforeEach(async () => {
    streamId = (await server.createStream('Front door', adminToken)).id;
  });

  const bearer = { authorization: `Bearer ${adminToken}` };
  async function upAndDown(id = streamId): Promise<void> {
    const client = await server.client();
    const { publicationId } = await client.publish(id, adminToken);
    client.close();
    const stored = async () => {
      const query = `/api/v1/events?streamId=${id}`;
      return (await server.request(query, { token: adminToken })).text.includes(`streamDown:${publicationId}`);
    };
    await until(stored, 'the end is stored');
  }
  const kinds = ({ events }: Awaited<ReturnType<typeof listen>>) => events().map(({ kind }) => kind);

  it('tells what happens, of one Stream and kind or of all', async () => {
    const other = (await server.createStream('Other', adminToken)).id;
    const all = await listen(server, '', bearer);
    const one = await listen(server, `?streamId=${streamId}`, bearer);
    const downs = await listen(server, '?kind=streamDown,analysisLate', bearer);
    expect([all.heard.status, all.heard.type]).toEqual([200, 'text/event-stream']);
    await upAndDown();
    await upAndDown(other);
    await until(() => kinds(all).length === 4, 'all four are told');
    expect(kinds(all)).toEqual(['streamUp', 'streamDown', 'streamUp', 'streamDown']);
    expect(one.events().map((event) => [event.kind, event.streamId])).toEqual([
      ['streamUp', streamId],
      ['streamDown', streamId],
    ]);
    expect(kinds(downs)).toEqual(['streamDown', 'streamDown']);
    for (const { stop } of [all, one, downs]) stop();
    await until(async () => (await readersOpen()) === 0, 'nobody reads any more');
  });

  const readersOpen = async (): Promise<number> => {
    const { text } = await server.request('/metrics', { token: adminToken });
    return Number(/^framelock_event_stream_readers (\d+)$/m.exec(text)?.[1]);
  };

  it('goes on after the last event that was read, from the database', async () => {
    const before = await listen(server, `?streamId=${streamId}`, bearer);
    await upAndDown();
    await until(() => before.messages.length === 2, 'both are told');
    before.stop();
    await upAndDown();
    const lastEventId = before.messages[0]!.id!;
    const after = await listen(server, `?streamId=${streamId}`, { ...bearer, 'last-event-id': lastEventId });
    await until(() => after.messages.length >= 3, 'what was missed is told');
    expect(kinds(after)).toEqual(['streamDown', 'streamUp', 'streamDown']);
    expect(after.messages[0]!.id).toBe(before.messages[1]!.id);
    await upAndDown();
    await until(() => after.messages.length >= 5, 'what happens next is told');
    after.stop();
    const wrong = await listen(server, '', { ...bearer, 'last-event-id': 'x' });
    expect(wrong.heard.status).toBe(400);
  });

  it('goes on over a restart of the server', async () => {
    const first = await TestServer.create({ host: '0.0.0.0', adminToken });
    const node = await createFakeSfu(nodeSecret);
    await first.attach(node);
    const { id } = await first.createStream('Front door', adminToken);
    const reader = await listen(first, '', bearer);
    const publisher = await first.client();
    await publisher.publish(id, adminToken);
    await until(() => reader.messages.length === 1, 'it is told');
    first.stopBeats();
    // Ends the Publication while it closes; the folder stays.
    await first.server.close('test');
    expect(reader.heard.ended || reader.messages.length >= 1).toBe(true);
    const second = await TestServer.create({ host: '0.0.0.0', adminToken, dataDir: first.dataDir });
    const again = await listen(second, '', { ...bearer, 'last-event-id': reader.messages[0]!.id! });
    await until(() => again.messages.length >= 1, 'what was missed is told');
    expect(again.events()).toMatchObject([{ kind: 'streamDown', data: { reason: 'serverStopped' } }]);
    again.stop();
    await node.close();
    await second.close();
    await first.close();
  });

  it('ends when the token is revoked', async () => {
    const made = await server.request('/api/v1/tokens', {
      ...{ method: 'POST', token: adminToken },
      json: { name: 'reader', grants: [{ right: 'watch', streamId }] },
    });
    const { id, token } = made.body as unknown as { id: string; token: string };
    const headers = { authorization: `Bearer ${token}` };
    expect((await listen(server, '', headers)).heard.status).toBe(403);
    const reader = await listen(server, `?streamId=${streamId}`, headers);
    expect(reader.heard.status).toBe(200);
    await server.request(`/api/v1/tokens/${id}`, { method: 'DELETE', token: adminToken });
    await until(() => reader.heard.ended, 'the stream has ended');
  });

  it('has room for so many of one address', async () => {
    const readers: Awaited<ReturnType<typeof listen>>[] = [];
    for (let n = 0; n < 20; n++) readers.push(await listen(server, '', bearer));
    expect(readers.map(({ heard }) => heard.status)).toEqual(new Array(20).fill(200));
    expect((await listen(server, '', bearer)).heard.status).toBe(429);
    for (const { stop } of readers) stop();
    await until(async () => (await readersOpen()) === 0, 'nobody reads any more');
    const head = () => fetch(`${server.url}/api/v1/events/stream`, { method: 'HEAD', headers: bearer });
    for (let n = 0; n < 21; n++) expect((await head()).status).toBe(200);
    expect(await readersOpen()).toBe(0);
    const room = async () => {
      const reader = await listen(server, '', bearer);
      reader.stop();
      return reader.heard.status === 200;
    };
    await until(room, 'there is room again');
  });
});
