import { Refusal } from '../../protocol/index.ts';

/** Longer sides, or more pixels, are not decoded: a file of kilobytes may unfold to gigabytes. */
export const maxSourceSide = 8_192;
export const maxSourcePixels = 40_000_000;
/** In fewer there is no mark to be seen. */
export const minSourceSide = 8;

export type ImageKind = 'png' | 'jpeg' | 'svg';

/** What the first bytes say; the declared size is read from them, before anything is decoded. */
export interface ImageHeader {
  kind: ImageKind;
  /** Pixels as they are stored, before EXIF turns them; nothing for SVG, which has a size of its own making. */
  width?: number;
  height?: number;
}

const pngStart = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

const others: [name: string, is: (bytes: Buffer) => boolean][] = [
  ['a GIF', (bytes) => ascii(bytes, 0, 4) === 'GIF8'],
  ['a WebP', (bytes) => ascii(bytes, 0, 4) === 'RIFF' && ascii(bytes, 8, 4) === 'WEBP'],
  ['an AVIF or HEIC', (bytes) => ascii(bytes, 4, 4) === 'ftyp'],
  ['a BMP', (bytes) => ascii(bytes, 0, 2) === 'BM'],
  ['a TIFF', (bytes) => ['II*\0', 'MM\0*'].includes(ascii(bytes, 0, 4))],
  ['an icon (ICO)', (bytes) => bytes.readUInt32BE(0) === 0x00000100],
  ['a PDF', (bytes) => ascii(bytes, 0, 5) === '%PDF-'],
  ['a Photoshop file', (bytes) => ascii(bytes, 0, 4) === '8BPS'],
  ['a compressed SVG (SVGZ) or another gzip', (bytes) => bytes[0] === 0x1f && bytes[1] === 0x8b],
  ['an archive', (bytes) => ascii(bytes, 0, 4) === 'PK\x03\x04'],
];

function ascii(bytes: Buffer, offset: number, length: number): string {
  return bytes.toString('latin1', offset, offset + length);
}

/**
 * By the bytes alone; what a file is called or says of its type does not count.
 * @throws Refusal `unsupported`, in words of what was found and what is needed.
 */
export function readImageHeader(image: Uint8Array): ImageHeader {
  const bytes = Buffer.from(image.buffer, image.byteOffset, image.byteLength);
  if (bytes.length === 0) throw new Refusal('unsupported', 'the file is empty');
  if (bytes.subarray(0, 8).equals(pngStart)) return checkedSize('png', pngSize(bytes));
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return checkedSize('jpeg', jpegSize(bytes));
  if (/^(?:\u00ef\u00bb\u00bf)?\s*</.test(ascii(bytes, 0, 256))) return { kind: 'svg' };
  const found = bytes.length < 12 ? undefined : others.find(([, is]) => is(bytes));
  throw new Refusal('unsupported', `this is ${found?.[0] ?? 'no image that is known here'}: send a PNG, JPEG or SVG`);
}

interface Size {
  width: number;
  height: number;
}

function checkedSize(kind: ImageKind, { width, height }: Size): ImageHeader {
  const size = `${width} x ${height} pixels`;
  if (width > maxSourceSide || height > maxSourceSide || width * height > maxSourcePixels) {
    throw new Refusal(
      'unsupported',
      `the picture has ${size}: at most ${maxSourceSide} a side and ${maxSourcePixels / 1e6} million in all`,
    );
  }
  if (width < minSourceSide || height < minSourceSide) {
    throw new Refusal('unsupported', `the picture has ${size}: at least ${minSourceSide} a side are needed`);
  }
  return { kind, width, height };
}

/** PNG specification (W3C, third edition), 11.2.1: IHDR is the first chunk. */
function pngSize(bytes: Buffer): Size {
  if (bytes.length < 33 || bytes.readUInt32BE(8) !== 13 || ascii(bytes, 12, 4) !== 'IHDR') {
    throw new Refusal('unsupported', 'this PNG is damaged: it has no header');
  }
  return { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) };
}

/** ITU-T T.81, B.1.1: markers one after another up to the frame header (SOF). */
function jpegSize(bytes: Buffer): Size {
  for (let at = 2; at + 4 <= bytes.length;) {
    if (bytes[at] !== 0xff) break;
    const marker = bytes[at + 1]!;
    if (marker === 0xff) {
      at++; // a fill byte
      continue;
    }
    if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {
      at += 2;
      continue;
    }
    if (marker === 0xd9 || marker === 0xda) break;
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return jpegFrame(bytes, at, marker);
    at += 2 + Math.max(bytes.readUInt16BE(at + 2), 2);
  }
  throw new Refusal('unsupported', 'this JPEG is damaged: it has no frame header');
}

function jpegFrame(bytes: Buffer, at: number, marker: number): Size {
  if (at + 10 > bytes.length) throw new Refusal('unsupported', 'this JPEG is damaged: it ends in its frame header');
  if (marker > 0xc2) {
    throw new Refusal('unsupported', 'this JPEG is of a rare kind (lossless or arithmetic): save it as a usual one');
  }
  const components = bytes[at + 9];
  if (components !== 1 && components !== 3) {
    throw new Refusal('unsupported', 'this JPEG has CMYK colours, as for printing: save it with RGB colours');
  }
  return { height: bytes.readUInt16BE(at + 5), width: bytes.readUInt16BE(at + 7) };
}
