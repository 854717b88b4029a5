interface Box {
  type: string;
  /** Of its content. */
  start: number;
  end: number;
}

/** Boxes of ISO/IEC 14496-12 between two offsets; ends where the bytes make no sense. */
function* boxesOf(data: Buffer, start: number, end: number): Generator<Box> {
  for (let at = start; at + 8 <= end;) {
    let size = data.readUInt32BE(at);
    let head = 8;
    if (size === 1 && at + 16 <= end) {
      size = Number(data.readBigUInt64BE(at + 8));
      head = 16;
    } else if (size === 0) size = end - at;
    if (size < head || at + size > end) return;
    yield { type: data.toString('latin1', at + 4, at + 8), start: at + head, end: at + size };
    at += size;
  }
}

function* decodeTimes(data: Buffer): Generator<Box> {
  for (const moof of boxesOf(data, 0, data.length)) {
    if (moof.type !== 'moof') continue;
    for (const traf of boxesOf(data, moof.start, moof.end)) {
      if (traf.type !== 'traf') continue;
      for (const box of boxesOf(data, traf.start, traf.end)) {
        // Version 1, 64 bits: all that our own boxes are.
        if (box.type === 'tfdt' && data[box.start] === 1 && box.end - box.start >= 12) yield box;
      }
    }
  }
}

/** The least baseMediaDecodeTime (`tfdt`) of any fragment; undefined where there is none. */
export function firstDecodeTime(data: Buffer): number | undefined {
  let least: bigint | undefined;
  for (const { start } of decodeTimes(data)) {
    const time = data.readBigUInt64BE(start + 4);
    if (least === undefined || time < least) least = time;
  }
  return least === undefined ? undefined : Number(least);
}

/** Moves all fragments in time, in place; none goes below 0. */
export function rebaseFragments(data: Buffer, offset: number): void {
  for (const { start } of decodeTimes(data)) {
    const time = data.readBigUInt64BE(start + 4) + BigInt(Math.round(offset));
    data.writeBigUInt64BE(time < 0n ? 0n : time, start + 4);
  }
}
