import * as constants from 'node-av/constants';
import { Codec, CodecContext, Frame, Packet, Rational } from 'node-av/lib';
import type { Thumbnail } from './cropThumbnail.ts';

/** What an ExposureReport takes. */
export const maxThumbnailBytes = 24 * 1024;
/** mjpeg's quantiser scale, 2 (best) to 31; the later ones for pictures full of noise. */
const quantisers = [4, 10, 31];

/** Thumbnails as JPEG with colours in full resolution: in a mark of 40 pixels its colours are half of what one sees. */
export class ThumbnailEncoder {
  readonly #packet = new Packet();
  #closed = false;

  constructor() {
    this.#packet.alloc();
  }

  /** Some tenths of a ms. Undefined where it could not be made, or not small enough. */
  encode(thumbnail: Thumbnail): Uint8Array<ArrayBuffer> | undefined {
    if (this.#closed) return undefined;
    const { width, height, planes } = thumbnail;
    const bytes = 3 * width * height;
    const frame = Frame.fromVideoBuffer(Buffer.from(planes.buffer, planes.byteOffset, bytes), {
      width,
      height,
      format: constants.AV_PIX_FMT_YUVJ444P,
      timeBase: { num: 1, den: 1000 },
    });
    try {
      frame.colorRange = constants.AVCOL_RANGE_JPEG;
      for (const quantiser of quantisers) {
        const jpeg = this.#encodeAt(frame, quantiser);
        if (jpeg && jpeg.byteLength <= maxThumbnailBytes) return jpeg;
      }
      return undefined;
    } finally {
      frame.free();
    }
  }

  /** Each in an encoder of its own: sizes differ, and opening one costs less than keeping one for each size. */
  #encodeAt(frame: Frame, quantiser: number): Uint8Array<ArrayBuffer> | undefined {
    const context = openEncoder(frame.width, frame.height, quantiser);
    try {
      frame.quality = constants.FF_QP2LAMBDA * quantiser;
      if (context.sendFrameSync(frame) < 0 || context.receivePacketSync(this.#packet) < 0) return undefined;
      const jpeg = this.#packet.data ? Uint8Array.from(this.#packet.data) : undefined;
      this.#packet.unref();
      return jpeg;
    } finally {
      context.freeContext();
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#packet.free();
  }
}

function openEncoder(width: number, height: number, quantiser: number): CodecContext {
  const codec = Codec.findEncoder(constants.AV_CODEC_ID_MJPEG);
  if (!codec) throw new Error('this FFmpeg has no JPEG encoder');
  const context = new CodecContext();
  context.allocContext3(codec);
  context.width = width;
  context.height = height;
  context.pixelFormat = constants.AV_PIX_FMT_YUVJ444P;
  context.colorRange = constants.AVCOL_RANGE_JPEG;
  context.timeBase = new Rational(1, 1000);
  context.threadCount = 1;
  context.setFlags(constants.AV_CODEC_FLAG_QSCALE);
  context.globalQuality = constants.FF_QP2LAMBDA * quantiser;
  const result = context.open2Sync(codec, null);
  if (result < 0) {
    context.freeContext();
    throw new Error(`the JPEG encoder did not open (${result})`);
  }
  return context;
}
