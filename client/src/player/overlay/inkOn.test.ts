import { expect, it } from 'vitest';
import { inkOn } from './inkOn.ts';
import { overlayPalette } from './overlayPalette.ts';

it('is dark on all colours of the palette and on bright ones, light on dark ones, and dark on what is no colour', () => {
  expect(new Set(overlayPalette.map(inkOn))).toEqual(new Set(['#0b0e14']));
  expect(['#ffffff', '#ffff00', '#808080', 'red', ''].map(inkOn)).toEqual(Array(5).fill('#0b0e14'));
  expect(['#000000', '#0000ff', '#800000', '#333333'].map(inkOn)).toEqual(Array(4).fill('#ffffff'));
});
