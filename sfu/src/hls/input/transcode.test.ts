import type { VideoCodec } from '@framelock/server/protocol/tap';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { GopFrames } from './GopFrames.ts';
import { pictureSize } from './pictureSize.ts';
import { RestartPlan } from './RestartPlan.ts';

it('begins again later and later, and not after the fifth death in 30 s', () => {
  const plan = new RestartPlan();
  expect([0, 1, 2, 3, 4].map((s) => plan.died(s * 1_000))).toEqual([100, 200, 400, 800, undefined]);
  const rare = new RestartPlan();
  expect([0, 10, 20, 31, 42].map((s) => rare.died(s * 1_000))).toEqual([100, 200, 400, 400, 400]);
});

it('keeps pictures since the last key frame, and none where there are too many', () => {
  const gop = new GopFrames();
  const add = (s: number, key: boolean, bytes = 1): void =>
    gop.add({ time: s * 90_000, key, data: Buffer.alloc(bytes), receivedAtMs: 0 });
  add(0, false);
  expect(gop.frames).toHaveLength(0);
  for (let s = 1; s < 6; s++) add(s, s === 3);
  expect(gop.frames.map(({ time }) => time / 90_000)).toEqual([3, 4, 5]);
  add(15, false);
  expect(gop.frames).toHaveLength(4);
  add(15.1, false);
  add(15.2, false);
  expect(gop.frames).toHaveLength(0);
  add(16, true);
  expect(gop.frames).toHaveLength(1);
  for (let i = 0; i < 25; i++) add(16, false, 1024 * 1024);
  expect(gop.frames).toHaveLength(0);
});

it('reads the size of key frames, or nothing, of any bytes', () => {
  expect(pictureSize('vp8', Buffer.from('1002009d012a80026801', 'hex'))).toEqual({ width: 640, height: 360 });
  expect(pictureSize('vp8', Buffer.from('1002009d01', 'hex'))).toBeUndefined();
  fc.assert(
    fc.property(
      fc.constantFrom<VideoCodec>('h264', 'vp8', 'vp9', 'av1'),
      fc.uint8Array({ maxLength: 60 }),
      (codec, b) => {
        pictureSize(codec, Buffer.from(b));
      },
    ),
    { seed: 20261121, numRuns: 1_000 },
  );
});
