import type { Sidecar } from './decodeSidecar.ts';
import { MediaClock, type Placement } from './MediaClock.ts';

export interface DetectionFeederOptions {
  /** Messages that may be shown soon, as the data channel would bring them. */
  onDetections(bytes: ArrayBuffer): void;
  /** What was handed over is of another place of the video, and can go. */
  onJump(): void;
}

interface Piece extends Placement {
  sidecar: Sidecar | undefined;
  fed: boolean;
  appended: boolean;
  /** Since it was appended it was in the <video>'s buffer; before that, how often it was looked for. */
  wasBuffered: boolean;
  lookedFor: number;
}

/** Around what is shown, seconds: interpolation looks back, and the feed looks in four times a second. */
const fedBehindS = 2;
const fedAheadS = 8;
/** A player may correct an offset by a little; a clock that jumped is another one. */
const sameClockS = 0.5;
/** The edges of what is buffered are not the playlist's. */
const edgeS = 1;
/** Media waits for what is being removed, and is then appended, before its <video> says that it is buffered. */
const mostLooks = 5;

/**
 * Detections of the media in the buffer, kept as long as it is there, and handed over when what is shown comes near: so
 * that rewinding works with a DetectionBuffer that was made for what comes once and goes by.
 */
export class DetectionFeeder {
  readonly clock = new MediaClock((positionS) => this.onPosition(positionS));
  readonly #options: DetectionFeederOptions;
  readonly #pieces = new Map<string, Piece>();
  #positionS: number | undefined;
  /** Of the media that is shown. Another clock's timestamps can't be compared with what was handed over. */
  #shown: Placement | undefined;

  constructor(options: DetectionFeederOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#pieces.size;
  }

  /** Media of this name is about to be put there. Answers the keys of what it replaces entirely, which is forgotten. */
  onAppending(key: string, placement: Placement): string[] {
    const before = this.#pieces.get(key);
    const fed = before !== undefined && before.fed && isSameClock(before, placement);
    const notYet = { appended: false, wasBuffered: false, lookedFor: 0 };
    this.#pieces.set(key, { ...placement, ...notYet, sidecar: before?.sidecar, fed });
    const replaced = this.clock.add(key, placement);
    for (const gone of replaced) this.#pieces.delete(gone);
    return replaced;
  }

  onAppended(key: string): void {
    const piece = this.#pieces.get(key);
    if (piece) piece.appended = true;
    this.clock.onAppended(key);
  }

  onSidecar(key: string, sidecar: Sidecar): void {
    const piece = this.#pieces.get(key);
    if (!piece) return; // its media is gone again
    piece.sidecar = sidecar;
    this.clock.setFrames(key, sidecar.frames);
    if (this.#positionS !== undefined) this.onPosition(this.#positionS);
  }

  /** Seconds on the video's timeline of what is shown now. */
  onPosition(positionS: number): void {
    const before = this.#positionS;
    this.#positionS = positionS;
    const shown = this.clock.placementAt(positionS * 1e6) ?? this.#shown;
    const otherClock = this.#shown !== undefined && shown !== undefined && !isSameClock(this.#shown, shown);
    this.#shown = shown;
    // Beyond what was handed over: what lies between must not be taken for neighbours.
    const jumped = before !== undefined && (positionS < before - fedBehindS || positionS > before + fedAheadS);
    if (jumped || otherClock) {
      for (const piece of this.#pieces.values()) piece.fed = false;
      this.#options.onJump();
    }
    for (const piece of this.#pieces.values()) this.#feed(piece, positionS);
  }

  #feed(piece: Piece, positionS: number): void {
    if (!piece.sidecar) return;
    const near = piece.endS > positionS - fedBehindS && piece.startS < positionS + fedAheadS;
    if (!near) {
      piece.fed = false; // the buffer forgets what is far away
      return;
    }
    // While no shown picture's frame is known, nothing is asked for.
    if (piece.fed || !this.#shown || !isSameClock(piece, this.#shown)) return;
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
    for (const [key, piece] of this.#pieces) {
      if (isBuffered(piece.startS - edgeS, piece.endS + edgeS)) piece.wasBuffered = piece.appended;
      else if (piece.wasBuffered || ++piece.lookedFor >= mostLooks) gone.push(key);
    }
    for (const key of gone) {
      this.#pieces.delete(key);
      this.clock.remove(key);
    }
    return gone;
  }
}

function isSameClock(a: Placement, b: Placement): boolean {
  return a.discontinuities === b.discontinuities && Math.abs(a.offsetS - b.offsetS) <= sameClockS;
}
