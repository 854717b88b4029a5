import { Encoder } from '@msgpack/msgpack';
import type { DetectionMessage } from '../index.ts';

/** As `encodeDetections` has it. */
const encoder = new Encoder({ forceFloat32: true });

/**
 * The message without the objects that `isShown` does not want, by their label index; nothing where it wants all of them.
 * The Frame itself is always told, so that one without objects is still known to be analysed.
 */
export function filterDetections(
  message: DetectionMessage,
  isShown: (labelIndex: number) => boolean,
): Uint8Array | undefined {
  const o = message.o.filter(([, labelIndex]) => isShown(labelIndex));
  return o.length === message.o.length ? undefined : encoder.encode({ ...message, o });
}
