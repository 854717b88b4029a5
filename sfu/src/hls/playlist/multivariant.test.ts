import { expect, test } from 'vitest';
import { renderMultivariant } from './multivariant.ts';

test('one rendition with all that players choose by', () => {
  const text = renderMultivariant({
    uri: 'p/live.m3u8',
    codecs: ['avc1.42c01f', 'mp4a.40.2'],
    width: 1_280,
    height: 720,
    peakBps: 2_000_000.4,
    averageBps: 0,
    frameRate: 29.970_03,
  });
  expect(text).toBe(`#EXTM3U
#EXT-X-VERSION:9
#EXT-X-STREAM-INF:BANDWIDTH=2000001,AVERAGE-BANDWIDTH=1,CODECS="avc1.42c01f,mp4a.40.2",RESOLUTION=1280x720,FRAME-RATE=29.970
p/live.m3u8
`);
});
