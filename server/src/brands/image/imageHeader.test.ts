import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jpeg, png, pngOf, svg, turnedJpeg } from '../../../test/pictures.ts';
import { Refusal } from '../../protocol/index.ts';
import { readImageHeader } from './imageHeader.ts';

const refusal = (bytes: Uint8Array) => {
  try {
    return JSON.stringify(readImageHeader(bytes));
  } catch (error) {
    expect(error).toBeInstanceOf(Refusal);
    expect((error as Refusal).code).toBe('unsupported');
    return (error as Refusal).message;
  }
};
/** The frame header with another size, kind or number of colours. */
function jpegOf({ width = 48, height = 24, marker = 0xc0, components = 3 }): Buffer {
  const bytes = Buffer.from(jpeg);
  const at = bytes.indexOf(Buffer.from([0xff, 0xc0]));
  bytes[at + 1] = marker;
  bytes.writeUInt16BE(height, at + 5);
  bytes.writeUInt16BE(width, at + 7);
  bytes[at + 9] = components;
  return bytes;
}

describe('readImageHeader', () => {
  it('tells PNG, JPEG and SVG by their bytes, with the declared size', () => {
    expect(readImageHeader(png(20, 10, () => [1, 2, 3]))).toEqual({ kind: 'png', width: 20, height: 10 });
    expect(readImageHeader(jpeg)).toEqual({ kind: 'jpeg', width: 48, height: 24 });
    expect(readImageHeader(turnedJpeg(6))).toEqual({ kind: 'jpeg', width: 48, height: 24 });
    expect(readImageHeader(svg(''))).toEqual({ kind: 'svg' });
    expect(readImageHeader(Buffer.from('\ufeff \n<?xml version="1.0"?><svg/>'))).toEqual({ kind: 'svg' });
  });

  it('reads a view of a larger buffer', () => {
    const image = png(20, 10, () => [1, 2, 3]);
    const larger = Buffer.concat([Buffer.from('before'), image, Buffer.from('after')]);
    expect(readImageHeader(larger.subarray(6, 6 + image.length))).toMatchObject({ width: 20 });
  });

  it.each<[string, Uint8Array]>([
    ['is empty', Buffer.alloc(0)],
    ['GIF', Buffer.from('GIF89a..........')],
    ['WebP', Buffer.from('RIFF....WEBPVP8 ')],
    ['AVIF or HEIC', Buffer.from('\0\0\0\x20ftypavif....')],
    ['BMP', Buffer.from('BM..............')],
    ['TIFF', Buffer.from('II*\0............')],
    ['PDF', Buffer.from('%PDF-1.7........')],
    ['SVGZ', Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0])],
    ['no image that is known here', Buffer.from('MZ..............')],
    ['no image that is known here', Buffer.from('x')],
    ['damaged', Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])],
    ['damaged', jpeg.subarray(0, 20)],
    ['9000 x 10 pixels: at most', pngOf(9_000, 10, Buffer.alloc(0))],
    ['8192 x 8192 pixels: at most', pngOf(8_192, 8_192, Buffer.alloc(0))],
    ['4294967295 x 4294967295 pixels: at most', pngOf(0xffffffff, 0xffffffff, Buffer.alloc(0))],
    ['0 x 10 pixels: at least', pngOf(0, 10, Buffer.alloc(0))],
    ['65535 x 65535 pixels: at most', jpegOf({ width: 65_535, height: 65_535 })],
    ['48 x 0 pixels: at least', jpegOf({ height: 0 })],
    ['CMYK', jpegOf({ components: 4 })],
    ['rare kind', jpegOf({ marker: 0xc3 })],
    ['rare kind', jpegOf({ marker: 0xc9 })],
  ])('refuses in words: %s', (words, bytes) => {
    expect(refusal(bytes)).toContain(words);
  });

  it('answers or refuses whatever comes', () => {
    const starts = [Buffer.alloc(0), jpeg.subarray(0, 3), png(9, 9, () => [0, 0, 0]).subarray(0, 12), jpeg];
    fc.assert(
      fc.property(fc.constantFrom(...starts), fc.uint8Array({ maxLength: 300 }), (start, rest) => {
        refusal(Buffer.concat([start, rest]));
      }),
      { seed: 20_261_121, numRuns: 2_000 },
    );
  });
});
