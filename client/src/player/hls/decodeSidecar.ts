import { hlsSidecarSchema, type HlsSidecar } from '@framelock/server/protocol';
import { Decoder } from '@msgpack/msgpack';
import { maxDetectionBytes } from '../overlay/decodeDetections.ts';

/** A Segment of 10 s at 60 fps with 300 objects on each picture takes 7 MB. */
export const maxSidecarBytes = 16 * 1024 * 1024;

const decoder = new Decoder({
  maxStrLength: 256,
  maxBinLength: maxDetectionBytes,
  maxExtLength: 0,
  maxArrayLength: 4_096,
  maxMapLength: 32,
});

export interface Sidecar {
  publicationId: string;
  /** Media times of all its pictures, ascending, 90 kHz ticks. */
  frames: number[];
  /** Messages as the data channel carries them. */
  messages: { mediaTime: number; bytes: ArrayBuffer }[];
  complete: boolean;
}

/** One `.det` file; undefined for anything that is not exactly one. Never throws. */
export function decodeSidecar(bytes: ArrayBuffer): Sidecar | undefined {
  if (bytes.byteLength > maxSidecarBytes) return undefined;
  try {
    const parsed = hlsSidecarSchema.safeParse(decoder.decode(new Uint8Array(bytes)));
    return parsed.success ? sidecarOf(parsed.data) : undefined;
  } catch {
    return undefined;
  }
}

function sidecarOf({ pub, start, frames, m, d, complete }: HlsSidecar): Sidecar | undefined {
  if (m.length !== d.length) return undefined;
  let time = start;
  const times = frames.map((ticks) => (time += ticks));
  if (times.some((at, i) => !Number.isFinite(at) || (i > 0 && at <= times[i - 1]!))) return undefined;
  // Decoded bytes lie in the file's own buffer: copied, so that the rest of it can go.
  const messages = d.map((bytes, i) => ({ mediaTime: m[i]!, bytes: bytes.slice().buffer }));
  return { publicationId: pub, frames: times, messages, complete };
}
