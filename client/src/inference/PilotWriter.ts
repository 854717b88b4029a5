import { copyFrame } from './copyFrame.ts';

export interface PilotWriterOptions {
  /** Its time has come. */
  onDue(frame: VideoFrame): void;
  /** It could not be made, or the encoder would have to begin anew for it. */
  onProblem(): void;
}

/** Sends a picture once more between two captured frames: as a copy, since only pixels have a time of their own. */
export class PilotWriter {
  readonly #options: PilotWriterOptions;
  #pending: { timer: ReturnType<typeof setTimeout>; frame: VideoFrame } | undefined;
  #turn = 0;

  constructor(options: PilotWriterOptions) {
    this.#options = options;
  }

  /** Closes `frame`. `dueMs`: performance.now() at which it would have been captured. */
  prepare(frame: VideoFrame, timestampUs: number, dueMs: number): void {
    this.cancel();
    const turn = this.#turn;
    const { displayWidth, displayHeight } = frame;
    copyFrame(frame, timestampUs).then(
      (copy) => {
        if (turn !== this.#turn) return copy.close();
        if (copy.displayWidth !== displayWidth || copy.displayHeight !== displayHeight) {
          copy.close();
          return this.#options.onProblem();
        }
        const timer = setTimeout(() => this.#write(), Math.max(0, dueMs - performance.now()));
        this.#pending = { timer, frame: copy };
      },
      () => this.#options.onProblem(),
    );
  }

  #write(): void {
    const pending = this.#pending;
    this.#pending = undefined;
    if (pending) this.#options.onDue(pending.frame);
  }

  /** Another frame comes before it, or another sender or camera is there. */
  cancel(): void {
    this.#turn++;
    if (!this.#pending) return;
    clearTimeout(this.#pending.timer);
    this.#pending.frame.close();
    this.#pending = undefined;
  }
}
