import { crc32, deflateSync } from 'node:zlib';

type Colour = readonly [red: number, green: number, blue: number, alpha?: number];

/** A PNG whose pixels a function says; RGBA, 8 bits. */
export function png(width: number, height: number, at: (x: number, y: number) => Colour): Buffer<ArrayBuffer> {
  const rows = Buffer.alloc(height * (width * 4 + 1));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [red, green, blue, alpha = 255] = at(x, y);
      rows.set([red, green, blue, alpha], y * (width * 4 + 1) + 1 + x * 4);
    }
  }
  return pngOf(width, height, deflateSync(rows));
}

/** A mark that differs from others by its number: a disc and bars in two colours. */
export function markPng(number: number, size = 64): Buffer<ArrayBuffer> {
  const [red, green, blue] = [(number * 67) % 256, (number * 151) % 256, (number * 29) % 256];
  return png(size, size, (x, y) => {
    const inDisc = Math.hypot(x - size / 2, y - size / 2) < size / 3;
    return inDisc ? [red, green, blue] : (x >> (2 + (number % 3))) % 2 === 0 ? [255, 255, 255] : [0, 0, 0];
  });
}

/** A PNG that declares a size, with whatever data it is said to have. */
export function pngOf(width: number, height: number, data: Uint8Array, extra: Buffer[] = []): Buffer<ArrayBuffer> {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 6, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    ...[pngChunk('IHDR', header), ...extra, pngChunk('IDAT', data), pngChunk('IEND', Buffer.alloc(0))],
  ]);
}

export function pngChunk(type: string, data: Uint8Array): Buffer<ArrayBuffer> {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const chunk = Buffer.alloc(body.length + 8);
  chunk.writeUInt32BE(data.length, 0);
  chunk.set(body, 4);
  chunk.writeUInt32BE(crc32(body), body.length + 4);
  return chunk;
}

/** 48 x 24 pixels, the left half blue and the right half red. */
export const jpeg = Buffer.from(
  '/9j/4AAQSkZJRgABAgAAAQABAAD//gAQTGF2YzU5LjM3LjEwMAD/2wBDAAgEBAQEBAUFBQUFBQYGBgYGBgYGBgYGBgYHBwcICAgHBwcGBgcHCAgICAkJCQgICAgJCQoKCgwMCwsODg4RERT/xABcAAEBAQAAAAAAAAAAAAAAAAAABgcBAQADAQEBAAAAAAAAAAAAAAABAwgCBQcQAQAAAAAAAAAAAAAAAAAAAAARAAEDBQEBAAAAAAAAAAAAAAADBDR0c7MBsgIR/8AAEQgAGAAwAwESAAISAAMSAP/aAAwDAQACEQMRAD8AxwffweUAAAAreQ3FlXjYeQ3FlXjZ0jJbVCGTyEJLaoQyeSvGW15TupcZfQXlO6lxl9GjmkVC0nzoNIqFpPnQHILAAABIDVQM1/CQAI+EgVvIbiyrxsPIbiyrxslGS2qEMnklGS2qEMmivGW15TupcZfQXlO6lxl9GjWkVC0nzoNIqFpPnQHILAAAB//Z',
  'base64',
);

/** The same with an EXIF orientation (1 to 8), and a comment. */
export function turnedJpeg(orientation: number): Buffer<ArrayBuffer> {
  const exif = Buffer.from('Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\0\0\0\0\0\0\0', 'latin1');
  exif.writeUInt16BE(orientation, 24);
  return Buffer.concat([
    jpeg.subarray(0, 2),
    segment(0xe1, exif),
    segment(0xfe, Buffer.from('SECRET')),
    jpeg.subarray(2),
  ]);
}

function segment(marker: number, data: Buffer): Buffer {
  const head = Buffer.from([0xff, marker, 0, 0]);
  head.writeUInt16BE(data.length + 2, 2);
  return Buffer.concat([head, data]);
}

export function svg(inner: string, attributes = 'viewBox="0 0 24 24"'): Buffer<ArrayBuffer> {
  const spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"';
  return Buffer.from(`<svg ${spaces} ${attributes}>${inner}</svg>`);
}
