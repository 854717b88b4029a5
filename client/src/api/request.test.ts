import { afterEach, describe, expect, it, vi } from 'vitest';
import { Refusal } from '@framelock/server/protocol';
import { z } from 'zod';
import { accessNeeded, setAccessToken } from './accessToken.ts';
import { request, requestBlob } from './request.ts';

const fetched = vi.fn<typeof fetch>();
vi.stubGlobal('fetch', (...args: Parameters<typeof fetch>) => fetched(...args));
afterEach(() => {
  fetched.mockReset();
  setAccessToken(undefined);
});

const refused = (status: number, code: string) => Response.json({ error: { code, message: 'no' } }, { status });
const streams = z.object({ streams: z.array(z.unknown()) });
const list = (needed?: boolean) => request('get', '/api/v1/streams', streams, needed === undefined ? {} : { needed });

describe('request', () => {
  it('sends bearer and the header that a session needs, and answers what the schema reads', async () => {
    setAccessToken('secret');
    fetched.mockResolvedValue(Response.json({ streams: [1], more: true }));
    expect(await list()).toEqual({ streams: [1] });
    const [path, init] = fetched.mock.calls[0]!;
    expect(path).toBe('/api/v1/streams');
    expect(init).toMatchObject({ method: 'GET', cache: 'no-store' });
    expect(init?.headers).toMatchObject({ authorization: 'Bearer secret', 'x-framelock': '1' });
  });

  it('asks for a token on 401, unless the page can do without the answer', async () => {
    fetched.mockImplementation(() => Promise.resolve(refused(401, 'unauthorized')));
    await expect(list(false)).rejects.toMatchObject({ code: 'unauthorized', message: 'no' });
    expect(accessNeeded.value).toBe(false);
    await expect(list()).rejects.toBeInstanceOf(Refusal);
    expect(accessNeeded.value).toBe(true);
  });

  it('has a code for what no server of ours said', async () => {
    for (const [answer, code] of [
      [() => Promise.reject(new TypeError('failed')), 'unavailable'],
      [() => Promise.resolve(new Response('<html>', { status: 502 })), 'unavailable'],
      [() => Promise.resolve(new Response('<html>', { status: 404 })), 'notFound'],
      [() => Promise.resolve(refused(418, 'teapot')), 'internal'],
      [() => Promise.resolve(new Response('<html>', { headers: { 'content-type': 'text/html' } })), 'internal'],
      [() => Promise.resolve(Response.json({ other: 1 })), 'internal'],
    ] as const) {
      fetched.mockImplementation(answer);
      await expect(list()).rejects.toMatchObject({ name: 'Refusal', code });
    }
  });

  it('passes on what a signal was aborted with', async () => {
    fetched.mockImplementation((_, init) => Promise.reject(init!.signal!.reason as Error));
    const reason = new Error('the page was left');
    const call = request('get', '/api/v1/streams', streams, { signal: AbortSignal.abort(reason) });
    await expect(call).rejects.toBe(reason);
  });

  it('reads a picture from the address that the server gave', async () => {
    fetched.mockResolvedValue(new Response('jpeg', { headers: { 'content-type': 'image/jpeg' } }));
    const address = 'http://host/api/v1/streams/a/poster?v=3';
    expect(await (await requestBlob(address)).text()).toBe('jpeg');
    expect(fetched.mock.calls[0]![0]).toBe(address);
  });
});
