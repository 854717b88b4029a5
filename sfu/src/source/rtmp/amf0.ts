import { RtmpProtocolError } from './RtmpProtocolError.ts';

/** What AMF0 carries here. Objects have no prototype, so that a key `__proto__` is a key like any other. */
export type Amf0Value = number | boolean | string | null | undefined | Date | Amf0Value[] | Amf0Object;
export interface Amf0Object {
  [key: string]: Amf0Value;
}

/** Far above what encoders send (OBS's `connect` nests 3 deep and has about 30 values). */
const maxDepth = 8;
const maxValues = 512;
const maxTextBytes = 64 * 1024;

/** Type markers, Action Message Format AMF 0, section 2.1. */
const marker = {
  number: 0x00,
  boolean: 0x01,
  string: 0x02,
  object: 0x03,
  null: 0x05,
  undefined: 0x06,
  ecmaArray: 0x08,
  objectEnd: 0x09,
  strictArray: 0x0a,
  date: 0x0b,
  longString: 0x0c,
  unsupported: 0x0d,
  xmlDocument: 0x0f,
  typedObject: 0x10,
} as const;

class Amf0Decoder {
  readonly #bytes: Buffer;
  #offset = 0;
  #values = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#offset >= this.#bytes.length;
  }

  value(depth: number): Amf0Value {
    if (depth > maxDepth) throw new RtmpProtocolError(`AMF0 nested deeper than ${maxDepth}`);
    if (++this.#values > maxValues) throw new RtmpProtocolError(`more than ${maxValues} AMF0 values in one message`);
    const type = this.#bytes[this.#take(1)];
    switch (type) {
      case marker.number:
        return this.#bytes.readDoubleBE(this.#take(8));
      case marker.boolean:
        return this.#bytes[this.#take(1)] !== 0;
      case marker.string:
        return this.#text(this.#bytes.readUInt16BE(this.#take(2)));
      case marker.longString:
      case marker.xmlDocument:
        return this.#text(this.#bytes.readUInt32BE(this.#take(4)));
      case marker.null:
        return null;
      case marker.undefined:
      case marker.unsupported:
        return undefined;
      case marker.date:
        return this.#date();
      case marker.object:
        return this.#object(depth);
      case marker.typedObject:
        this.#text(this.#bytes.readUInt16BE(this.#take(2))); // its class name
        return this.#object(depth);
      case marker.ecmaArray:
        this.#take(4); // a count that encoders get wrong; the end marker is what counts
        return this.#object(depth);
      case marker.strictArray:
        return this.#array(depth);
      default:
        throw new RtmpProtocolError(`AMF0 type ${type} is not supported`);
    }
  }

  #take(bytes: number): number {
    const offset = this.#offset;
    if (offset + bytes > this.#bytes.length) throw new RtmpProtocolError('AMF0 ends in the middle of a value');
    this.#offset += bytes;
    return offset;
  }

  #text(bytes: number): string {
    if (bytes > maxTextBytes) throw new RtmpProtocolError(`an AMF0 text of ${bytes} bytes`);
    const offset = this.#take(bytes);
    return this.#bytes.toString('utf8', offset, offset + bytes);
  }

  #date(): Date {
    const unixMs = this.#bytes.readDoubleBE(this.#take(8));
    this.#take(2); // time zone, reserved: always 0
    return new Date(unixMs);
  }

  #object(depth: number): Amf0Object {
    const object = Object.create(null) as Amf0Object;
    for (;;) {
      const key = this.#text(this.#bytes.readUInt16BE(this.#take(2)));
      if (key === '' && this.#bytes[this.#offset] === marker.objectEnd) {
        this.#take(1);
        return object;
      }
      object[key] = this.value(depth + 1);
    }
  }

  #array(depth: number): Amf0Value[] {
    const count = this.#bytes.readUInt32BE(this.#take(4));
    const values: Amf0Value[] = [];
    // Bounded by the values and bytes that are there, whatever the count says.
    while (values.length < count) values.push(this.value(depth + 1));
    return values;
  }
}

/**
 * All values of one command or data message.
 * @throws RtmpProtocolError where the bytes are none, nest deeper than 8, hold over 512 values or a text over 64 KiB.
 */
export function decodeAmf0(bytes: Buffer): Amf0Value[] {
  const decoder = new Amf0Decoder(bytes);
  const values: Amf0Value[] = [];
  while (!decoder.done) values.push(decoder.value(1));
  return values;
}

/** Only what decodeAmf0 gives; texts over 64 KiB are the caller's bug. */
export function encodeAmf0(...values: Amf0Value[]): Buffer {
  return Buffer.concat(values.map(encodeValue));
}

function encodeValue(value: Amf0Value): Buffer {
  if (value === null) return Buffer.of(marker.null);
  if (value === undefined) return Buffer.of(marker.undefined);
  if (typeof value === 'boolean') return Buffer.of(marker.boolean, value ? 1 : 0);
  if (typeof value === 'number') return encodeDouble(marker.number, value);
  if (typeof value === 'string') return encodeText(value);
  if (value instanceof Date) return Buffer.concat([encodeDouble(marker.date, value.getTime()), Buffer.alloc(2)]);
  if (Array.isArray(value)) {
    const head = Buffer.alloc(5, marker.strictArray);
    head.writeUInt32BE(value.length, 1);
    return Buffer.concat([head, ...value.map(encodeValue)]);
  }
  const entries = Object.entries(value).flatMap(([key, item]) => [encodeKey(key), encodeValue(item)]);
  return Buffer.concat([Buffer.of(marker.object), ...entries, Buffer.of(0, 0, marker.objectEnd)]);
}

function encodeDouble(type: number, value: number): Buffer {
  const bytes = Buffer.alloc(9, type);
  bytes.writeDoubleBE(value, 1);
  return bytes;
}

function encodeText(text: string): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length <= 0xffff) return Buffer.concat([Buffer.of(marker.string), encodeKey(text)]);
  const head = Buffer.alloc(5, marker.longString);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

function encodeKey(key: string): Buffer {
  const bytes = Buffer.from(key);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
