import * as constants from 'node-av/constants';
import { expect, it } from 'vitest';
import { floatsPerPicture, type InputSpec } from '@framelock/server/protocol/analysis';
import { TensorSlots } from '../detect/TensorSlots.ts';
import { PictureScaler } from './PictureScaler.ts';
import type { Picture } from './VideoDecoder.ts';

const spec: InputSpec = {
  width: 64,
  height: 64,
  resize: 'letterbox',
  channels: 'rgb',
  scale: [1, 1, 1],
  bias: [0, 0, 0],
  pad: 114,
};

function white(width: number, height: number): Picture {
  const data = [Buffer.alloc(width * height * 3 + 64, 255)];
  const frame = { data, linesize: [width * 3], format: constants.AV_PIX_FMT_RGB24, width, height };
  return { frame, width, height } as unknown as Picture;
}

/** What each value of the slot is, and how often. */
function values(slots: TensorSlots, slot: number): Record<number, number> {
  const found: Record<number, number> = {};
  for (const value of slots.view(slot)) found[value] = (found[value] ?? 0) + 1;
  return found;
}

it('writes the padding when the Placement in the slot changes, whoever had it before, and only then', () => {
  const slots = new TensorSlots(2, floatsPerPicture(spec));
  const [one, other] = [1, 2].map(() => new PictureScaler(spec, slots.buffer, slots.floatsPerSlot));
  one!.scaleInto(1, white(64, 32));
  expect(values(slots, 1)).toEqual({ 114: 3 * 64 * 32, 255: 3 * 64 * 32 });
  other!.scaleInto(1, white(16, 64));
  expect(values(slots, 1)).toEqual({ 114: 3 * 48 * 64, 255: 3 * 16 * 64 });
  one!.scaleInto(1, white(64, 32));
  expect(values(slots, 1)).toEqual({ 114: 3 * 64 * 32, 255: 3 * 64 * 32 });

  slots.view(1)[0] = 7; // a mark in the padding stays while the Placement does, also for another Stream
  one!.scaleInto(1, white(64, 32));
  other!.scaleInto(1, white(128, 64));
  expect(slots.view(1)[0]).toBe(7);
  expect(values(slots, 0)).toEqual({ 0: floatsPerPicture(spec) });
  one!.close();
  other!.close();
});
