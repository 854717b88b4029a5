import { detectionMessageSchema, maxObjectsPerFrame, type DetectionMessage } from '@framelock/server/protocol';
import { Decoder } from '@msgpack/msgpack';

/** A message of 300 objects takes under 12 KB; Chromium closes a channel at 256 KiB. */
export const maxDetectionBytes = 32 * 1024;

const decoder = new Decoder({
  maxStrLength: 256,
  maxBinLength: 0,
  maxExtLength: 0,
  maxArrayLength: maxObjectsPerFrame,
  maxMapLength: 32,
});

/** One MessagePack message from the `detections` channel; undefined for anything that is not exactly one. Never throws. */
export function decodeDetections(bytes: ArrayBuffer): DetectionMessage | undefined {
  if (bytes.byteLength > maxDetectionBytes) return undefined;
  try {
    const parsed = detectionMessageSchema.safeParse(decoder.decode(new Uint8Array(bytes)));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
