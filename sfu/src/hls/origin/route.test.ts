import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hlsNames } from '@framelock/server/protocol';
import { parseDirectives, parseRoute } from './route.ts';

describe('parseRoute', () => {
  it('knows every name that hlsNames makes, and of which Publication', () => {
    const count = fc.nat({ max: 2_000_000_000 });
    fc.assert(
      fc.property(count, count, (a, b) => {
        const media = [hlsNames.segment(a), hlsNames.part(a, b)];
        const others = [hlsNames.init(a), hlsNames.thumbnail(a), hlsNames.model(a), ...media.map(hlsNames.sidecarOf)];
        for (const name of [...media, ...others, 'index.m3u8', 'live.m3u8', 'plain.m3u8', 'download.mp4']) {
          expect(parseRoute(`/hls/S-1/p_2/${name}`)).toMatchObject({ streamId: 'S-1', publicationId: 'p_2', name });
        }
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it('knows nothing else, whatever is asked', () => {
    const piece = fc.constantFrom(
      '/',
      '..',
      '.',
      'hls',
      'seg-1',
      '.m4s',
      '%2e',
      '\0',
      'x',
      '-',
      '\\',
      'index.m3u8',
      ' ',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const route = parseRoute(pieces.join(''));
        if (!route) return;
        expect(route.name).toMatch(/^[a-z0-9-]+\.[a-z0-9]+$/);
        expect(`${route.streamId}${route.publicationId}`).toMatch(/^[\w-]+$/);
      }),
      { seed: 2, numRuns: 2_000 },
    );
  });
});

describe('parseDirectives', () => {
  it('reads those of RFC 8216bis between whatever else is there', () => {
    expect(parseDirectives('a=1&_HLS_msn=12&b&_HLS_part=3&_HLS_skip=v2')).toEqual({ msn: 12, part: 3, skip: true });
    expect(parseDirectives('x_HLS_msn=12')).toEqual({ msn: undefined, part: undefined, skip: false });
    expect(parseDirectives('_HLS_skip=YES')).toEqual({ msn: undefined, part: undefined, skip: true });
    for (const query of ['_HLS_part=1', '_HLS_msn=a', '_HLS_msn=1&_HLS_skip=1'])
      expect(parseDirectives(query)).toBeUndefined();
  });
});
