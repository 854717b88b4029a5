import { randomBytes } from 'node:crypto';
import { RtmpProtocolError } from './RtmpProtocolError.ts';

const version = 3;
const packetLength = 1536;

/** This side's half of the simple handshake (RTMP 1.0, section 5.2): C0 and C1 in, S0, S1 and S2 out, C2 in. */
export class RtmpHandshake {
  readonly #send: (bytes: Buffer) => void;
  #received: Buffer = Buffer.alloc(0);
  #answered = false;

  constructor(send: (bytes: Buffer) => void) {
    this.#send = send;
  }

  /**
   * @returns what follows C2, once that is there.
   * @throws RtmpProtocolError where it is something else than RTMP.
   */
  push(data: Buffer): Buffer | undefined {
    this.#received = Buffer.concat([this.#received, data]);
    if (!this.#answered) {
      // The first byte says what it is: whoever speaks HTTP or TLS here is not kept waiting for 1,536 bytes more.
      if (this.#received[0] !== version) throw new RtmpProtocolError(notRtmp(this.#received[0]));
      if (this.#received.length < 1 + packetLength) return undefined;
      const c1 = this.#received.subarray(1, 1 + packetLength);
      // S1: time 0, then zeroes, which tell FFmpeg and OBS that this is the simple handshake. S2: C1 comes back.
      const s1 = Buffer.concat([Buffer.alloc(8), randomBytes(packetLength - 8)]);
      this.#send(Buffer.concat([Buffer.of(version), s1, c1]));
      this.#answered = true;
      this.#received = Buffer.from(this.#received.subarray(1 + packetLength));
    }
    // What C2 holds is not compared: encoders exist that do not echo S1, and it protects nothing.
    return this.#received.length < packetLength ? undefined : this.#received.subarray(packetLength);
  }
}

function notRtmp(first: number | undefined): string {
  if (first === 0x16) return 'TLS was spoken: the address begins with rtmp://, not rtmps://';
  if (first === 6 || first === 8) return 'encrypted RTMP (RTMPE) is not supported: the address begins with rtmp://';
  return 'no RTMP was spoken';
}
