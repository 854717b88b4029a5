import { videoClockRate } from '@framelock/server/protocol';
import type { MediaTime } from '../media.ts';

/** One compressed picture on its way in. */
export interface InputFrame {
  time: MediaTime;
  key: boolean;
  /** As a decoder wants it; H264 in Annex B form. */
  data: Buffer;
  receivedAtMs: number;
}

const maxTicks = 12 * videoClockRate;
const maxBytes = 24 * 1024 * 1024;

/**
 * The pictures since the last key frame, with which a decoder that begins now can be brought up to date. Longer or
 * larger than its limits, it gives up and waits for the next key frame.
 */
export class GopFrames<Frame extends InputFrame = InputFrame> {
  #frames: Frame[] = [];
  #bytes = 0;
  #givenUp = true;

  add(frame: Frame): void {
    if (frame.key) {
      this.clear();
      this.#givenUp = false;
    } else if (this.#givenUp) return;
    this.#frames.push(frame);
    this.#bytes += frame.data.length;
    if (this.#bytes > maxBytes || frame.time - this.#frames[0]!.time > maxTicks) this.clear();
  }

  /** The first is a key frame; empty when there is none to begin with. */
  get frames(): readonly Frame[] {
    return this.#frames;
  }

  clear(): void {
    this.#frames = [];
    this.#bytes = 0;
    this.#givenUp = true;
  }
}
