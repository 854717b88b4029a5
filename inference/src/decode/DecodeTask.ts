import { unixMs, type VideoCodec } from '@framelock/server/protocol/tap';
import { FrameSampler } from '../sample/FrameSampler.ts';
import { WaitingSlot } from '../sample/WaitingSlot.ts';
import type { DecodeTarget, FromDecodeThread, ToDecodeThread, WaitingPicture } from './decodeMessages.ts';
import { PictureScaler } from './PictureScaler.ts';
import { PosterEncoder } from './PosterEncoder.ts';
import { VideoDecoder, type Picture } from './VideoDecoder.ts';

type FrameMessage = Extract<ToDecodeThread, { type: 'frame' }>;

interface Target {
  targetId: number;
  waiting: WaitingSlot;
  scaler: PictureScaler;
  maxFps: number;
}

/** A picture that the decoder keeps longer than this many Frames has lost its arrival time. */
const arrivalsKept = 32;
/** A picture that is decoded this long after it came shows a thread with more to do than it can. */
const busyAfterMs = 100;

/** Decoding of one Stream inside a decode thread: every Frame is decoded, sampled ones are scaled into a slot. */
export class DecodeTask {
  readonly #id: number;
  readonly #send: (message: FromDecodeThread) => void;
  readonly #decoder: VideoDecoder;
  readonly #arrivals = new Map<number, number>();
  #target: Target | undefined;
  #sampler: FrameSampler | undefined;
  #posters: PosterEncoder | undefined;
  #needsKey = true;
  /** Of the Frame being decoded. */
  #pictures = 0;
  #passedOver = 0;
  #waiting: WaitingPicture | undefined;

  constructor(id: number, codec: VideoCodec, send: (message: FromDecodeThread) => void) {
    this.#id = id;
    this.#send = send;
    this.#decoder = VideoDecoder.create(codec);
  }

  setTarget(target: DecodeTarget): void {
    // The rhythm goes on over a change of Model.
    if (this.#sampler === undefined || this.#target?.maxFps !== target.maxFps) {
      this.#sampler = new FrameSampler(target.maxFps);
    }
    this.#target?.scaler.close();
    this.#target = {
      targetId: target.targetId,
      waiting: new WaitingSlot(target.cell),
      scaler: new PictureScaler(target.spec, target.buffer, target.floatsPerSlot),
      maxFps: target.maxFps,
    };
  }

  giveSlot(targetId: number, slot: number): void {
    if (this.#target?.targetId !== targetId) return; // the main thread takes it back when it reads `targeted`
    this.#target.waiting.give(slot);
  }

  makePosters(everyMs: number): void {
    this.#posters?.close();
    this.#posters = new PosterEncoder(everyMs);
  }

  decode(message: FrameMessage): void {
    this.#pictures = 0;
    this.#passedOver = 0;
    this.#waiting = undefined;
    let ok = false;
    try {
      ok = (message.key || !this.#needsKey) && this.#decodeUnits(message);
    } catch {
      // FFmpeg refused in a way that is no return code: the same to us, a key frame later it may go on.
    }
    this.#needsKey = !ok;
    this.#send({
      type: 'decoded',
      id: this.#id,
      ok,
      pictures: this.#pictures,
      passedOver: this.#passedOver,
      receivedAtMs: message.receivedAtMs,
      decodedAtMs: unixMs(),
      waiting: this.#waiting,
    });
    this.#sendPoster();
  }

  /** After the report, so that analysis goes on meanwhile. */
  #sendPoster(): void {
    try {
      const jpeg = this.#posters?.encode();
      if (jpeg) this.#send({ type: 'poster', id: this.#id, jpeg });
    } catch {
      // A Stream without a picture on the page is no reason to touch its decoder.
      this.#posters?.close();
      this.#posters = undefined;
    }
  }

  #decodeUnits(message: FrameMessage): boolean {
    const { data, ticks } = message;
    const units: Buffer[] = [];
    let offset = 0;
    for (const bytes of message.unitBytes) {
      units.push(Buffer.from(data.buffer, data.byteOffset + offset, bytes));
      offset += bytes;
    }
    this.#arrivals.set(ticks, message.receivedAtMs);
    if (this.#arrivals.size > arrivalsKept) this.#arrivals.delete(this.#arrivals.keys().next().value!);
    return this.#decoder.decode(units, message.key, ticks, (picture) => this.#sample(picture));
  }

  #sample(picture: Picture): void {
    this.#pictures++;
    const decodedAtMs = unixMs();
    const receivedAtMs = this.#arrivals.get(picture.ticks);
    const target = this.#target;
    if (target === undefined) return;
    // A picture of no known Frame cannot be stamped; the decoder never made one, and must not begin to here.
    if (receivedAtMs === undefined) return void this.#passedOver++;
    if (!this.#sampler!.take(picture.ticks)) return;
    const claim = target.waiting.claim();
    if (claim === undefined || claim.replaced) this.#passedOver++;
    if (claim === undefined) return;
    target.scaler.scaleInto(claim.slot, picture);
    if (decodedAtMs - receivedAtMs < busyAfterMs) this.#posters?.keep(picture, decodedAtMs);
    this.#waiting = {
      targetId: target.targetId,
      slot: claim.slot,
      generation: target.waiting.publish(),
      ticks: picture.ticks,
      width: picture.width,
      height: picture.height,
      receivedAtMs,
      decodedAtMs,
    };
  }

  close(): void {
    this.#target?.scaler.close();
    this.#posters?.close();
    this.#decoder.close();
  }
}
