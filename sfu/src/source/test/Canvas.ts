import { crc32, deflateSync } from 'node:zlib';

export type Colour = readonly [red: number, green: number, blue: number];
export type Point = readonly [x: number, y: number];
export interface Shape {
  contains(x: number, y: number): boolean;
  /** Nothing of it lies outside; px. */
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** Samples per pixel and direction, for smooth edges. */
const samples = 4;

/** An RGBA picture that shapes are painted on; transparent at first. */
export class Canvas {
  readonly width: number;
  readonly height: number;
  /** Straight alpha. */
  readonly rgba: Buffer;

  constructor(width: number, height: number) {
    this.width = width;
    this.height = height;
    this.rgba = Buffer.alloc(width * height * 4);
  }

  paint(shape: Shape, colour: Colour | ((x: number, y: number) => Colour)): this {
    const [right, bottom] = [
      Math.min(this.width, Math.ceil(shape.right)),
      Math.min(this.height, Math.ceil(shape.bottom)),
    ];
    for (let y = Math.max(0, Math.floor(shape.top)); y < bottom; y++) {
      for (let x = Math.max(0, Math.floor(shape.left)); x < right; x++) {
        const cover = coverage(shape, x, y);
        if (cover > 0) this.#blend(x, y, typeof colour === 'function' ? colour(x, y) : colour, cover);
      }
    }
    return this;
  }

  #blend(x: number, y: number, colour: Colour, cover: number): void {
    const at = (y * this.width + x) * 4;
    const below = this.rgba[at + 3]! / 255;
    const alpha = cover + below * (1 - cover);
    for (let i = 0; i < 3; i++) {
      const mixed = colour[i]! * cover + this.rgba[at + i]! * below * (1 - cover);
      this.rgba[at + i] = Math.round(mixed / alpha);
    }
    this.rgba[at + 3] = Math.round(alpha * 255);
  }

  /** PNG (ISO/IEC 15948), RGBA, no filters. */
  toPng(): Buffer {
    const header = Buffer.alloc(13);
    header.writeUInt32BE(this.width, 0);
    header.writeUInt32BE(this.height, 4);
    header.set([8, 6, 0, 0, 0], 8);
    const rowBytes = this.width * 4;
    const rows = Buffer.alloc((rowBytes + 1) * this.height);
    for (let y = 0; y < this.height; y++)
      this.rgba.copy(rows, y * (rowBytes + 1) + 1, y * rowBytes, (y + 1) * rowBytes);
    const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
    const chunks = [
      chunk('IHDR', header),
      chunk('IDAT', deflateSync(rows, { level: 9 })),
      chunk('IEND', Buffer.alloc(0)),
    ];
    return Buffer.concat([signature, ...chunks]);
  }
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

function coverage(shape: Shape, x: number, y: number): number {
  let inside = 0;
  for (let i = 0; i < samples * samples; i++) {
    const sampleX = x + ((i % samples) + 0.5) / samples;
    const sampleY = y + (Math.floor(i / samples) + 0.5) / samples;
    if (shape.contains(sampleX, sampleY)) inside++;
  }
  return inside / (samples * samples);
}

export function disc(centreX: number, centreY: number, radius: number): Shape {
  const contains = (x: number, y: number): boolean => (x - centreX) ** 2 + (y - centreY) ** 2 <= radius ** 2;
  return {
    contains,
    left: centreX - radius,
    top: centreY - radius,
    right: centreX + radius,
    bottom: centreY + radius,
  };
}

export function rectangle(left: number, top: number, width: number, height: number): Shape {
  const [right, bottom] = [left + width, top + height];
  return { contains: (x, y) => x >= left && x < right && y >= top && y < bottom, left, top, right, bottom };
}

function boundsOf(points: readonly Point[], around = 0): Omit<Shape, 'contains'> {
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  return {
    left: Math.min(...xs) - around,
    top: Math.min(...ys) - around,
    right: Math.max(...xs) + around,
    bottom: Math.max(...ys) + around,
  };
}

/** Even-odd. */
export function polygon(points: readonly Point[]): Shape {
  const contains = (x: number, y: number): boolean => {
    let inside = false;
    points.forEach(([x1, y1], i) => {
      const [x2, y2] = points[(i + 1) % points.length]!;
      if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) inside = !inside;
    });
    return inside;
  };
  return { contains, ...boundsOf(points) };
}

export function regularPolygon(centreX: number, centreY: number, radius: number, corners: number, turn = 0): Shape {
  const corner = (i: number): Point => {
    const angle = turn + (2 * Math.PI * i) / corners;
    return [centreX + radius * Math.cos(angle), centreY + radius * Math.sin(angle)];
  };
  return polygon(Array.from({ length: corners }, (_, i) => corner(i)));
}

/** A line with round ends. */
export function stroke(points: readonly Point[], width: number): Shape {
  const half = (width / 2) ** 2;
  const contains = (x: number, y: number): boolean =>
    points.slice(1).some(([x2, y2], i) => {
      const [x1, y1] = points[i]!;
      const [dx, dy] = [x2 - x1, y2 - y1];
      const length = dx * dx + dy * dy;
      const along = length === 0 ? 0 : Math.min(1, Math.max(0, ((x - x1) * dx + (y - y1) * dy) / length));
      return (x - x1 - along * dx) ** 2 + (y - y1 - along * dy) ** 2 <= half;
    });
  return { contains, ...boundsOf(points, width / 2) };
}
