import { maxBrandImageBytes } from '@framelock/server/protocol';
import { describe, expect, it } from 'vitest';
import { brandNameOfFile, imageKindOf, problemOfName, refusalOfImage, takeImages } from './brandImages.ts';

const png = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13]);
const text = (words: string) => new TextEncoder().encode(words);

describe('images of a mark', () => {
  it('are known by their bytes, not by their names', () => {
    expect(imageKindOf(png)).toBe('png');
    expect(imageKindOf(new Uint8Array([0xff, 0xd8, 0xff, 0xe0]))).toBe('jpeg');
    expect(imageKindOf(text('<svg xmlns="http://www.w3.org/2000/svg">'))).toBe('svg');
    expect(imageKindOf(text('\uFEFF<?xml version="1.0"?>\n<!-- made by -->\n<!DOCTYPE svg>\n<svg>'))).toBe('svg');
    expect(imageKindOf(text('<html><body><svg>'))).toBeUndefined();
    expect(imageKindOf(text('GIF89a'))).toBeUndefined();
    expect(imageKindOf(new Uint8Array())).toBeUndefined();
  });

  it('are refused before they are sent, with the reason', async () => {
    expect(await refusalOfImage(new Blob([png]))).toBeUndefined();
    expect(await refusalOfImage(new Blob([]))).toMatch(/empty/);
    expect(await refusalOfImage(new Blob(['GIF89a']))).toBe('this is a GIF: send a PNG, JPEG or SVG');
    expect(await refusalOfImage(new Blob(['Hello']))).toMatch(/^this is no image that is known here/);
    expect(await refusalOfImage(new Blob([png, new Uint8Array(maxBrandImageBytes)]))).toBe('it has more than 8 MiB');
  });

  it('are at most five', async () => {
    const files = [1, 2, 3, 4].map((n) => new File([png], `${n}.png`));
    const { taken, refused } = await takeImages([new File(['GIF89a'], 'a.gif'), ...files], 2);
    expect(taken.map(({ name }) => name)).toEqual(['1.png', '2.png', '3.png']);
    expect(refused.map(({ name }) => name)).toEqual(['a.gif', '4.png']);
    expect(refused[1]!.reason).toBe('a brand has at most 5 images, and these would be 7');
  });
});

describe("a brand's name", () => {
  it.each([
    ['acme-logo_512x512.png', 'Acme'],
    ['Blue Harbor (1).svg', 'Blue Harbor'],
    ['NASA.png', 'NASA'],
    ['logo.svg', ''],
    ['IMG-2041.jpeg', ''],
    ['müller & söhne.PNG', 'Müller & Söhne'],
    [`${'x'.repeat(300)}.png`, `X${'x'.repeat(99)}`],
    ['', ''],
  ])('comes from the file %s', (file, name) => expect(brandNameOfFile(file)).toBe(name));

  it('is checked as the server does', () => {
    expect(problemOfName('Acme')).toBeUndefined();
    expect(problemOfName('  ')).toBe('a brand needs a name');
    expect(problemOfName('x'.repeat(101))).toBe('at most 100 characters');
  });
});
