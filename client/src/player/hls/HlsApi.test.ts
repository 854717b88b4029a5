import { expect, it } from 'vitest';
import { DateClock } from './DateClock.ts';
import { readFolder, retryAfterMs } from './HlsApi.ts';

it('finds the Publication in a multivariant playlist, and in a media playlist itself', () => {
  const multivariant = '#EXTM3U\r\n#EXT-X-VERSION:9\r\n\r\n#EXT-X-STREAM-INF:BANDWIDTH=1\r\npub2/live.m3u8\r\n';
  const folder = 'http://host/hls/stream1/pub2/';
  expect(readFolder(multivariant, 'http://host/hls/stream1/index.m3u8')).toEqual({ publicationId: 'pub2', folder });
  const own = '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlive.m3u8\n';
  expect(readFolder(own, `${folder}index.m3u8?x=1`)).toEqual({ publicationId: 'pub2', folder });
  const media = '#EXTM3U\n#EXTINF:2,\nseg-0.m4s\n';
  expect(readFolder(media, `${folder}live.m3u8`)).toEqual({ publicationId: 'pub2', folder });
});

it('waits as long as Retry-After says, within reason', () => {
  expect(['2', '0', '3600', null, 'Wed, 21 Oct 2026 07:28:00 GMT'].map(retryAfterMs)).toEqual([
    ...[2_000, 200, 10_000, 1_000, 1_000],
  ]);
});

it('narrows the server clock down from whole seconds, and takes well set clocks for the same', () => {
  const clock = new DateClock();
  expect(clock.offsetMs).toBeUndefined();
  const serverAt = (unixMs: number): string => new Date(Math.floor(unixMs / 1000) * 1000).toUTCString();
  const ahead = new DateClock();
  for (let i = 0; i < 20; i++) {
    const nowMs = 1_700_000_000_000 + i * 2_137;
    clock.add(serverAt(nowMs + 20), nowMs, nowMs + 40);
    ahead.add(serverAt(nowMs + 20 + 5_300), nowMs, nowMs + 40);
  }
  expect(clock.offsetMs).toBe(0);
  expect(Math.abs(ahead.offsetMs! - 5_300)).toBeLessThan(150);
  ahead.add(null, 0, 1);
  ahead.add('yesterday', 0, 1);
  expect(Math.abs(ahead.offsetMs! - 5_300)).toBeLessThan(150);
  // One of them was set anew.
  ahead.add(serverAt(1_700_000_100_000), 1_700_000_100_000, 1_700_000_100_040);
  expect(ahead.offsetMs).toBe(0);
});
