/** What a switch needs of a FrameSource. */
export interface SwitchedVideo {
  readonly video: { volume: number; muted: boolean };
  /** Plays tracks (WebRTC), and not what something else feeds (HLS). */
  readonly playsTracks: boolean;
  close(): void;
}

/** A video on its way to the canvas, as whoever feeds it sees it. */
export interface ComingVideo<F extends SwitchedVideo> {
  readonly frames: F;
  /** Resolves true with its first picture, false when it was given up. */
  readonly shown: Promise<boolean>;
  isShown(): boolean;
  /** It was given up, or another one has taken its place: nothing of it will be seen any more. */
  isGone(): boolean;
  /** Gives it up, unless it is shown. Nobody else's is touched. */
  cancel(): void;
}

interface Coming<F> {
  readonly frames: F;
  readonly settle: (isShown: boolean) => void;
  /** performance.now() scale. */
  firstPictureMs?: number;
}

/**
 * Which video is on the canvas, and which ones are about to be: one of tracks and one of HLS can come at the same time,
 * and the first to have a picture is shown first. Each is given up by its owner alone, or by a later one of its kind.
 */
export class VideoSwitch<F extends SwitchedVideo> {
  #shown: F;
  readonly #coming = new Set<Coming<F>>();

  constructor(shown: F) {
    this.#shown = shown;
  }

  get shown(): F {
    return this.#shown;
  }

  get coming(): readonly F[] {
    return [...this.#coming].map(({ frames }) => frames);
  }

  comeNext(frames: F): ComingVideo<F> {
    for (const other of this.#coming) if (other.frames.playsTracks === frames.playsTracks) this.#giveUp(other);
    let settle!: (isShown: boolean) => void; // Promise.withResolvers is younger than the iPhones that we play on
    const shown = new Promise<boolean>((resolve) => (settle = resolve));
    const coming: Coming<F> = { frames, settle };
    this.#coming.add(coming);
    return {
      ...{ frames, shown },
      isShown: () => this.#shown === frames,
      isGone: () => this.#shown !== frames && !this.#coming.has(coming),
      cancel: () => this.#giveUp(coming),
    };
  }

  /** undefined = it is shown, or was given up. */
  comingOf(frames: F): Coming<F> | undefined {
    for (const coming of this.#coming) if (coming.frames === frames) return coming;
    return undefined;
  }

  /** It takes the shown one's place, with its sound as loud. */
  show(coming: Coming<F>): void {
    if (!this.#coming.delete(coming)) return;
    const { frames, settle } = coming;
    const before = this.#shown;
    this.#shown = frames;
    frames.video.volume = before.video.volume;
    frames.video.muted = before.video.muted;
    before.close();
    settle(true);
  }

  #giveUp(coming: Coming<F>): void {
    if (!this.#coming.delete(coming)) return;
    coming.frames.close();
    coming.settle(false);
  }

  giveUpAll(): void {
    for (const coming of this.#coming) this.#giveUp(coming);
  }
}
