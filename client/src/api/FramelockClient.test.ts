import { describe, expect, expectTypeOf, it } from 'vitest';
import { ApiError, type components, FramelockClient } from './FramelockClient.ts';

type Stream = components['schemas']['Stream'];

function clientThat(answer: (request: Request) => Response | Promise<Response>) {
  const requests: Request[] = [];
  const fake = async (url: string | URL | Request, init?: RequestInit) => {
    const request = new Request(url as string, init);
    requests.push(request);
    request.signal.throwIfAborted();
    return answer(request);
  };
  const client = new FramelockClient({ url: 'http://fl.test/', token: () => 'secret', fetch: fake as typeof fetch });
  return { client, requests };
}

describe('FramelockClient', () => {
  it('fills path and query, sends the token, and answers what the document says', async () => {
    const { client, requests } = clientThat(() => Response.json({ streams: [] }));
    const answer = await client.get('/api/v1/streams');
    expectTypeOf(answer).toEqualTypeOf<{ streams: Stream[] }>();
    expect(answer).toEqual({ streams: [] });
    await client.get('/api/v1/recordings', { query: { streamId: 'a', limit: 5, cursor: undefined } });
    await client.delete('/api/v1/files/{name}', { path: { name: 'a b/ü.mp4' } }).catch(() => undefined);
    expect(requests.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'GET http://fl.test/api/v1/streams',
      'GET http://fl.test/api/v1/recordings?streamId=a&limit=5',
      'DELETE http://fl.test/api/v1/files/a%20b%2F%C3%BC.mp4',
    ]);
    expect(requests[0]!.headers.get('authorization')).toBe('Bearer secret');
  });

  it('sends JSON, forms and bytes as what they are', async () => {
    const { client, requests } = clientThat(() => new Response(null, { status: 204 }));
    await client.post('/api/v1/streams', { body: { name: 'Door' } });
    const form = new FormData();
    form.set('name', 'Acme');
    await client.post('/api/v1/brands', { body: form });
    await client.post('/api/v1/files', { query: { name: 'a.mp4' }, body: new Uint8Array([1, 2]) });
    const types = requests.map(({ headers }) => headers.get('content-type')?.split(';')[0]);
    expect(types).toEqual(['application/json', 'multipart/form-data', 'application/octet-stream']);
    expect(await requests[0]!.json()).toEqual({ name: 'Door' });
    const nothing = client.delete('/api/v1/streams/{id}', { path: { id: 'a' } });
    expectTypeOf(nothing).toEqualTypeOf<Promise<undefined>>();
    expect(await nothing).toBeUndefined();
    // @ts-expect-error: a Stream needs a name.
    await client.post('/api/v1/streams', { body: {} });
    // @ts-expect-error: there is no such path.
    await client.get('/api/v1/nothing');
    // @ts-expect-error: the path's parameter is needed.
    await client.delete('/api/v1/streams/{id}');
  });

  it('text is a string, a picture a Blob, and 503 of /readyz an answer where it is accepted', async () => {
    const { client } = clientThat(({ url }) =>
      url.endsWith('csv')
        ? new Response('a,b', { headers: { 'content-type': 'text/csv; charset=utf-8' } })
        : url.endsWith('readyz')
          ? Response.json({ ready: false }, { status: 503 })
          : new Response('x', { headers: { 'content-type': 'image/jpeg' } }),
    );
    const csv = client.get('/api/v1/exposure.csv');
    expectTypeOf(csv).toEqualTypeOf<Promise<string>>();
    expect(await csv).toBe('a,b');
    const picture = client.get('/api/v1/streams/{id}/poster', { path: { id: 'a' } });
    expectTypeOf(picture).toEqualTypeOf<Promise<Blob>>();
    expect((await picture).size).toBe(1);
    expect(await client.get('/readyz', { accept: [503] })).toEqual({ ready: false });
  });

  it("rejects with the server's own words, with words of ours where it has none, and with the signal's reason", async () => {
    const refused = { error: { code: 'rateLimited', message: 'wait', details: { retryAfterS: 7 } } };
    const headers = { 'retry-after': '7' };
    const one = clientThat(() => Response.json(refused, { status: 429, headers })).client;
    const error = await one.get('/api/v1/streams').catch((reason: unknown) => reason as ApiError);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ status: 429, code: 'rateLimited', message: 'wait', retryAfterS: 7 });

    const proxy = clientThat(() => new Response('<h1>Bad gateway', { status: 502 })).client;
    await expect(proxy.get('/api/v1/streams')).rejects.toMatchObject({ status: 502, code: 'unavailable' });
    const away = clientThat(() => Promise.reject(new TypeError('fetch failed'))).client;
    await expect(away.get('/healthz')).rejects.toMatchObject({ status: 0, code: 'unavailable' });
    const html = clientThat(() => new Response('{', { headers: { 'content-type': 'application/json' } })).client;
    await expect(html.get('/healthz')).rejects.toMatchObject({ code: 'notUnderstood' });

    const reason = new Error('the page was left');
    await expect(one.get('/healthz', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const slow = clientThat(() => Promise.reject(new DOMException('late', 'TimeoutError'))).client;
    await expect(slow.get('/healthz')).rejects.toMatchObject({ code: 'timeout' });
  });
});
