import { expect, it } from 'vitest';
import { limitMemory } from './wasmMemory.ts';

interface Memory {
  grow(pages: number): number;
}
/** The types of Node know only its types. */
declare const WebAssembly: {
  compile(bytes: Uint8Array): Promise<object>;
  instantiate(module: object): Promise<{ exports: { m: Memory } }>;
};
const head = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const exported = [7, 5, 1, 1, 0x6d, 2, 0];

it.each([
  ['without a limit', [5, 3, 1, 0, 2]],
  ['with a higher one', [5, 5, 1, 1, 2, 0x80, 0x80 >> 1]],
])('a module %s gets ours', async (_, section) => {
  const limited = limitMemory(new Uint8Array([...head, ...section, ...exported]), 300 * 65_536);
  const { exports } = await WebAssembly.instantiate(await WebAssembly.compile(limited));
  expect(exports.m.grow(298)).toBe(2);
  expect(() => exports.m.grow(1)).toThrow(RangeError);
});

it.each([
  ['no memory', [...head]],
  ['two memories', [...head, 5, 5, 2, 0, 1, 0, 1]],
  ['a shared memory', [...head, 5, 4, 1, 3, 1, 1]],
  ['an end in the middle', [...head, 5, 0x80]],
])('refuses a module with %s', (_, bytes) => {
  expect(() => limitMemory(new Uint8Array(bytes), 1e6)).toThrow(/module/);
});
