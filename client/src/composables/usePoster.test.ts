import { afterEach, expect, it, vi } from 'vitest';
import { effectScope } from 'vue';
import { setAccessToken } from '../api/accessToken.ts';
import { usePoster } from './usePoster.ts';

afterEach(() => {
  setAccessToken(undefined);
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

/** As far as usePoster asks, a browser that is at https://here. */
function opened(url: string) {
  const asked: { url: string; bearer: unknown }[] = [];
  vi.stubGlobal('location', new URL('https://here/streams/1'));
  vi.stubGlobal(
    'Image',
    class {
      async decode(): Promise<void> {}
    },
  );
  vi.spyOn(URL, 'createObjectURL').mockReturnValue('blob:picture');
  vi.spyOn(URL, 'revokeObjectURL').mockReturnValue();
  vi.stubGlobal('fetch', async (asking: string, { headers }: { headers: Record<string, string> }) => {
    asked.push({ url: asking, bearer: headers['authorization'] });
    return new Response('picture');
  });
  setAccessToken('secret');
  const scope = effectScope();
  const src = scope.run(() => usePoster(url))!;
  return { asked, src, scope };
}

it("asks our own server for a picture with the page's token", async () => {
  const { asked, src, scope } = opened('/api/v1/streams/1/poster');
  await vi.waitFor(() => expect(src.value).toBe('blob:picture'));
  expect(asked).toEqual([{ url: '/api/v1/streams/1/poster', bearer: 'Bearer secret' }]);
  scope.stop();
});

it("leaves a CDN's picture to the browser: the token is not for it", async () => {
  const { asked, src, scope } = opened('https://cdn/hls/1/2/thumb-4.jpg');
  await vi.waitFor(() => expect(src.value).toBeDefined());
  expect(src.value).toBe('https://cdn/hls/1/2/thumb-4.jpg');
  expect(asked).toEqual([]);
  scope.stop();
});
