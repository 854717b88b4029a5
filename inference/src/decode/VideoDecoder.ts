import * as constants from 'node-av/constants';
import { Codec, CodecContext, Frame, Log, Packet, Rational } from 'node-av/lib';
import { videoClockRate } from '@framelock/server/protocol';
import type { VideoCodec } from '@framelock/server/protocol/tap';

/** FFmpeg's own decoders, and dav1d for AV1: no encoder library, no hardware. */
const decoderNames: Record<VideoCodec, string> = { h264: 'h264', vp8: 'vp8', vp9: 'vp9', av1: 'libdav1d' };
const againError = constants.AVERROR_EAGAIN;

Log.setLevel(constants.AV_LOG_QUIET);

/** A decoded picture in the decoder's memory; valid until `decode` returns. Planes as FFmpeg lays them out. */
export interface Picture {
  /** Pixels, after cropping. */
  width: number;
  height: number;
  /** The unwrapped RTP timestamp its bytes were given with. */
  ticks: number;
  frame: Frame;
}

/**
 * Compressed Frames in, pictures out, on the calling thread: FFmpeg's synchronous calls block it, so it lives in a
 * decode thread. Together with PictureScaler and PosterEncoder this is the only place that knows node-av (FFmpeg 8 in Node).
 */
export class VideoDecoder {
  readonly #context: CodecContext;
  readonly #packet = new Packet();
  #incoming = new Frame();
  /** The largest picture so far of its timestamp. */
  #held = new Frame();
  #heldTicks: number | undefined;

  private constructor(context: CodecContext) {
    this.#context = context;
    this.#packet.alloc();
    this.#incoming.alloc();
    this.#held.alloc();
  }

  static create(codec: VideoCodec): VideoDecoder {
    const decoder = Codec.findDecoderByName(decoderNames[codec] as never);
    if (!decoder) throw new Error(`this FFmpeg has no decoder ${decoderNames[codec]}`);
    const context = new CodecContext();
    context.allocContext3(decoder);
    // One thread and low delay: frame threads would hold back a picture each.
    context.threadCount = 1;
    context.threadType = constants.FF_THREAD_SLICE;
    context.pktTimebase = new Rational(1, videoClockRate);
    context.setFlags(constants.AV_CODEC_FLAG_LOW_DELAY);
    const result = context.open2Sync(decoder, null);
    if (result < 0) {
      context.freeContext();
      throw new Error(`the ${decoderNames[codec]} decoder did not open (${result})`);
    }
    return new VideoDecoder(context);
  }

  /**
   * Decodes the decoder packets of one Frame. `onPicture` gets one picture for each timestamp: of several spatial
   * layers the largest. False: the decoder refused or reported damage; give it a key frame next.
   */
  decode(units: readonly Buffer[], key: boolean, ticks: number, onPicture: (picture: Picture) => void): boolean {
    let whole = true;
    const pts = BigInt(ticks);
    for (const unit of units) {
      this.#packet.data = unit;
      this.#packet.pts = pts;
      this.#packet.dts = pts;
      this.#packet.isKeyframe = key;
      if (this.#context.sendPacketSync(this.#packet) < 0) whole = false;
      this.#packet.unref();
      if (!this.#drain(onPicture)) whole = false;
    }
    this.#flushHeld(onPicture);
    if (!whole) this.#context.flushBuffers();
    return whole;
  }

  #drain(onPicture: (picture: Picture) => void): boolean {
    for (;;) {
      const result = this.#context.receiveFrameSync(this.#incoming);
      if (result < 0) return result === againError;
      const damaged =
        this.#incoming.decodeErrorFlags !== 0 || this.#incoming.hasFlags(constants.AV_FRAME_FLAG_CORRUPT as number);
      if (damaged) {
        this.#incoming.unref();
        return false;
      }
      this.#hold(Number(this.#incoming.pts), onPicture);
    }
  }

  /** Takes the incoming picture over, unless a larger one of the same timestamp is held. */
  #hold(ticks: number, onPicture: (picture: Picture) => void): void {
    if (this.#heldTicks !== undefined && this.#heldTicks !== ticks) this.#flushHeld(onPicture);
    const smaller =
      this.#heldTicks !== undefined &&
      this.#incoming.width * this.#incoming.height < this.#held.width * this.#held.height;
    if (smaller) return this.#incoming.unref();
    if (this.#heldTicks !== undefined) this.#held.unref();
    [this.#incoming, this.#held] = [this.#held, this.#incoming];
    this.#heldTicks = ticks;
  }

  #flushHeld(onPicture: (picture: Picture) => void): void {
    if (this.#heldTicks === undefined) return;
    const ticks = this.#heldTicks;
    this.#heldTicks = undefined;
    try {
      onPicture({ width: this.#held.width, height: this.#held.height, ticks, frame: this.#held });
    } finally {
      this.#held.unref();
    }
  }

  close(): void {
    this.#packet.free();
    this.#incoming.free();
    this.#held.free();
    this.#context.freeContext();
  }
}
