/**
 * FLV (Adobe's Video File Format Specification 10.1, annex E), which is also what RTMP's audio and video messages hold,
 * and the parts of Enhanced RTMP (v1, v2) that OBS can send.
 */

export type FlvTagType = 'audio' | 'video' | 'script';
const tagTypes = { audio: 8, video: 9, script: 18 } as const;

/**
 * Signature, version 1, what is in it, and the size of the (absent) tag before the first. FFmpeg looks up to 90 s for
 * sound that the header promises and that never comes.
 */
export function flvHeader(has: { audio: boolean; video: boolean }): Buffer {
  return Buffer.from([0x46, 0x4c, 0x56, 1, (has.audio ? 4 : 0) | (has.video ? 1 : 0), 0, 0, 0, 9, 0, 0, 0, 0]);
}

/** One tag with its trailing size. @param timestampMs u32 */
export function flvTag(type: FlvTagType, timestampMs: number, payload: Buffer): Buffer {
  const tag = Buffer.allocUnsafe(11 + payload.length + 4);
  tag[0] = tagTypes[type];
  tag.writeUIntBE(payload.length, 1, 3);
  tag.writeUIntBE(timestampMs % 0x1000000, 4, 3);
  tag[7] = timestampMs >>> 24;
  tag.writeUIntBE(0, 8, 3); // stream id, always 0
  payload.copy(tag, 11);
  tag.writeUInt32BE(11 + payload.length, 11 + payload.length);
  return tag;
}

/** What one audio or video message is, in the form that FFmpeg 5.1 reads. */
export interface FlvMedia {
  type: 'audio' | 'video';
  /** `config`: the sequence header a decoder begins with; `key`, `inter`: pictures; `sound`. */
  part: 'config' | 'key' | 'inter' | 'sound';
  payload: Buffer;
  /** Pictures: composition time minus decoding time. Never 0 throughout where there are B-frames. */
  compositionMs: number;
}

/** What an encoder sends and this node cannot take; the words say which setting to change. */
export class FlvUnsupported extends Error {
  override readonly name = 'FlvUnsupported';
}

const chooseH264 =
  'choose an H.264 video encoder (OBS: Settings, Output, Streaming, Video Encoder: "x264", or "H.264" of the graphics card)';
const chooseAac = 'choose AAC as audio encoder (OBS: Settings, Output, Streaming, Audio Encoder)';

/** Codec ids of FLV's video tags, section E.4.3.1; 12 is what some encoders send for HEVC. */
const oldVideoCodecs: Record<number, string> = {
  2: 'Sorenson H.263',
  3: 'Screen video',
  4: 'VP6',
  5: 'VP6 with alpha',
};
const videoCodecNames: Record<string, string> = { hvc1: 'HEVC (H.265)', av01: 'AV1', vp09: 'VP9', vp08: 'VP8' };

function refuseVideo(codec: string): FlvUnsupported {
  return new FlvUnsupported(`the encoder sends ${codec} over RTMP, and only H.264 can be taken: ${chooseH264}`);
}

const avc = 7;
const aac = 10;

/**
 * @returns undefined for what carries nothing that is needed (end of sequence, commands, further tracks).
 * @throws FlvUnsupported
 */
export function readVideo(payload: Buffer): FlvMedia | undefined {
  if (payload.length < 2) return undefined;
  const first = payload[0]!;
  if (first & 0x80) return readEnhancedVideo(payload);
  const codec = first & 0x0f;
  if (codec === 12) throw refuseVideo('HEVC (H.265)');
  if (codec !== avc) throw refuseVideo(oldVideoCodecs[codec] ?? `video of FLV codec ${codec}`);
  if (payload.length < 5) return undefined;
  return avcMedia(payload[1]!, first >> 4, payload.readIntBE(2, 3), payload);
}

/** @param packet AVCPacketType: 0 sequence header, 1 NAL units, 2 end. @param frame FrameType: 1 is a key frame. */
function avcMedia(packet: number, frame: number, compositionMs: number, payload: Buffer): FlvMedia | undefined {
  if (packet === 0) return { type: 'video', part: 'config', payload, compositionMs: 0 };
  if (packet !== 1 || frame === 5) return undefined;
  return { type: 'video', part: frame === 1 ? 'key' : 'inter', payload, compositionMs };
}

/** Enhanced RTMP: ExVideoTagHeader. H.264 in it (`avc1`) becomes what FLV always had. */
function readEnhancedVideo(payload: Buffer): FlvMedia | undefined {
  const frame = (payload[0]! >> 4) & 0x07;
  const packet = payload[0]! & 0x0f;
  // 4 metadata (HDR), 6 multitrack (the tracks after the first), 7 modifiers: nothing that a viewer misses.
  if (packet > 3 || payload.length < 5) return undefined;
  const fourCc = payload.toString('latin1', 1, 5);
  if (fourCc !== 'avc1') throw refuseVideo(videoCodecNames[fourCc] ?? 'a codec that is not known here');
  const hasComposition = packet === 1;
  if (hasComposition && payload.length < 8) return undefined;
  const compositionMs = hasComposition ? payload.readIntBE(5, 3) : 0;
  const avcPacket = packet === 3 ? 1 : packet;
  const head = Buffer.of((frame << 4) | avc, avcPacket, 0, 0, 0);
  head.writeIntBE(compositionMs, 2, 3);
  return avcMedia(avcPacket, frame, compositionMs, Buffer.concat([head, payload.subarray(hasComposition ? 8 : 5)]));
}

/** As readVideo. MP3, PCM, Speex and G.711, which FFmpeg reads, pass as they are. */
export function readAudio(payload: Buffer): FlvMedia | undefined {
  if (payload.length < 2) return undefined;
  const format = payload[0]! >> 4;
  if (format === 9) return readEnhancedAudio(payload);
  const part = format === aac && payload[1] === 0 ? 'config' : 'sound';
  return { type: 'audio', part, payload, compositionMs: 0 };
}

function readEnhancedAudio(payload: Buffer): FlvMedia | undefined {
  const packet = payload[0]! & 0x0f;
  if (packet > 1 || payload.length < 5) return undefined; // end, channel layout, the tracks after the first
  const fourCc = payload.toString('latin1', 1, 5);
  if (fourCc !== 'mp4a') {
    const codec = /^[\w.-]{4}$/.test(fourCc) ? fourCc.trim() : 'an unknown codec';
    throw new FlvUnsupported(
      `the encoder sends ${codec} as audio in Enhanced RTMP, and AAC can be taken: ${chooseAac}`,
    );
  }
  const head = Buffer.of((aac << 4) | 0x0f, packet); // 44 kHz, 16 bit, stereo: what AAC always says there
  const part = packet === 0 ? 'config' : 'sound';
  return { type: 'audio', part, payload: Buffer.concat([head, payload.subarray(5)]), compositionMs: 0 };
}

/** H.264's profile and level from a sequence header (AVCDecoderConfigurationRecord, ISO 14496-15 section 5.2.4.1). */
export function avcProfileLevel(config: Buffer): { profile: number; level: number } | undefined {
  const profile = config[6];
  const level = config[8];
  return profile === undefined || level === undefined ? undefined : { profile, level };
}
