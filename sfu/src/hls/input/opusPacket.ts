/** Samples at 48 kHz. */
const maxPacketSamples = 5_760;

/**
 * Duration of an Opus packet in samples of 48 kHz (RFC 6716 section 3), or undefined for one that a decoder refuses: the
 * decoder's samples are counted, so each packet that goes in must give what it says.
 */
export function opusSamples(packet: Buffer): number | undefined {
  const toc = packet[0];
  if (toc === undefined || packet.length > 61_440) return undefined;
  const each = frameSamples(toc >> 3);
  switch (toc & 3) {
    case 0:
      return packet.length - 1 <= maxFrameBytes ? each : undefined;
    case 1:
      return (packet.length - 1) % 2 === 0 && (packet.length - 1) / 2 <= maxFrameBytes ? 2 * each : undefined;
    case 2: {
      const first = frameLength(packet, 1);
      const rest = first && packet.length - first.next - first.bytes;
      return rest !== undefined && rest >= 0 && rest <= maxFrameBytes ? 2 * each : undefined;
    }
    default:
      return manyFrames(packet, each);
  }
}

const maxFrameBytes = 1_275;

/** RFC 6716 table 2: configurations of SILK, hybrid and CELT. */
function frameSamples(configuration: number): number {
  if (configuration < 12) return [480, 960, 1_920, 2_880][configuration & 3]!;
  if (configuration < 16) return [480, 960][configuration & 1]!;
  return [120, 240, 480, 960][configuration & 3]!;
}

/** Section 3.2.1. */
function frameLength(packet: Buffer, at: number): { bytes: number; next: number } | undefined {
  const first = packet[at];
  if (first === undefined) return undefined;
  if (first < 252) return { bytes: first, next: at + 1 };
  const second = packet[at + 1];
  return second === undefined ? undefined : { bytes: second * 4 + first, next: at + 2 };
}

/** Code 3, section 3.2.5: a frame count, padding, and lengths or none. */
function manyFrames(packet: Buffer, each: number): number | undefined {
  const head = packet[1];
  if (head === undefined) return undefined;
  const frames = head & 0x3f;
  if (frames === 0 || frames * each > maxPacketSamples) return undefined;
  let at = 2;
  let end = packet.length;
  if (head & 0x40) {
    for (let byte = 255; byte === 255;) {
      const next = packet[at++];
      if (next === undefined) return undefined;
      byte = next;
      end -= byte === 255 ? 254 : byte;
    }
  }
  if ((head & 0x80) === 0) {
    const bytes = end - at;
    return bytes >= 0 && bytes % frames === 0 && bytes / frames <= maxFrameBytes ? frames * each : undefined;
  }
  for (let i = 0; i < frames - 1; i++) {
    const length = frameLength(packet, at);
    if (!length || length.bytes > maxFrameBytes) return undefined;
    at = length.next;
    end -= length.bytes;
  }
  const last = end - at;
  return last >= 0 && last <= maxFrameBytes ? frames * each : undefined;
}

/** Stereo silence of CELT, 2.5, 5, 10 and 20 ms. */
const silences = [0xe4, 0xec, 0xf4, 0xfc].map((toc) => Buffer.from([toc, 0xff, 0xfe]));
export const silenceStepSamples = 120;

/** Packets of silence, together at most `samples` long, and less than 2.5 ms short of it. */
export function* opusSilence(samples: number): Generator<{ packet: Buffer; samples: number }> {
  let left = samples;
  for (let i = silences.length - 1; i >= 0; i--) {
    const each = silenceStepSamples << i;
    for (; left >= each; left -= each) yield { packet: silences[i]!, samples: each };
  }
}
