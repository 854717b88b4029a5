import { Refusal, RtpTimeUnwrapper } from '@framelock/server/protocol';
import type { EncodedFrame, VideoCodec } from '@framelock/server/protocol/tap';
import type { DecodedReport, DecodeTarget, FromDecodeThread, ToDecodeThread } from './decodeMessages.ts';

/** Frames given to the thread and not reported yet; more means that decoding can't keep up: one second at 30 fps. */
export const maxUndecoded = 30;

export interface DecodeStreamEvents {
  onDecoded(report: DecodedReport): void;
  /** A Frame was not given to the thread: too many wait there, or it needs one that was not given. */
  onOverload(): void;
  /** The decoder lost its state (error, overload, thread died): only a key frame helps. */
  onKeyFrameNeeded(reason: string): void;
  /** The thread does not write to slots of older targets any more. */
  onTargeted(targetId: number): void;
  /** The thread died; it no longer writes to any slot, and none is waiting. The target must be set again. */
  onRestarted(): void;
  onFailed(reason: string): void;
  /** Where `makePosters` was called. */
  onPoster?(jpeg: Uint8Array): void;
}

/** One Publication's decoder, seen from the main thread. */
export class DecodeStream {
  readonly id: number;
  readonly codec: VideoCodec;
  readonly #events: DecodeStreamEvents;
  readonly #post: (message: ToDecodeThread, transfer?: ArrayBuffer[]) => void;
  readonly #release: () => void;
  readonly #unwrapper = new RtpTimeUnwrapper();
  #undecoded = 0;
  #needsKey = true;
  #posterEveryMs: number | undefined;
  #closed = false;
  readonly #opened = Promise.withResolvers<void>();
  /** Frames not given to the decoder since it could not keep up. */
  overloaded = 0;
  decodeErrors = 0;

  constructor(options: {
    id: number;
    codec: VideoCodec;
    events: DecodeStreamEvents;
    post(message: ToDecodeThread, transfer?: ArrayBuffer[]): void;
    release(): void;
  }) {
    this.id = options.id;
    this.codec = options.codec;
    this.#events = options.events;
    this.#post = options.post;
    this.#release = options.release;
    this.#opened.promise.catch(() => {}); // nobody has to wait for it
    this.#post({ type: 'open', id: this.id, codec: this.codec });
  }

  /** Fulfilled when the thread has the decoder, which takes a while when the thread is new; rejected when it ends first. */
  get opened(): Promise<void> {
    return this.#opened.promise;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get undecoded(): number {
    return this.#undecoded;
  }

  setTarget(target: DecodeTarget): void {
    if (!this.#closed) this.#post({ type: 'target', id: this.id, target });
  }

  giveSlot(targetId: number, slot: number): void {
    if (!this.#closed) this.#post({ type: 'slot', id: this.id, targetId, slot });
  }

  /** From now on a small JPEG of an analysed picture about every so often. */
  makePosters(everyMs: number): void {
    this.#posterEveryMs = everyMs;
    if (!this.#closed) this.#post({ type: 'posters', id: this.id, everyMs });
  }

  /** Transfers the Frame's bytes to the thread. */
  decode(frame: EncodedFrame): void {
    if (this.#closed) return;
    const ticks = this.#unwrapper.unwrap(frame.rtpTimestamp);
    if (this.#undecoded >= maxUndecoded || (this.#needsKey && !frame.key)) {
      this.overloaded++;
      this.#events.onOverload();
      if (!this.#needsKey) this.#events.onKeyFrameNeeded('decoding can not keep up');
      this.#needsKey = true;
      return;
    }
    this.#needsKey = false;
    this.#undecoded++;
    const { key, receivedAtMs, data, unitBytes } = frame;
    this.#post({ type: 'frame', id: this.id, ticks, key, receivedAtMs, data, unitBytes }, [data.buffer]);
  }

  receive(message: FromDecodeThread): void {
    if (this.#closed) return;
    if (message.type === 'decoded') {
      this.#undecoded--;
      if (!message.ok) {
        this.decodeErrors++;
        this.#needsKey = true;
        this.#events.onKeyFrameNeeded('the decoder refused a frame');
      }
      this.#events.onDecoded(message);
    } else if (message.type === 'opened') {
      this.#opened.resolve();
    } else if (message.type === 'targeted') {
      this.#events.onTargeted(message.targetId);
    } else if (message.type === 'poster') {
      this.#events.onPoster?.(message.jpeg);
    } else if (message.type === 'failed') {
      this.#opened.reject(new Refusal('unsupported', message.reason));
      this.#events.onFailed(message.reason);
    }
  }

  threadDied(): void {
    this.#undecoded = 0;
    this.#needsKey = true;
  }

  threadRestarted(): void {
    this.#post({ type: 'open', id: this.id, codec: this.codec });
    if (this.#posterEveryMs !== undefined) this.makePosters(this.#posterEveryMs);
    this.#events.onRestarted();
    this.#events.onKeyFrameNeeded('the decode thread was restarted');
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#opened.reject(new Refusal('gone', 'the decoder was closed'));
    this.#post({ type: 'close', id: this.id });
    this.#release();
  }
}
