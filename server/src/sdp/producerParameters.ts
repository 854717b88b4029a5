import { isSameProfile } from 'h264-profile-level-id';
import { z } from 'zod';
import { type Opaque, parseOrRefuse, Refusal } from '../protocol/index.ts';
import type { HeaderExtension, MediaSection, SdpCodec } from './offer.ts';

/** As far as SDP needs mediasoup's RtpCapabilities: what a Router can carry. */
const routerCapabilitiesSchema = z.object({
  codecs: z
    .array(
      z.object({
        mimeType: z.string(),
        clockRate: z.number(),
        channels: z.number().optional(),
        parameters: z.record(z.string(), z.unknown()).default({}),
        rtcpFeedback: z.array(z.object({ type: z.string(), parameter: z.string().optional() })).default([]),
      }),
    )
    .default([]),
  headerExtensions: z
    .array(z.object({ kind: z.string(), uri: z.string(), direction: z.string().optional() }))
    .default([]),
});
export type RouterCapabilities = z.infer<typeof routerCapabilitiesSchema>;
export type RouterCodec = RouterCapabilities['codecs'][number];

export const readRouterCapabilities = (rtpCapabilities: Opaque): RouterCapabilities =>
  parseOrRefuse(routerCapabilitiesSchema, rtpCapabilities, 'the rtpCapabilities of the sfu');

export const sdesMid = 'urn:ietf:params:rtp-hdrext:sdes:mid';
export const sdesRid = 'urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id';
const sdesRepairedRid = 'urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id';

/** One Producer that a section asks for. */
export interface WantedProducer {
  /** mediasoup's RtpParameters with the payload types and extension ids of the offer. */
  rtpParameters: Opaque;
  /** Only where the section sends several layers. */
  layer?: { rid: string; order: number };
}

/** What is taken of one section that sends, for the answer and for `produce`. */
export interface AcceptedSending {
  /** The codec, and its RTX when offered: all that the answer names. */
  codecs: SdpCodec[];
  headerExtensions: HeaderExtension[];
  producers: WantedProducer[];
}

/**
 * A section that sends x what a Router can carry: the first codec of the offer that the Router has. Refuses, with words
 * for the person who set the encoder, what can't be carried.
 */
export function producerParameters(section: MediaSection, router: RouterCapabilities): AcceptedSending {
  const [codec, known] = chooseCodec(section, router);
  const headerExtensions = section.headerExtensions.filter(
    ({ uri, direction }) =>
      direction !== 'recvonly' &&
      direction !== 'inactive' &&
      router.headerExtensions.some(
        (one) => one.kind === section.kind && one.uri === uri && one.direction !== 'sendonly',
      ),
  );
  const chosen = { ...codec, rtcpFeedback: sharedFeedback(codec, known) };
  const rtx = retransmission(section, codec, headerExtensions);
  const codecs = rtx ? [chosen, rtx] : [chosen];
  return { codecs, headerExtensions, producers: producersOf(section, codecs, headerExtensions) };
}

function producersOf(section: MediaSection, codecs: SdpCodec[], headerExtensions: HeaderExtension[]): WantedProducer[] {
  const cname = section.ssrcs.find((one) => one.cname !== undefined)?.cname;
  const shared = {
    codecs: codecs.map((codec) => ({ ...codec, parameters: { ...codec.parameters, ...toldProfile(codec) } })),
    headerExtensions: headerExtensions.map(({ id, uri }) => ({ id, uri, encrypt: false, parameters: {} })),
    rtcp: { ...(cname === undefined ? {} : { cname }), reducedSize: true },
  };
  const has = (uri: string) => headerExtensions.some((one) => one.uri === uri);
  if (section.simulcastSend.length > 0) {
    if (section.kind === 'audio') throw new Refusal('unsupported', 'simulcast is for video: send audio once');
    if (!has(sdesRid)) {
      throw new Refusal(
        'unsupported',
        `the layers of simulcast are told apart by the header extension ${sdesRid}: offer it`,
      );
    }
    // No mid: mediasoup finds the Producer of each layer by its rid alone.
    return section.simulcastSend.map((rid, order) => ({
      rtpParameters: { ...shared, encodings: [{ rid }] },
      layer: { rid, order },
    }));
  }
  const ssrc = primarySsrc(section);
  if (ssrc === undefined && !has(sdesMid)) {
    throw new Refusal(
      'unsupported',
      `nothing tells whose packets are those of the ${section.kind}: offer a=ssrc or the header extension ${sdesMid}`,
    );
  }
  const rtxSsrc = section.rtxSsrcs.find((pair) => pair.ssrc === ssrc)?.rtxSsrc;
  const encoding = {
    ...(ssrc === undefined ? {} : { ssrc }),
    ...(ssrc === undefined || rtxSsrc === undefined || codecs.length === 1 ? {} : { rtx: { ssrc: rtxSsrc } }),
    ...(String(codecs[0]!.parameters.usedtx ?? '') === '1' ? { dtx: true } : {}),
  };
  return [{ rtpParameters: { mid: section.mid, ...shared, encodings: [encoding] } }];
}

/** The media stream's own: the first that is nobody's retransmission. */
function primarySsrc({ ssrcs, rtxSsrcs }: MediaSection): number | undefined {
  return ssrcs.find(({ ssrc }) => !rtxSsrcs.some(({ rtxSsrc }) => rtxSsrc === ssrc))?.ssrc;
}

/** RTX of the chosen codec, where its packets can be recognised: by their ssrc, or by their repaired rid or mid. */
function retransmission(
  section: MediaSection,
  codec: SdpCodec,
  headerExtensions: HeaderExtension[],
): SdpCodec | undefined {
  const rtx = section.codecs.find((one) => isRtx(one) && one.parameters.apt === codec.payloadType);
  if (!rtx) return undefined;
  const ssrc = primarySsrc(section);
  const byRid = headerExtensions.some(({ uri }) => uri === sdesRepairedRid);
  const isKnown =
    section.simulcastSend.length > 0
      ? byRid
      : ssrc === undefined || section.rtxSsrcs.some((pair) => pair.ssrc === ssrc);
  // mediasoup refuses an RTX codec with feedback of its own.
  return isKnown ? { ...rtx, rtcpFeedback: [] } : undefined;
}

export const isRtx = ({ mimeType }: { mimeType: string }): boolean => /\/rtx$/i.test(mimeType);

function sharedFeedback(codec: SdpCodec, known: RouterCodec): SdpCodec['rtcpFeedback'] {
  return codec.rtcpFeedback.filter((offered) =>
    known.rtcpFeedback.some((one) => one.type === offered.type && (one.parameter || undefined) === offered.parameter),
  );
}

function chooseCodec(section: MediaSection, router: RouterCapabilities): [SdpCodec, RouterCodec] {
  for (const codec of section.codecs) {
    const known = isRtx(codec) ? undefined : router.codecs.find((one) => isSameCodec(codec, one));
    if (known) return [codec, known];
  }
  throw new Refusal('unsupported', whyNoCodec(section, router));
}

/** mediasoup's rule for a Producer's codec (ortc.ts, `matchCodecs` with `strict`). */
export function isSameCodec(offered: SdpCodec, known: RouterCodec): boolean {
  const mimeType = offered.mimeType.toLowerCase();
  if (mimeType !== known.mimeType.toLowerCase() || offered.clockRate !== known.clockRate) return false;
  if (mimeType.startsWith('audio/') && (offered.channels ?? 1) !== (known.channels ?? 1)) return false;
  const [mine, its] = [offered.parameters, known.parameters];
  const same = (name: string) => (mine[name] ?? 0) === (its[name] ?? 0);
  if (mimeType === 'video/h264') return same('packetization-mode') && isSameProfile(profileOf(mine), profileOf(its));
  if (mimeType === 'video/vp9') return same('profile-id');
  return true;
}

/**
 * What viewers' decoders are asked for, whatever the encoder says: Chromium offers no High, though it decodes it, and
 * mediasoup compares profiles by the letter. OBS does the same in its offer, and so do our Sources.
 */
const toldProfile = ({ mimeType }: SdpCodec) =>
  mimeType.toLowerCase() === 'video/h264' ? { 'profile-level-id': '42e01f' } : {};

/**
 * Of the profiles that Routers have, the one whose decoders take this: Baseline's own tools (FMO, ASO) are in no encoder
 * of today, and Constrained High is a part of High (ITU-T H.264 A.2.4.2).
 */
function profileOf(parameters: Record<string, unknown>): { 'profile-level-id'?: string } {
  const id = parameters['profile-level-id'];
  if (typeof id !== 'string') return {};
  return { 'profile-level-id': id.toLowerCase().replace(/^4200/, '42e0').replace(/^640c/, '6400') };
}

function whyNoCodec({ kind, codecs }: MediaSection, router: RouterCapabilities): string {
  const names = (list: { mimeType: string }[]) => [
    ...new Set(list.filter((one) => !isRtx(one)).map(({ mimeType }) => mimeType.split('/')[1]!)),
  ];
  const offered = names(codecs);
  if (offered.some((name) => /^(h265|hevc)$/i.test(name))) {
    return (
      'HEVC (H.265) can’t be carried to browsers: in OBS, choose an H.264 encoder (x264 or NVENC H.264) or AV1 in ' +
      'Settings → Output → Video Encoder; elsewhere, send H264, VP8, VP9 or AV1'
    );
  }
  const carried = names(router.codecs.filter(({ mimeType }) => mimeType.startsWith(`${kind}/`))).join(', ');
  const h264 = codecs.find(({ mimeType }) => /\/h264$/i.test(mimeType));
  if (h264 && offered.length === 1) {
    const { 'profile-level-id': profile = 'none', 'packetization-mode': mode = 0 } = h264.parameters;
    return (
      `this H264 (profile-level-id ${profile}, packetization-mode ${mode}) can’t be carried: ` +
      'send the profile baseline, main or high with packetization-mode=1'
    );
  }
  const what = offered.length === 0 ? 'names no codec' : `has ${offered.slice(0, 8).join(', ')} only`;
  return `the ${kind} section ${what}; of ${kind}, this server carries ${carried}`;
}
