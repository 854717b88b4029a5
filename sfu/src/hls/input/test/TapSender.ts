import dgram from 'node:dgram';
import { once } from 'node:events';
import type { SocketAddress, TapCodec } from '@framelock/server/protocol/tap';
import {
  packetise,
  seededRandom,
  type TestFrame,
  writeRtp,
  writeSenderReport,
} from '@framelock/server/protocol/tap/testing';
import type { TapDescription } from '../MediaInput.ts';

const mimeTypes: Record<TapCodec, [string, number]> = {
  h264: ['video/H264', 90_000],
  vp8: ['video/VP8', 90_000],
  vp9: ['video/VP9', 90_000],
  av1: ['video/AV1', 90_000],
  opus: ['audio/opus', 48_000],
};
const payloadType = 101;
const mtu = 1_200;

/** The sfu's end of a FrameTap, by loopback: RTP out, RTCP in. */
export class TapSender {
  readonly #socket = dgram.createSocket('udp4');
  readonly #codec: TapCodec;
  readonly #to: SocketAddress;
  readonly #random = seededRandom(7);
  readonly ssrc = 0x1234;
  #sequenceNumber = 65_500;
  #number = 0;
  /** Key frames asked for. */
  plis = 0;
  onPli: (() => void) | undefined;

  private constructor(codec: TapCodec, to: SocketAddress) {
    this.#codec = codec;
    this.#to = to;
  }

  static async create(codec: TapCodec, to: SocketAddress): Promise<TapSender> {
    const sender = new TapSender(codec, to);
    sender.#socket.on('message', (message) => {
      if (message[1] !== 206) return;
      sender.plis++;
      sender.onPli?.();
    });
    sender.#socket.bind(0, '127.0.0.1');
    await once(sender.#socket, 'listening');
    return sender;
  }

  /** What the sfu would say of it. */
  get tap(): TapDescription {
    const [mimeType, clockRate] = mimeTypes[this.#codec];
    return {
      remote: { ip: '127.0.0.1', port: this.#socket.address().port },
      rtpParameters: { codecs: [{ mimeType, clockRate, payloadType }], encodings: [{ ssrc: this.ssrc }] },
      type: 'simple',
    };
  }

  /** Resolves when it is on its way. `lose`: without its last packet. */
  async send(frame: TestFrame, timestamp: number, { lose = false } = {}): Promise<void> {
    const payloads = packetise(this.#codec, frame, mtu, this.#number++, this.#random);
    for (const [i, payload] of payloads.entries()) {
      const last = i === payloads.length - 1;
      const fields = { payloadType, ssrc: this.ssrc, timestamp: timestamp >>> 0, marker: last };
      const datagram = writeRtp({ ...fields, sequenceNumber: this.#sequenceNumber++ }, payload);
      if (!(lose && last)) await this.#send(datagram);
    }
  }

  async report(ntpUnixMs: number, timestamp: number): Promise<void> {
    await this.#send(writeSenderReport(this.ssrc, ntpUnixMs, timestamp));
  }

  #send(datagram: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.send(datagram, this.#to.port, this.#to.ip, (error) => (error ? reject(error) : resolve()));
    });
  }

  close(): void {
    this.#socket.close();
  }
}
