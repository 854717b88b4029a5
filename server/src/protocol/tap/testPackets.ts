import { writeLeb128 } from './Av1Assembly.ts';
import type { TapCodec } from './Depacketiser.ts';

/** Tests and benches only: RTP senders of the payload formats, written from the RFCs and not from our receivers. */
export type Random = () => number;

/** mulberry32: 0 <= x < 1, the same for a seed on every machine. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export function randomInt(random: Random, from: number, to: number): number {
  return from + Math.floor(random() * (to - from + 1));
}

/** What goes into one RTP timestamp: H264 NAL units, one VP8 frame, VP9 spatial layers, AV1 OBUs (without size field). */
export interface TestFrame {
  key: boolean;
  units: Buffer[];
}

const fu = 28;
const stapA = 24;

export function packetiseH264(nals: Buffer[], mtu: number): Buffer[] {
  const payloads: Buffer[] = [];
  const small = nals.filter((nal) => [6, 7, 8, 9].includes(nal[0]! & 0x1f));
  if (small.length > 1) {
    const lengths = small.flatMap((nal) => [Buffer.from([nal.length >> 8, nal.length & 0xff]), nal]);
    payloads.push(Buffer.concat([Buffer.from([stapA | 0x60]), ...lengths]));
  }
  for (const nal of nals) {
    if (small.length > 1 && small.includes(nal)) continue;
    if (nal.length <= mtu) {
      payloads.push(nal);
      continue;
    }
    const header = nal[0]!;
    for (let offset = 1; offset < nal.length; offset += mtu - 2) {
      const end = Math.min(nal.length, offset + mtu - 2);
      const flags = (offset === 1 ? 0x80 : 0) | (end === nal.length ? 0x40 : 0);
      payloads.push(
        Buffer.concat([Buffer.from([(header & 0xe0) | fu, flags | (header & 0x1f)]), nal.subarray(offset, end)]),
      );
    }
  }
  return payloads;
}

export interface Vp8Style {
  extended: boolean;
  pictureId?: 7 | 15;
  tl0?: boolean;
  tid?: boolean;
}

export function packetiseVp8(frame: Buffer, mtu: number, pictureId: number, style: Vp8Style): Buffer[] {
  return slice(frame, mtu).map((part, i) => {
    const start = i === 0 ? 0x10 : 0;
    if (!style.extended) return Buffer.concat([Buffer.from([start]), part]);
    const header = [0x80 | start, 0];
    if (style.pictureId) {
      header[1]! |= 0x80;
      if (style.pictureId === 7) header.push(pictureId & 0x7f);
      else header.push(0x80 | ((pictureId >> 8) & 0x7f), pictureId & 0xff);
    }
    if (style.tl0) {
      header[1]! |= 0x40;
      header.push(pictureId & 0xff);
    }
    if (style.tid) {
      header[1]! |= 0x20;
      header.push(0x20);
    }
    return Buffer.concat([Buffer.from(header), part]);
  });
}

export interface Vp9Style {
  flexible: boolean;
  layered: boolean;
  structure: boolean;
}

export function packetiseVp9(
  layers: Buffer[],
  key: boolean,
  mtu: number,
  pictureId: number,
  style: Vp9Style,
): Buffer[] {
  const payloads: Buffer[] = [];
  layers.forEach((layer, spatial) => {
    slice(layer, mtu).forEach((part, i, parts) => {
      let flags = 0x80; // I
      const rest = [0x80 | ((pictureId >> 8) & 0x7f), pictureId & 0xff];
      if (!key) flags |= 0x40;
      if (style.layered) {
        flags |= 0x20;
        rest.push((spatial << 1) | (spatial > 0 && key ? 1 : 0));
        if (!style.flexible) rest.push(pictureId & 0xff);
      }
      if (style.flexible) {
        flags |= 0x10;
        if (!key) rest.push((1 << 1) | 1, (2 << 1) | 0);
      }
      if (i === 0) flags |= 0x08;
      if (i === parts.length - 1) flags |= 0x04;
      if (key && style.structure && spatial === 0 && i === 0) {
        flags |= 0x02;
        rest.push(((layers.length - 1) << 5) | 0x18);
        for (let s = 0; s < layers.length; s++) rest.push(1, 0x40 << s, 1, 0);
        rest.push(2, 0x00 | (1 << 2), 1, 0x20 | (2 << 2), 1, 2);
      }
      payloads.push(Buffer.concat([Buffer.from([flags, ...rest]), part]));
    });
  });
  return payloads;
}

/** OBUs without size fields; `counted` uses W, otherwise every element has its length. */
export function packetiseAv1(obus: Buffer[], key: boolean, mtu: number, counted: boolean): Buffer[] {
  const payloads: Buffer[] = [];
  let elements: Buffer[] = [];
  let used = 1;
  let continues = false;
  const flush = (willContinue: boolean): void => {
    const count = counted && elements.length <= 3 ? elements.length : 0;
    const header =
      (continues ? 0x80 : 0) | (willContinue ? 0x40 : 0) | (count << 4) | (key && payloads.length === 0 ? 8 : 0);
    const body = elements.flatMap((e, i) => (count > 0 && i === count - 1 ? [e] : [writeLeb128(e.length), e]));
    payloads.push(Buffer.concat([Buffer.from([header]), ...body]));
    elements = [];
    used = 1;
    continues = willContinue;
  };
  for (const obu of obus) {
    let rest = obu;
    while (used + 3 + rest.length > mtu) {
      const room = Math.max(1, mtu - used - 3);
      elements.push(rest.subarray(0, room));
      rest = rest.subarray(room);
      flush(true);
    }
    elements.push(rest);
    used += rest.length + 3;
    if (used + 4 >= mtu) flush(false);
  }
  if (elements.length > 0) flush(false);
  return payloads;
}

function slice(data: Buffer, mtu: number): Buffer[] {
  const parts: Buffer[] = [];
  for (let offset = 0; offset < data.length; offset += mtu) parts.push(data.subarray(offset, offset + mtu));
  return parts;
}

/** The frame's RTP payloads in a style drawn from `random`. */
export function packetise(codec: TapCodec, frame: TestFrame, mtu: number, number: number, random: Random): Buffer[] {
  switch (codec) {
    case 'h264':
      return packetiseH264(frame.units, mtu);
    case 'vp8':
      return packetiseVp8(frame.units[0]!, mtu, number, {
        extended: random() < 0.8,
        pictureId: random() < 0.3 ? undefined : random() < 0.5 ? 7 : 15,
        tl0: random() < 0.5,
        tid: random() < 0.5,
      });
    case 'vp9':
      return packetiseVp9(frame.units, frame.key, mtu, number, {
        flexible: random() < 0.5,
        layered: frame.units.length > 1 || random() < 0.5,
        structure: random() < 0.7,
      });
    case 'av1':
      return packetiseAv1(frame.units, frame.key, mtu, random() < 0.5);
    case 'opus':
      return frame.units;
  }
}

/** What the decoder must get for it, byte by byte. */
export function expectedBytes(codec: TapCodec, frame: TestFrame): Buffer {
  if (codec === 'h264') return Buffer.concat(frame.units.flatMap((nal) => [Buffer.from([0, 0, 0, 1]), nal]));
  if (codec !== 'av1') return Buffer.concat(frame.units);
  const sized = frame.units.flatMap((obu) => {
    const head = obu[0]! & 0x04 ? 2 : 1;
    const header = Buffer.from(obu.subarray(0, head));
    header[0]! |= 0x02;
    return [header, writeLeb128(obu.length - head), obu.subarray(head)];
  });
  return Buffer.concat([Buffer.from([0x12, 0]), ...sized]);
}

export interface RtpFields {
  payloadType: number;
  sequenceNumber: number;
  timestamp: number;
  ssrc: number;
  marker: boolean;
}

/** With a header extension, CSRCs and padding drawn from `random`, which a receiver has to step over. */
export function writeRtp(fields: RtpFields, payload: Buffer, random?: Random): Buffer {
  const csrcs = random && random() < 0.1 ? randomInt(random, 1, 3) : 0;
  const extension = random && random() < 0.2 ? randomInt(random, 0, 3) : -1;
  const padding = random && random() < 0.1 ? randomInt(random, 1, 20) : 0;
  const header = Buffer.alloc(12 + csrcs * 4 + (extension >= 0 ? 4 + extension * 4 : 0));
  header[0] = 0x80 | csrcs | (extension >= 0 ? 0x10 : 0) | (padding > 0 ? 0x20 : 0);
  header[1] = (fields.marker ? 0x80 : 0) | fields.payloadType;
  header.writeUInt16BE(fields.sequenceNumber & 0xffff, 2);
  header.writeUInt32BE(fields.timestamp >>> 0, 4);
  header.writeUInt32BE(fields.ssrc, 8);
  if (extension >= 0) header.writeUInt16BE(extension, 12 + csrcs * 4 + 2);
  const pad = Buffer.alloc(padding);
  if (padding > 0) pad[padding - 1] = padding;
  return Buffer.concat([header, payload, pad]);
}

/** RFC 3550 section 6.4.1, without report blocks. */
export function writeSenderReport(ssrc: number, ntpUnixMs: number, rtpTimestamp: number): Buffer {
  const packet = Buffer.alloc(28);
  packet[0] = 0x80;
  packet[1] = 200;
  packet.writeUInt16BE(6, 2);
  packet.writeUInt32BE(ssrc, 4);
  packet.writeUInt32BE((Math.floor(ntpUnixMs / 1000) + 2_208_988_800) >>> 0, 8);
  packet.writeUInt32BE(Math.floor(((ntpUnixMs % 1000) / 1000) * 2 ** 32), 12);
  packet.writeUInt32BE(rtpTimestamp >>> 0, 16);
  return packet;
}
