/**
 * Who owns the one tensor slot that a decode thread fills ahead for a Publication, between that thread and the main
 * one. The cell holds the generation of the picture that waits in the slot, or 0 when none waits. The decode thread
 * may replace a waiting picture by a newer one, the main thread may take it: whoever swaps the generation out owns the
 * slot. A message about an older generation then takes nothing, so a picture can never go out under another's stamp.
 */
export function createWaitingCell(): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer(4));
}

/** Main thread: true = the picture of this generation is ours, and with it the slot. */
export function takeWaiting(cell: Int32Array<SharedArrayBuffer>, generation: number): boolean {
  return Atomics.compareExchange(cell, 0, generation, 0) === generation;
}

/** What the decode thread knows of its side. */
export class WaitingSlot {
  readonly #cell: Int32Array<SharedArrayBuffer>;
  #slot: number | undefined;
  #generation = 0;
  #filled = false;

  constructor(cell: Int32Array<SharedArrayBuffer>) {
    this.#cell = cell;
  }

  /** A slot to fill; the one before was taken (the main thread gives the next only then). */
  give(slot: number): void {
    this.#slot = slot;
    this.#filled = false;
  }

  /**
   * The slot to write a picture to, if there is one now, and whether a waiting picture was thrown out for it. Until
   * `publish` the main thread cannot take it.
   */
  claim(): { slot: number; replaced: boolean } | undefined {
    if (this.#slot === undefined) return undefined;
    if (!this.#filled) return { slot: this.#slot, replaced: false };
    this.#filled = false;
    if (takeWaiting(this.#cell, this.#generation)) return { slot: this.#slot, replaced: true };
    this.#slot = undefined;
    return undefined;
  }

  /** The picture is in the slot. Returns its generation, which goes with its stamp. */
  publish(): number {
    this.#generation = (this.#generation % 0x7fffffff) + 1;
    this.#filled = true;
    Atomics.store(this.#cell, 0, this.#generation);
    return this.#generation;
  }
}
