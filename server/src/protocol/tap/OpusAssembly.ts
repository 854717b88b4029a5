import type { FrameAssembly } from './Depacketiser.ts';

/** Opus by RFC 7587: a packet is a frame (an Opus packet), and each can be decoded by itself. */
export class OpusAssembly implements FrameAssembly {
  readonly packetIsFrame = true;
  #packet: Buffer[] | undefined;

  add(payload: Buffer): boolean {
    this.#packet = [payload];
    return true;
  }

  finish(): { units: Buffer[][]; key: boolean } {
    return { units: this.#packet ? [this.#packet] : [], key: true };
  }

  reset(): void {
    this.#packet = undefined;
  }
}
