import { decode, Encoder } from '@msgpack/msgpack';
import { hlsSidecarSchema, type HlsSidecar } from '@framelock/server/protocol';

const encoder = new Encoder();

export function encodeSidecar(sidecar: HlsSidecar): Buffer {
  const { buffer, byteOffset, byteLength } = encoder.encode(sidecar);
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** undefined: these bytes are no sidecar. */
export function decodeSidecar(bytes: Uint8Array): HlsSidecar | undefined {
  try {
    return hlsSidecarSchema.safeParse(decode(bytes)).data;
  } catch {
    return undefined;
  }
}

/** Media times as differences: the first to `start`, each other one to the one before. */
export function toDifferences(times: readonly number[], start: number): number[] {
  return times.map((time, i) => time - (i === 0 ? start : times[i - 1]!));
}

export function fromDifferences(differences: readonly number[], start: number): number[] {
  let time = start;
  return differences.map((difference) => (time += difference));
}

/** A Segment's sidecar from those of its Parts, in order. */
export function joinSidecars(parts: readonly HlsSidecar[]): HlsSidecar {
  const { start, pub } = parts[0]!;
  return {
    v: 1,
    pub,
    start,
    end: parts.at(-1)!.end,
    frames: toDifferences(
      parts.flatMap((part) => fromDifferences(part.frames, part.start)),
      start,
    ),
    m: parts.flatMap(({ m }) => m),
    d: parts.flatMap(({ d }) => d),
    complete: parts.every(({ complete }) => complete),
  };
}
