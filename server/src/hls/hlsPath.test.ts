import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Refusal } from '../protocol/index.ts';
import { readHlsPath } from './hlsPath.ts';

describe('readHlsPath', () => {
  it('reads what the origin serves', () => {
    expect(readHlsPath('/hls/s/index.m3u8')).toEqual({
      ...{ streamId: 's', publicationId: undefined, name: 'index.m3u8' },
      ...{ originPath: '/hls/s/index.m3u8', blocks: false, token: undefined },
    });
    expect(readHlsPath('/hls/s/plain.m3u8').publicationId).toBeUndefined();
    expect(readHlsPath('/hls/s-1/p_2/part-12-3.m4s')).toMatchObject({ publicationId: 'p_2', name: 'part-12-3.m4s' });
  });

  it('keeps the directives of playlists, drops other queries, and takes the token out', () => {
    const read = (query: string, name = 'live.m3u8') => readHlsPath(`/hls/s/p/${name}?${query}`);
    expect(read('_HLS_msn=12&_HLS_part=3&_HLS_skip=YES').originPath).toBe(
      '/hls/s/p/live.m3u8?_HLS_msn=12&_HLS_part=3&_HLS_skip=YES',
    );
    expect(read('token=a%2Bb&_HLS_msn=1&x=2')).toMatchObject({
      ...{ originPath: '/hls/s/p/live.m3u8?_HLS_msn=1', blocks: true, token: 'a+b' },
    });
    expect(read('_HLS_msn=1%0d%0a')).toMatchObject({ originPath: '/hls/s/p/live.m3u8' });
    expect(read('_HLS_msn=1', 'seg-1.m4s').originPath).toBe('/hls/s/p/seg-1.m4s');
    expect(read('token=%zz').token).toBeUndefined();
    // One playlist is one, in whatever order it is asked for and whatever else is said.
    const same = '/hls/s/p/live.m3u8?_HLS_msn=1&_HLS_part=2';
    expect(read('_HLS_part=2&_HLS_msn=1').originPath).toBe(same);
    expect(read('_HLS_x=7&_HLS_msn=1&_HLS_msn=9&_HLS_part=2&_HLS_foo=1').originPath).toBe(same);
  });

  it.each([
    '/hls/',
    '/hls/s',
    '/hls/s/',
    '/hls/s/live.m3u8',
    '/hls/s/../index.m3u8',
    '/hls/s/p/..',
    '/hls/s/p/.hidden',
    '/hls/s/p/a%2fb.m4s',
    '/hls/s/p/q/seg-1.m4s',
    '/hls/s/p/download.mp4',
    '/hls/s/p/segments.jsonl',
    '/hls/s/p/publication.tmp',
    '/hls/s%2f/p/seg-1.m4s',
    '/hls//p/seg-1.m4s',
    `/hls/s/p/${'x'.repeat(81)}`,
    `/hls/${'x'.repeat(65)}/index.m3u8`,
    '/hls/s/p/seg 1.m4s',
    '/hls/s/p/seg-1.m4s#x',
  ])('refuses %s', (url) => expect(() => readHlsPath(url)).toThrow(Refusal));

  it('hands nothing on that is not letters, digits and the few signs of names and directives', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (name, query) => {
        try {
          const { originPath } = readHlsPath(`/hls/s/p/${name}?${query}`);
          expect(originPath).toMatch(/^\/hls\/s\/p\/[\w.-]+(?:\?[\w.=&-]+)?$/);
          expect(originPath).not.toContain('..');
        } catch (error) {
          expect(error).toBeInstanceOf(Refusal);
        }
      }),
      { seed: 20_261_121 },
    );
  });
});
