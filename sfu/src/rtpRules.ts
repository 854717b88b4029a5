import { parseScalabilityMode, type types } from 'mediasoup';
import { z } from 'zod';
import { parseOrRefuse, Refusal, type MediaKind } from '@framelock/server/protocol';
import { routerCodecOf, withoutRefusedExtensions } from './routerCodecs.ts';

/**
 * The doors for RTP, DTLS and capability JSON from peers. mediasoup checks shapes again; these bounds keep numbers in
 * the ranges of their wire fields and lists short before they reach the Worker.
 */
const u32 = z.number().int().min(0).max(0xffffffff);
const payloadType = z.number().int().min(0).max(127);
const shortText = z.string().max(256);
const feedback = z.object({ type: shortText, parameter: shortText.nullish() }).transform((one) => ({
  type: one.type,
  ...(one.parameter ? { parameter: one.parameter } : {}),
}));
const parameterValue = z.union([z.string().max(2048), z.number().int().min(-0x80000000).max(0x7fffffff), z.boolean()]);
/** mediasoup-client leaves absent members as null in JSON from some handlers. */
const codecParameters = z
  .record(z.string().max(64), parameterValue.nullish())
  .transform((all) => Object.fromEntries(Object.entries(all).filter(([, value]) => value != null)))
  .optional();
const codec = {
  mimeType: z.string().regex(/^(audio|video)\/[A-Za-z0-9-]{1,32}$/),
  clockRate: z.number().int().min(1).max(1_000_000),
  channels: z.number().int().min(1).max(8).optional(),
  parameters: codecParameters,
  rtcpFeedback: z.array(feedback).max(16).optional(),
};
const extensionId = z.number().int().min(1).max(255);

export const rtpParametersSchema = z.object({
  mid: z.string().max(32).optional(),
  msid: shortText.optional(),
  codecs: z
    .array(z.object({ ...codec, payloadType }))
    .min(1)
    .max(32),
  headerExtensions: z
    .array(z.object({ uri: shortText, id: extensionId, encrypt: z.boolean().optional(), parameters: codecParameters }))
    .max(32)
    .optional(),
  encodings: z
    .array(
      z.object({
        ssrc: u32.optional(),
        rid: z.string().max(32).optional(),
        codecPayloadType: payloadType.optional(),
        rtx: z.object({ ssrc: u32 }).optional(),
        dtx: z.boolean().optional(),
        scalabilityMode: z.string().max(32).optional(),
        maxBitrate: z.number().int().min(0).max(1_000_000_000).optional(),
      }),
    )
    .min(1)
    .max(16),
  rtcp: z.object({ cname: shortText.optional(), reducedSize: z.boolean().optional() }).optional(),
});

export const rtpCapabilitiesSchema = z.object({
  codecs: z
    .array(z.object({ ...codec, kind: z.enum(['audio', 'video']), preferredPayloadType: payloadType.optional() }))
    .max(128)
    .optional(),
  headerExtensions: z
    .array(
      z.object({
        kind: z.enum(['audio', 'video']),
        uri: shortText,
        preferredId: extensionId,
        preferredEncrypt: z.boolean().optional(),
        direction: z.enum(['sendrecv', 'sendonly', 'recvonly', 'inactive']).optional(),
      }),
    )
    .max(128)
    .optional(),
});

export const dtlsParametersSchema = z.object({
  role: z.enum(['auto', 'client', 'server']).optional(),
  fingerprints: z
    .array(
      z.object({
        algorithm: z.enum(['sha-1', 'sha-224', 'sha-256', 'sha-384', 'sha-512']),
        value: z.string().regex(/^[0-9a-f]{2}(:[0-9a-f]{2}){19,63}$/i),
      }),
    )
    .min(1)
    .max(8),
});

/** Codecs that say their layers inside one RTP stream, and whose Consumers keep RTP timestamps. */
const svcCodecs = new Set(['video/vp9', 'video/av1']);

function isRtx({ mimeType }: { mimeType: string }): boolean {
  return /\/rtx$/i.test(mimeType);
}

/**
 * RtpParameters that a Producer may have. Timestamps must reach tap and viewers unrewritten, so several encodings are refused:
 * mediasoup shifts the timestamps of each of its Consumers on a layer switch (Consumer.cpp, `tsOffset`).
 */
export function checkRtpParameters(kind: MediaKind, value: unknown): types.RtpParameters {
  const parameters = parseOrRefuse(rtpParametersSchema, value, 'rtpParameters');
  const media = parameters.codecs.filter((one) => !isRtx(one));
  if (media.length !== 1) {
    throw new Refusal('unsupported', `a Producer has one codec and its RTX, not ${media.length} codecs`);
  }
  if (parameters.codecs.some((one) => !one.mimeType.startsWith(`${kind}/`))) {
    throw new Refusal('badRequest', `the codecs of a Producer of kind ${kind} must all be ${kind}`);
  }
  if (parameters.encodings.length > 1) {
    throw new Refusal(
      'unsupported',
      'several encodings in one Producer cannot be analysed, since their timestamps are rewritten for each viewer: send one encoding, or VP9 with K-SVC (scalabilityMode L3T3_KEY)',
    );
  }
  const encoding = parameters.encodings[0]!;
  const { scalabilityMode } = encoding;
  if (scalabilityMode?.startsWith('S')) {
    throw new Refusal(
      'unsupported',
      `scalabilityMode ${scalabilityMode} is simulcast in one stream: use one layer, or K-SVC such as L3T3_KEY`,
    );
  }
  if (scalabilityMode !== undefined && !/^L[1-3]T[1-3]h?(_KEY(_SHIFT)?)?$/.test(scalabilityMode)) {
    throw new Refusal('badRequest', `scalabilityMode ${scalabilityMode} is none of L1T1 to L3T3_KEY`);
  }
  const { spatialLayers } = parseScalabilityMode(scalabilityMode);
  const mimeType = media[0]!.mimeType.toLowerCase();
  const isSvcCodec = svcCodecs.has(mimeType);
  // mediasoup 3.27 forwards AV1 without the dependency descriptor, and viewers can't decode several layers without it.
  if (spatialLayers > 1 && mimeType !== 'video/vp9') {
    throw new Refusal(
      'unsupported',
      `${media[0]!.mimeType} can't be forwarded with spatial layers: send one, or VP9 with K-SVC (scalabilityMode L3T3_KEY)`,
    );
  }
  // With temporal layers alone, mediasoup would make VP8 and H264 a simulcast Producer. As a simple one it forwards all
  // layers with their timestamps.
  const { scalabilityMode: _, ...plainEncoding } = encoding;
  return {
    ...parameters,
    headerExtensions: withoutRefusedExtensions(parameters.headerExtensions),
    encodings: [isSvcCodec ? encoding : plainEncoding],
  } as types.RtpParameters;
}

const chosenCodecsSchema = z
  .array(z.object({ ...codec, kind: z.enum(['audio', 'video']), preferredPayloadType: payloadType }))
  .min(1)
  .max(64);

/**
 * Codecs of a peer that chose the payload types itself, as mediaCodecs of a Router of its own. One of each kind: mediasoup
 * gives every video codec an RTX payload type of its own choice, which could be one that the peer uses for another codec.
 */
export function checkChosenCodecs(value: unknown): types.RouterRtpCodecCapability[] {
  const chosen = parseOrRefuse(chosenCodecsSchema, value, 'codecs');
  const kinds = chosen.map(({ kind }) => kind);
  if (new Set(kinds).size !== kinds.length) throw new Refusal('unsupported', 'codecs: one audio and one video at most');
  const payloadTypes = chosen.map(({ preferredPayloadType }) => preferredPayloadType);
  if (new Set(payloadTypes).size !== payloadTypes.length) {
    throw new Refusal('badRequest', `codecs: the payload type ${payloadTypes[0]} is given twice`);
  }
  // RFC 5761 section 4: these can't be told from RTCP on one port.
  const colliding = payloadTypes.find((one) => one >= 64 && one <= 95);
  if (colliding !== undefined) throw new Refusal('badRequest', `codecs: payload type ${colliding} collides with RTCP`);
  const audioFirst = chosen.sort((a, b) => a.kind.localeCompare(b.kind));
  return audioFirst.map((one) => ({ ...routerCodecOf(one), preferredPayloadType: one.preferredPayloadType }));
}

export const midExtension = 'urn:ietf:params:rtp-hdrext:sdes:mid';
const ridExtension = 'urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id';

/**
 * RtpParameters of one layer of a simulcast, which is a Producer of its own. The Worker tells the layers apart by the
 * rid of their packets, and only where it reads no mid: by that it would give all of them to one Producer
 * (RtpListener.cpp, GetProducer).
 */
export function checkLayerParameters(kind: MediaKind, value: unknown, rid: string): types.RtpParameters {
  if (kind !== 'video') throw new Refusal('badRequest', 'only video has simulcast layers');
  const { mid: _, ...parameters } = checkRtpParameters(kind, value);
  const [encoding] = parameters.encodings!;
  if (encoding?.rid !== rid) throw new Refusal('badRequest', `the encoding of layer ${rid} must have the rid ${rid}`);
  if (parseScalabilityMode(encoding.scalabilityMode).spatialLayers > 1) {
    throw new Refusal('unsupported', 'a simulcast layer has no spatial layers of its own');
  }
  const headerExtensions = parameters.headerExtensions!.filter(({ uri }) => uri !== midExtension);
  if (encoding.ssrc === undefined && !headerExtensions.some(({ uri }) => uri === ridExtension)) {
    throw new Refusal('badRequest', `layers without an ssrc need the header extension ${ridExtension}`);
  }
  return { ...parameters, headerExtensions };
}

export function checkRtpCapabilities(value: unknown): types.RtpCapabilities {
  const capabilities = parseOrRefuse(rtpCapabilitiesSchema, value, 'rtpCapabilities');
  return {
    ...capabilities,
    headerExtensions: withoutRefusedExtensions(capabilities.headerExtensions),
  } as types.RtpCapabilities;
}

/** As a browser's channel has them: unordered, given up after a while. */
const sctpStreamParametersSchema = z.strictObject({
  streamId: z.number().int().min(0).max(65_534),
  ordered: z.boolean().optional(),
  maxPacketLifeTime: z.number().int().min(0).max(60_000).optional(),
  maxRetransmits: z.number().int().min(0).max(65_535).optional(),
});

export function checkSctpStreamParameters(value: unknown): types.SctpStreamParameters {
  return parseOrRefuse(sctpStreamParametersSchema, value, 'sctpStreamParameters') as types.SctpStreamParameters;
}

export function checkDtlsParameters(value: unknown): types.DtlsParameters {
  return parseOrRefuse(dtlsParametersSchema, value, 'dtlsParameters');
}
