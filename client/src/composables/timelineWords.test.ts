import { expect, it } from 'vitest';
import type { Timeline } from '../player/Player.ts';
import { placeAt, placeByKey, placeWords, shareOf, spokenPlace, transportWords } from './timelineWords.ts';

const live: Timeline = { startS: 100, endS: 402, liveS: 400, positionS: 340, paused: false, live: true, atLive: false };
const recorded: Timeline = { ...live, startS: 0, endS: 4_000, liveS: 4_000, positionS: 65, live: false };

it('a share of the bar and its place are each other', () => {
  for (const share of [0, 0.25, 1]) expect(shareOf(live, placeAt(live, share))).toBeCloseTo(share);
  expect(placeAt(live, -1)).toBe(100);
  expect(placeAt(live, 2)).toBe(402);
  expect(shareOf(live, 5_000)).toBe(1);
  expect(shareOf({ startS: 3, endS: 3 }, 3)).toBe(1);
});

it('keys lead where the slider pattern says, and never beyond what there is', () => {
  expect(placeByKey(live, 'ArrowLeft')).toBe(335);
  expect(placeByKey(live, 'ArrowRight')).toBe(345);
  expect(placeByKey(live, 'ArrowLeft', true)).toBe(330);
  expect(placeByKey(live, 'ArrowDown')).toBe(330);
  expect(placeByKey(live, 'ArrowUp')).toBe(350);
  expect(placeByKey(live, 'PageUp')).toBe('live');
  expect(placeByKey(live, 'PageDown')).toBe(280);
  expect(placeByKey(live, 'Home')).toBe(100);
  expect(placeByKey(live, 'End')).toBe('live');
  expect(placeByKey({ ...live, positionS: 102 }, 'ArrowLeft')).toBe(100);
  expect(placeByKey(recorded, 'End')).toBe(4_000);
  expect(placeByKey(live, 'a')).toBeUndefined();
});

it('says how far behind live a place is, or how far into a Recording', () => {
  expect(placeWords(live, 340)).toBe('−1:00');
  expect(placeWords(live, 399.4)).toBe('Live');
  expect(placeWords(recorded, 65)).toBe('1:05');
  expect(spokenPlace(live)).toBe('1:00 behind live');
  expect(spokenPlace({ ...live, atLive: true })).toBe('Live');
  expect(spokenPlace(recorded)).toBe('1:05 of 1:06:40');
});

it('the badge says transport, distance and reason, and nothing of WebRTC', () => {
  expect(transportWords({ transport: 'webrtc', reason: undefined }, null)).toBe('');
  expect(transportWords({ transport: 'hls', reason: undefined }, null)).toBe('HLS');
  expect(transportWords({ transport: 'hls', reason: 'no UDP or TCP path' }, 2_120)).toBe(
    'HLS · 2.1 s behind · no UDP or TCP path',
  );
  expect(transportWords({ transport: 'hls', reason: 'rewound' }, 125_000)).toBe('HLS · 2:05 behind · rewound');
});
