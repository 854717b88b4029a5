import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

export interface RtpPacket {
  payloadType: number;
  sequenceNumber: number;
  timestamp: number;
  ssrc: number;
  marker: boolean;
  payload: Buffer;
}

/** RFC 4585: 205 with format 1 is a generic NACK, 206 with format 1 a PLI. */
export type Feedback = { kind: 'nack'; mediaSsrc: number } | { kind: 'pli'; mediaSsrc: number };

/** One UDP socket that sends and receives RTP and RTCP on the same port. */
export class RtpPeer {
  readonly packets: RtpPacket[] = [];
  readonly feedback: Feedback[] = [];
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (message) => this.#receive(message));
  }

  static async create(): Promise<RtpPeer> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new RtpPeer(socket);
  }

  get address(): { ip: string; port: number } {
    return { ip: '127.0.0.1', port: (this.#socket.address() as AddressInfo).port };
  }

  #receive(message: Buffer): void {
    const type = message[1]!;
    if (type < 192 || type > 223) {
      let headerBytes = 12 + (message[0]! & 0x0f) * 4;
      if ((message[0]! & 0x10) !== 0) headerBytes += 4 + 4 * message.readUInt16BE(headerBytes + 2);
      this.packets.push({
        payloadType: type & 0x7f,
        marker: (type & 0x80) !== 0,
        sequenceNumber: message.readUInt16BE(2),
        timestamp: message.readUInt32BE(4),
        ssrc: message.readUInt32BE(8),
        payload: message.subarray(headerBytes),
      });
      return;
    }
    for (let at = 0; at + 12 <= message.length; at += 4 * (message.readUInt16BE(at + 2) + 1)) {
      const format = message[at]! & 0x1f;
      const mediaSsrc = message.readUInt32BE(at + 8);
      if (message[at + 1] === 205 && format === 1) this.feedback.push({ kind: 'nack', mediaSsrc });
      if (message[at + 1] === 206 && format === 1) this.feedback.push({ kind: 'pli', mediaSsrc });
    }
  }

  sendRtp(
    to: { port: number },
    packet: {
      payloadType: number;
      sequenceNumber: number;
      timestamp: number;
      ssrc: number;
      marker?: boolean;
      payload: Buffer;
      /** Header extensions by id, each a text: mid, rid. */
      extensions?: Record<number, string>;
    },
  ): void {
    const extension = packet.extensions ? oneByteExtensions(packet.extensions) : Buffer.alloc(0);
    const header = Buffer.alloc(12);
    header[0] = 0x80 | (packet.extensions ? 0x10 : 0);
    header[1] = packet.payloadType | (packet.marker === false ? 0 : 0x80);
    header.writeUInt16BE(packet.sequenceNumber & 0xffff, 2);
    header.writeUInt32BE(packet.timestamp >>> 0, 4);
    header.writeUInt32BE(packet.ssrc, 8);
    this.send(to, Buffer.concat([header, extension, packet.payload]));
  }

  sendPli(to: { port: number }, mediaSsrc: number): void {
    const pli = Buffer.from([0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0]);
    pli.writeUInt32BE(mediaSsrc, 8);
    this.send(to, pli);
  }

  sendNack(to: { port: number }, mediaSsrc: number, sequenceNumber: number): void {
    const nack = Buffer.from([0x81, 205, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    nack.writeUInt32BE(mediaSsrc, 8);
    nack.writeUInt16BE(sequenceNumber, 12);
    this.send(to, nack);
  }

  send(to: { port: number }, message: Buffer): void {
    this.#socket.send(message, to.port, '127.0.0.1');
  }

  close(): void {
    this.#socket.close();
  }
}

/** RFC 8285 section 4.2. */
function oneByteExtensions(extensions: Record<number, string>): Buffer {
  const elements = Object.entries(extensions).map(([id, text]) =>
    Buffer.concat([Buffer.from([(Number(id) << 4) | (text.length - 1)]), Buffer.from(text)]),
  );
  const data = Buffer.concat(elements);
  const padded = Buffer.concat([data, Buffer.alloc((4 - (data.length % 4)) % 4)]);
  return Buffer.concat([Buffer.from([0xbe, 0xde, 0, padded.length / 4]), padded]);
}

/** VP8 payload descriptor (RFC 7741): S=1, PID=0, then a frame tag whose first bit is 0 for a key frame. */
export function vp8Payload(isKey: boolean, body: number): Buffer {
  return Buffer.concat([
    Buffer.from([0x10, isKey ? 0x10 : 0x11, 0x02, 0x00, 0x9d, 0x01, 0x2a]),
    Buffer.alloc(64, body),
  ]);
}

/** VP9 payload descriptor (RFC 9628), non-flexible mode, one packet per spatial layer: B and E set. */
export function vp9Payload(options: {
  pictureId: number;
  spatial: number;
  isKeyPicture: boolean;
  lastSpatial: boolean;
}): Buffer {
  const { pictureId, spatial, isKeyPicture } = options;
  // I=1, P, L=1, F=0, B=1, E=1, V=0, Z
  const flags = 0x80 | (isKeyPicture ? 0 : 0x40) | 0x20 | 0x08 | 0x04 | (options.lastSpatial ? 0x01 : 0);
  const interLayer = isKeyPicture && spatial > 0 ? 1 : 0;
  const layers = (spatial << 1) | interLayer;
  return Buffer.from([
    flags,
    0x80 | (pictureId >> 8),
    pictureId & 0xff,
    layers,
    pictureId & 0xff,
    ...Buffer.alloc(64, spatial),
  ]);
}
