import type { Sidecar } from './decodeSidecar.ts';
import { MediaClock } from './MediaClock.ts';

export interface DetectionFeederOptions {
  /** Messages that may be shown soon, as the data channel would bring them. */
  onDetections(bytes: ArrayBuffer): void;
  /** What was handed over is of another place of the video, and can go. */
  onJump(): void;
}

interface Piece {
  offsetS: number;
  /** On the video's timeline. */
  startS: number;
  endS: number;
  sidecar: Sidecar | undefined;
  fed: boolean;
}

/** Around what is shown, seconds: interpolation looks back, and the feed looks in four times a second. */
const fedBehindS = 2;
const fedAheadS = 8;
/** A player may correct an offset by a little; a clock that jumped is another one. */
const sameClockS = 0.5;
/** Media is appended before its <video> says that it is buffered; nor are its edges the playlist's. */
const edgeS = 1;

/**
 * Detections of the media in the buffer, kept as long as it is there, and handed over when what is shown comes near: so
 * that rewinding works with a DetectionBuffer that was made for what comes once and goes by.
 */
export class DetectionFeeder {
  readonly clock = new MediaClock();
  readonly #options: DetectionFeederOptions;
  readonly #pieces = new Map<string, Piece>();
  #positionS: number | undefined;
  /** Of the media that is shown. Another one means another clock: timestamps on both sides can't be compared. */
  #offsetS: number | undefined;

  constructor(options: DetectionFeederOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#pieces.size;
  }

  /** Media of this name was appended with this offset, for this stretch of the video's timeline. */
  onAppended(key: string, { offsetS, startS, endS }: { offsetS: number; startS: number; endS: number }): void {
    const sidecar = this.#pieces.get(key)?.sidecar;
    this.#pieces.set(key, { offsetS, startS, endS, sidecar, fed: false });
    if (sidecar) this.clock.add(key, { offsetS, frames: sidecar.frames });
  }

  onSidecar(key: string, sidecar: Sidecar): void {
    const piece = this.#pieces.get(key);
    if (!piece) return; // its media is gone again
    piece.sidecar = sidecar;
    this.clock.add(key, { offsetS: piece.offsetS, frames: sidecar.frames });
    if (this.#positionS !== undefined) this.#feed(piece, this.#positionS);
  }

  /** What is shown now; called with every picture. */
  onPosition(positionS: number): void {
    const before = this.#positionS;
    this.#positionS = positionS;
    const offsetS = this.#offsetAt(positionS) ?? this.#offsetS;
    const otherClock = this.#offsetS !== undefined && Math.abs(offsetS! - this.#offsetS) > sameClockS;
    this.#offsetS = offsetS;
    // Beyond what was handed over: what lies between must not be taken for neighbours.
    const jumped = before !== undefined && (positionS < before - fedBehindS || positionS > before + fedAheadS);
    if (jumped || otherClock) {
      for (const piece of this.#pieces.values()) piece.fed = false;
      this.#options.onJump();
    }
    for (const piece of this.#pieces.values()) this.#feed(piece, positionS);
  }

  #offsetAt(positionS: number): number | undefined {
    let offsetS: number | undefined;
    for (const piece of this.#pieces.values()) {
      if (positionS >= piece.startS && positionS < piece.endS) offsetS = piece.offsetS;
    }
    return offsetS;
  }

  #feed(piece: Piece, positionS: number): void {
    if (!piece.sidecar) return;
    const near = piece.endS > positionS - fedBehindS && piece.startS < positionS + fedAheadS;
    if (!near) {
      piece.fed = false; // the buffer forgets what is far away
      return;
    }
    if (piece.fed || Math.abs(piece.offsetS - (this.#offsetS ?? piece.offsetS)) > sameClockS) return;
    piece.fed = true;
    for (const { bytes } of piece.sidecar.messages) this.#options.onDetections(bytes);
  }

  /** What was handed over could not be read then: once more. */
  feedAgain(): void {
    for (const piece of this.#pieces.values()) piece.fed = false;
    if (this.#positionS !== undefined) this.onPosition(this.#positionS);
  }

  /** Lets go what is no longer buffered; answers its keys. */
  prune(isBuffered: (startS: number, endS: number) => boolean): string[] {
    const gone: string[] = [];
    for (const [key, { startS, endS }] of this.#pieces) {
      if (!isBuffered(startS - edgeS, endS + edgeS)) gone.push(key);
    }
    for (const key of gone) {
      this.#pieces.delete(key);
      this.clock.remove(key);
    }
    return gone;
  }
}
