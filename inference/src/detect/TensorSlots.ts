import assert from 'node:assert/strict';

/**
 * Input tensors in shared memory: a decode thread fills slot i, the inference thread reads it, no copy between.
 * Slot i is the floats from i * floatsPerSlot of `buffer`. Behind them lies one int32 for each slot: which padding is
 * written in it, for whoever holds the slot (PictureScaler). Only the thread that made it acquires and releases.
 */
export class TensorSlots {
  readonly buffer: SharedArrayBuffer;
  readonly count: number;
  readonly floatsPerSlot: number;
  /** Free slots, lowest first: slots that wait together tend to lie together, and such a batch needs no copy. */
  readonly #free: boolean[];
  #used = 0;

  constructor(count: number, floatsPerSlot: number) {
    this.count = count;
    this.floatsPerSlot = floatsPerSlot;
    this.buffer = new SharedArrayBuffer(count * (floatsPerSlot + 1) * Float32Array.BYTES_PER_ELEMENT);
    this.#free = new Array<boolean>(count).fill(true);
  }

  /** Undefined when all are taken: the frame is then to be dropped and counted. */
  acquire(): number | undefined {
    const slot = this.#free.indexOf(true);
    if (slot < 0) return undefined;
    this.#free[slot] = false;
    this.#used++;
    return slot;
  }

  release(slot: number): void {
    assert(this.#free[slot] === false, `slot ${slot} is not taken`);
    this.#free[slot] = true;
    this.#used--;
  }

  get used(): number {
    return this.#used;
  }

  /** Whoever fills a slot otherwise than by a PictureScaler says so: the padding is not what its mark says any more. */
  forgetPadding(slot: number): void {
    paddingMarks(this.buffer, this.floatsPerSlot)[slot] = 0;
  }

  view(slot: number): Float32Array<SharedArrayBuffer> {
    return new Float32Array(this.buffer, slot * this.floatsPerSlot * 4, this.floatsPerSlot);
  }
}

/** The padding marks of slots in such a buffer; 0 where none is written. */
export function paddingMarks(buffer: SharedArrayBuffer, floatsPerSlot: number): Int32Array<SharedArrayBuffer> {
  const count = buffer.byteLength / 4 / (floatsPerSlot + 1);
  return new Int32Array(buffer, count * floatsPerSlot * 4, count);
}
