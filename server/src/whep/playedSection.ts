import { z } from 'zod';
import { detectionChannel, type Opaque, parseOrRefuse } from '../protocol/index.ts';
import type { MediaSection } from '../sdp/offer.ts';
import type { AnsweredSection } from '../sdp/writeAnswer.ts';
import type { PlayedMedia } from './acceptPlaying.ts';

/** As far as an answer needs mediasoup's Consumer. */
export const consumerSchema = z.object({
  id: z.string(),
  rtpParameters: z.object({
    codecs: z
      .array(
        z.object({
          payloadType: z.number(),
          rtcpFeedback: z.array(z.object({ type: z.string(), parameter: z.string().optional() })).default([]),
        }),
      )
      .min(1),
    headerExtensions: z.array(z.object({ id: z.number(), uri: z.string() })).default([]),
    encodings: z.array(z.object({ ssrc: z.number() })).min(1),
    rtcp: z.object({ cname: z.string().optional() }).default({}),
  }),
});
export type SfuConsumer = z.infer<typeof consumerSchema>;

/** The answer's section for one Consumer: the codec as it was offered, and the ssrc that its packets have. */
export function playedSection(
  { section, codec }: PlayedMedia,
  { id, rtpParameters }: SfuConsumer,
  streamId: string,
): AnsweredSection {
  const [sent] = rtpParameters.codecs;
  if (sent!.payloadType !== codec.payloadType) throw new Error('the sfu sends another payload type than was offered');
  const rtcpFeedback = sent!.rtcpFeedback.map(({ type, parameter }) => ({ type, ...(parameter ? { parameter } : {}) }));
  return {
    mid: section.mid,
    direction: 'sendonly',
    codecs: [{ ...codec, rtcpFeedback }],
    // mediasoup kept those whose id is its own: it can't be told another.
    headerExtensions: rtpParameters.headerExtensions.map(({ id: extensionId, uri }) => ({ id: extensionId, uri })),
    sends: {
      ssrc: rtpParameters.encodings[0]!.ssrc,
      cname: rtpParameters.rtcp.cname ?? streamId,
      // One MediaStream for all tracks (draft-ietf-wish-whep-03, Single MediaStream).
      msid: `${streamId} ${id}`,
    },
  };
}

/** Nothing is sent in this section, as JSEP answers where it has nothing to send (RFC 9429 section 5.3.1). */
export function idleSection({ mid, codecs }: MediaSection): AnsweredSection[] {
  const [codec] = codecs;
  return codec ? [{ mid, direction: 'inactive', codecs: [{ ...codec, rtcpFeedback: [] }], headerExtensions: [] }] : [];
}

const dataConsumerSchema = z.object({ sctpStreamParameters: z.object({ streamId: z.number().int().min(0) }) });

/**
 * mediasoup speaks no DCEP (RFC 8832), so no channel opens by itself: the player makes its end with `negotiated: true` and
 * the id that `a=dcmap` tells (RFC 8864 section 5.1), which is 0 in practice.
 */
export function detectionsSection({ mid }: MediaSection, dataConsumer: Opaque): AnsweredSection {
  const { sctpStreamParameters } = parseOrRefuse(dataConsumerSchema, dataConsumer, 'the DataConsumer of the sfu');
  const { label, protocol } = detectionChannel;
  return {
    mid,
    direction: 'sendonly',
    codecs: [],
    headerExtensions: [],
    sctp: {
      port: 5_000,
      maxMessageSize: 16 * 1024,
      channels: [
        `${sctpStreamParameters.streamId} label="${label}";subprotocol="${protocol}";ordered=false;max-retr=0`,
      ],
    },
  };
}
