import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { markPng } from '../../test/pictures.ts';
import { TestServer } from '../../test/TestServer.ts';
import { brandListSchema, importResultSchema } from '../protocol/index.ts';

/** Exported files of any size, which are taken in brand by brand while they come. */
const head = '{"kind":"framelock-gallery","version":1,"exportedAt":"2026-11-22T00:00:00.000Z","brands":[';
const box = { x: 0, y: 0, w: 1, h: 1 };
const brand = (name: string, image: Uint8Array) =>
  JSON.stringify({ name, images: [{ png: Buffer.from(image).toString('base64'), box }] });

let server: TestServer;

beforeAll(async () => {
  server = await TestServer.create();
});
afterAll(() => server.close());

/** Sends pieces as they are made. */
function send(pieces: AsyncIterable<string> | Iterable<string>): Promise<{ status: number; body: unknown }> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' };
    const sending = request(`${server.url}/api/v1/brands/import`, { method: 'POST', headers }, (response) => {
      let text = '';
      response.on('data', (data: Buffer) => (text += data.toString()));
      response.on('end', () => resolve({ status: response.statusCode!, body: JSON.parse(text) }));
    });
    sending.on('error', reject);
    void (async () => {
      for await (const piece of pieces) {
        if (!sending.write(piece)) await new Promise((drained) => sending.once('drain', drained));
      }
      sending.end();
    })();
  });
}
const own = async () => {
  const { body } = await server.request('/api/v1/brands?origin=own&limit=500');
  return brandListSchema.parse(body).brands.map(({ name }) => name);
};

describe('a gallery file', () => {
  it('may be larger than any body that is held in memory', async () => {
    const junk = randomBytes(6 * 1024 ** 2);
    function* pieces() {
      yield head;
      for (let i = 0; i < 12; i++) yield `${brand(`Junk ${i}`, junk)},`;
      yield brand('After all that', markPng(1));
      yield ']}';
    }
    const { status, body } = await send(pieces());
    expect(status).toBe(200);
    const { added, refused } = importResultSchema.parse(body);
    expect([added, refused.length, refused[0]!.reason]).toEqual([1, 12, expect.stringContaining('no image')]);
    expect(await own()).toEqual(['After all that']);
  });

  it('with a brand that is none is taken but for that one', async () => {
    const { status, body } = await send([head, '{"name":5},{"images":[]},', brand('Good', markPng(2)), ']}']);
    expect([status, body]).toEqual([
      200,
      {
        ...{ added: 1, unchanged: 0 },
        refused: [
          { name: '(no name)', reason: expect.stringContaining('name') as string },
          { name: '(no name)', reason: expect.stringContaining('images') as string },
        ],
      },
    ]);
  });

  it('that ends too soon says what of it is in, and the next import begins', async () => {
    const { status, body } = await send([head, brand('Half', markPng(3)), ',{"name":"Cut']);
    expect(status).toBe(400);
    expect(JSON.stringify(body)).toMatch(/ends in the middle; 1 brands before that were added/);
    expect(await own()).toContain('Half');
    expect((await send([head, brand('Half', markPng(3)), ']}'])).status).toBe(200);
  });

  it('comes alone: a second one meanwhile is refused', async () => {
    async function* slowly() {
      yield head + brand('Slow', markPng(4));
      await sleep(500);
      yield ']}';
    }
    const first = send(slowly());
    await sleep(200);
    expect((await send([head, ']}'])).status).toBe(429);
    expect((await first).status).toBe(200);
  });

  it('with a brand that was deleted meanwhile brings it back', async () => {
    const again = brand('Deleted', markPng(5));
    async function* slowly() {
      yield `${head}${again},`;
      await sleep(600);
      const { body } = await server.request('/api/v1/brands?query=Deleted');
      await server.request(`/api/v1/brands/${brandListSchema.parse(body).brands[0]!.id}`, { method: 'DELETE' });
      await sleep(1_000);
      yield `${again}]}`;
    }
    expect((await send(slowly())).body).toEqual({ added: 2, unchanged: 0, refused: [] });
    expect(await own()).toContain('Deleted');
  });
});
