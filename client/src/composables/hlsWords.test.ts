import { expect, it } from 'vitest';
import { hlsChips, hlsCostWords, recordingStateWords } from './hlsWords.ts';

it('says that it records, that HLS starts, and what stands in its way', () => {
  const ids = (...args: Parameters<typeof hlsChips>): string[] => hlsChips(...args).map(({ text }) => text);
  expect(ids(null)).toEqual([]);
  expect(ids({ state: 'idle' })).toEqual([]);
  expect(ids({ state: 'live', recording: true })).toEqual(['REC']);
  expect(ids({ state: 'starting' })).toEqual(['HLS starts']);
  expect(ids({ state: 'failed' })).toEqual(['HLS stopped']);
  const full = hlsChips({ state: 'failed', alert: 'The disk is full', recording: true });
  expect(full.map(({ text }) => text)).toEqual(['REC', 'HLS stopped']);
  expect(full[1]!.title).toBe('The disk is full');
});

it('tells the publisher what HLS costs', () => {
  expect(hlsCostWords({ state: 'idle' })).toBeUndefined();
  const h264 = { codec: 'H264', how: 'copied' as const };
  const vp8 = { codec: 'VP8', how: 'transcoded' as const, why: 'HLS players take no VP8' };
  const opus = { codec: 'Opus', how: 'transcoded' as const };
  expect(hlsCostWords({ state: 'live', video: h264 })).toBe('HLS: H264 copied');
  expect(hlsCostWords({ state: 'live', video: vp8, audio: opus })).toBe(
    'HLS: VP8 transcoded because HLS players take no VP8',
  );
  expect(hlsCostWords({ state: 'live', video: h264, audio: opus })).toBe('HLS: H264 copied; sound Opus transcoded');
});

it('names the state of a Recording, and first of all that its node is away', () => {
  expect(recordingStateWords({ state: 'recovered', available: true }).text).toBe('Recovered');
  expect(recordingStateWords({ state: 'complete', available: false }).text).toBe('Away');
});
