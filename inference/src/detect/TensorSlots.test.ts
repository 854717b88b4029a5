import { expect, it } from 'vitest';
import { TensorSlots } from './TensorSlots.ts';

it('lends each slot once, lowest first, until it is given back', () => {
  const slots = new TensorSlots(3, 12);
  expect([slots.acquire(), slots.acquire(), slots.acquire(), slots.acquire()]).toEqual([0, 1, 2, undefined]);
  slots.release(1);
  expect(slots.used).toBe(2);
  expect(slots.acquire()).toBe(1);
  slots.release(2);
  expect(() => slots.release(2)).toThrow('slot 2 is not taken');
  slots.view(2).fill(1);
  expect(new Float32Array(slots.buffer, 0, 36).filter((value) => value === 1)).toHaveLength(12);
});
