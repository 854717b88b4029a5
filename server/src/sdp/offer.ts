import { z } from 'zod';

/** Bounds of what one offer may hold. A browser's offer of every codec it has is 12 KiB, with 40 codecs in a section. */
export const maxSdpBytes = 64 * 1024;
export const maxSections = 8;
const maxCodecs = 80;

const token = z.string().regex(/^[!#$%&'*+\-.^_`{|}~A-Za-z0-9]{1,64}$/, 'is no token');
export const iceUfragSchema = z.string().regex(/^[A-Za-z0-9+/]{4,256}$/, 'has 4 to 256 ice-chars');
export const icePwdSchema = z.string().regex(/^[A-Za-z0-9+/]{22,256}$/, 'has 22 to 256 ice-chars');
const fingerprintSchema = z.object({
  algorithm: z.enum(['sha-1', 'sha-224', 'sha-256', 'sha-384', 'sha-512']),
  value: z.string().regex(/^[0-9A-F]{2}(:[0-9A-F]{2}){19,63}$/, 'is no fingerprint'),
});
const ssrc = z.number().int().min(1).max(0xffffffff);
/** RFC 8852 section 3: letters and digits, since it travels in a header extension; 32 as elsewhere in Framelock. */
const rid = z.string().regex(/^[A-Za-z0-9]{1,32}$/, 'has 1 to 32 letters or digits');

export const sdpCodecSchema = z.object({
  /** 64 to 95 can't be told from RTCP on one port (RFC 5761 section 4). */
  payloadType: z
    .number()
    .int()
    .min(0)
    .max(127)
    .refine((payloadType) => payloadType < 64 || payloadType > 95, 'collides with RTCP (RFC 5761)'),
  /** e.g. `video/H264`, as the offer spells it. */
  mimeType: z.string().regex(/^(audio|video)\/[A-Za-z0-9.-]{1,32}$/, 'is no codec name'),
  clockRate: z.number().int().min(1).max(1_000_000),
  channels: z.number().int().min(1).max(8).optional(),
  /** fmtp; whole numbers as numbers, except where the text is hexadecimal. */
  parameters: z.record(z.string(), z.union([z.string().max(2048), z.number()])),
  rtcpFeedback: z.array(z.object({ type: token, parameter: token.optional() })).max(32),
});
export type SdpCodec = z.infer<typeof sdpCodecSchema>;

export const headerExtensionSchema = z.object({
  id: z.number().int().min(1).max(255),
  uri: z.string().regex(/^[\x21-\x7e]{1,256}$/, 'is no URI'),
  direction: z.enum(['sendrecv', 'sendonly', 'recvonly', 'inactive']).optional(),
});
export type HeaderExtension = z.infer<typeof headerExtensionSchema>;

export const directionSchema = z.enum(['sendrecv', 'sendonly', 'recvonly', 'inactive']);
export type Direction = z.infer<typeof directionSchema>;

const transportSchema = z.object({
  iceUfrag: iceUfragSchema,
  icePwd: icePwdSchema,
  fingerprints: z.array(fingerprintSchema).min(1).max(8),
  setup: z.enum(['actpass', 'active', 'passive']),
});

export const mediaSectionSchema = z.object({
  mid: token,
  kind: z.enum(['audio', 'video', 'application']),
  port: z.number().int().min(0).max(65_535),
  /** e.g. `UDP/TLS/RTP/SAVPF`; the answer repeats it. */
  protocol: z.string().regex(/^[A-Z]+(\/[A-Z]+){0,4}$/, 'is no transport protocol'),
  /** The formats of the m-line, as written; a refused section repeats the first. */
  formats: z.array(token).min(1).max(maxCodecs),
  direction: directionSchema,
  /** The offer itself turned this section off: port 0 and not bundle-only. */
  disabled: z.boolean(),
  rtcpMux: z.boolean(),
  /** In the order of the m-line, which is the offerer's preference. */
  codecs: z.array(sdpCodecSchema).max(maxCodecs),
  headerExtensions: z.array(headerExtensionSchema).max(32),
  ssrcs: z.array(z.object({ ssrc, cname: z.string().max(256).optional() })).max(64),
  /** Pairs of a stream and its retransmission (FID). */
  rtxSsrcs: z.array(z.object({ ssrc, rtxSsrc: ssrc })).max(32),
  msid: z.string().max(256).optional(),
  /** rids of `a=simulcast:send`, in its order: the first is the largest by custom. Empty = no simulcast. */
  simulcastSend: z.array(rid).max(16),
  sctpPort: z.number().int().min(1).max(65_535).optional(),
  maxMessageSize: z.number().int().min(0).max(0xffffffff).optional(),
});
export type MediaSection = z.infer<typeof mediaSectionSchema>;

export const offerSchema = z.object({
  /** mids that share the one transport, the first of them its owner. */
  bundle: z.array(token).min(1).max(maxSections),
  transport: transportSchema,
  sections: z.array(mediaSectionSchema).min(1).max(maxSections),
});
/** An SDP offer for one BUNDLE transport, every value checked. */
export type Offer = z.infer<typeof offerSchema>;
