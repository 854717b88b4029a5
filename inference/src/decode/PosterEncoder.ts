import * as constants from 'node-av/constants';
import { Codec, CodecContext, Frame, Packet, Rational, SoftwareScaleContext } from 'node-av/lib';
import type { Picture } from './VideoDecoder.ts';

export const posterEdge = 480;
export const maxPosterBytes = 60 * 1024;
/** mjpeg's quantiser scale, 2 (best) to 31: about JPEG quality 75, and what is left for pictures full of noise. */
const quantisers = [5, 16];

/** Size of a poster: no edge over 480, even numbers, the picture's shape. Pictures are never enlarged. */
export function posterSize(width: number, height: number): { width: number; height: number } {
  const scale = Math.min(1, posterEdge / Math.max(width, height));
  const even = (edge: number): number => Math.max(2, Math.round((edge * scale) / 2) * 2);
  return { width: even(width), height: even(height) };
}

/**
 * Now and then a small JPEG of an analysed picture. `keep` only holds on to the picture; `encode` does the work (some
 * 3 ms for 1080p), when the picture's report is on its way.
 */
export class PosterEncoder {
  readonly #everyMs: number;
  readonly #kept = new Frame();
  readonly #small = new Frame();
  readonly #packet = new Packet();
  #holds = false;
  #nextAtMs = 0;
  #scaler: SoftwareScaleContext | undefined;
  #encoder: CodecContext | undefined;
  #shape = '';

  constructor(everyMs: number) {
    this.#everyMs = everyMs;
    this.#kept.alloc();
    this.#small.alloc();
    this.#packet.alloc();
  }

  /** Valid only while the picture is; holds it until `encode`. */
  keep({ frame }: Picture, nowMs: number): void {
    if (this.#holds || nowMs < this.#nextAtMs) return;
    this.#nextAtMs = nowMs + this.#everyMs;
    this.#holds = this.#kept.ref(frame) >= 0;
  }

  /** undefined: none is due, or this picture could not be made small enough. */
  encode(): Uint8Array<ArrayBuffer> | undefined {
    if (!this.#holds) return undefined;
    try {
      this.#reshape();
      if (this.#scaler!.scaleFrameSync(this.#small, this.#kept) < 0) return undefined;
      for (const quantiser of quantisers) {
        const jpeg = this.#encodeSmall(quantiser);
        if (jpeg && jpeg.byteLength <= maxPosterBytes) return jpeg;
      }
      return undefined;
    } finally {
      this.#holds = false;
      this.#kept.unref();
    }
  }

  #reshape(): void {
    const { width, height, format } = this.#kept;
    const shape = `${width}x${height}:${format}`;
    if (shape === this.#shape) return;
    this.#release();
    const size = posterSize(width, height);
    this.#scaler = new SoftwareScaleContext();
    this.#scaler.getContext(
      width,
      height,
      format as never,
      size.width,
      size.height,
      constants.AV_PIX_FMT_YUVJ420P,
      constants.SWS_AREA,
    );
    this.#small.width = size.width;
    this.#small.height = size.height;
    this.#small.format = constants.AV_PIX_FMT_YUVJ420P;
    this.#small.colorRange = constants.AVCOL_RANGE_JPEG;
    if (this.#small.getBuffer() < 0) throw new Error('no memory for a poster');
    this.#encoder = openEncoder(size);
    this.#shape = shape;
  }

  #encodeSmall(quantiser: number): Uint8Array<ArrayBuffer> | undefined {
    this.#small.quality = constants.FF_QP2LAMBDA * quantiser;
    if (this.#encoder!.sendFrameSync(this.#small) < 0) return undefined;
    if (this.#encoder!.receivePacketSync(this.#packet) < 0) return undefined;
    const jpeg = this.#packet.data ? Uint8Array.from(this.#packet.data) : undefined;
    this.#packet.unref();
    return jpeg;
  }

  #release(): void {
    this.#shape = '';
    this.#scaler?.freeContext();
    this.#scaler = undefined;
    this.#encoder?.freeContext();
    this.#encoder = undefined;
    this.#small.unref();
  }

  close(): void {
    this.#release();
    this.#kept.free();
    this.#small.free();
    this.#packet.free();
  }
}

function openEncoder({ width, height }: { width: number; height: number }): CodecContext {
  const codec = Codec.findEncoder(constants.AV_CODEC_ID_MJPEG);
  if (!codec) throw new Error('this FFmpeg has no JPEG encoder');
  const context = new CodecContext();
  context.allocContext3(codec);
  context.width = width;
  context.height = height;
  context.pixelFormat = constants.AV_PIX_FMT_YUVJ420P;
  context.colorRange = constants.AVCOL_RANGE_JPEG;
  context.timeBase = new Rational(1, 1000);
  context.threadCount = 1;
  // Each frame says its own quantiser.
  context.setFlags(constants.AV_CODEC_FLAG_QSCALE);
  context.globalQuality = constants.FF_QP2LAMBDA * quantisers[0]!;
  const result = context.open2Sync(codec, null);
  if (result < 0) {
    context.freeContext();
    throw new Error(`the JPEG encoder did not open (${result})`);
  }
  return context;
}
