import { type MediaKind, type Opaque, type ProducerView, type PublicationView, Refusal } from '../protocol/index.ts';
import type { MediaSection, Offer, SdpCodec } from '../sdp/offer.ts';
import { isRtx, isSameCodec, type RouterCodec } from '../sdp/producerParameters.ts';
import { checkNamingExtensions } from './whepExtensions.ts';

/** A section of the offer and what it will play. */
export interface PlayedMedia {
  section: MediaSection;
  producer: ProducerView;
  /** The offered codec that decodes it. */
  codec: SdpCodec;
}

export interface Playing {
  media: PlayedMedia[];
  /** Sections of a kind that is not published. */
  idle: MediaSection[];
  /** The section that takes the data channel. */
  detections?: MediaSection;
}

/** SCTP's port in an offer; mediasoup uses no other on either side. */
const sctpPort = 5_000;
const usableFeedback = new Set(['nack', 'nack pli', 'ccm fir', 'goog-remb', 'transport-cc']);

/**
 * What an offer can play of a Publication: at most one audio, one video and one data channel, as the WHEP draft has it
 * (draft-ietf-wish-whep-03, Media Direction Attributes and Single MediaStream). A section whose kind is not published
 * stays idle; a kind that is published in a codec that the offer lacks is refused, since a black picture would explain
 * nothing.
 */
export function acceptPlaying(offer: Offer, publication: PublicationView): Playing {
  const sections = offer.sections.filter(({ disabled }) => !disabled);
  for (const { kind, direction } of sections) {
    const twins = sections.filter((one) => one.kind === kind).length;
    if (twins > 1) throw new Refusal('unsupported', `the offer has ${twins} ${kind} sections: a player has one`);
    if (kind !== 'application' && (direction === 'sendonly' || direction === 'inactive')) {
      throw new Refusal('unsupported', `the ${kind} section is ${direction}: WHEP plays, so offer a=recvonly`);
    }
  }
  const media = sections.flatMap((section): PlayedMedia[] => {
    if (section.kind === 'application') return [];
    const producer = producerOf(publication, section.kind);
    return producer ? [{ section, producer, codec: chooseCodec(section, producer) }] : [];
  });
  const detections = sections.find(({ kind }) => kind === 'application');
  if (detections) checkDataChannel(detections);
  if (media.length === 0 && !detections) {
    const [offered, published] = [sections, publication.producers].map((all) =>
      all.map(({ kind }) => kind).join(' and '),
    );
    throw new Refusal('unsupported', `the offer has ${offered} only, and this Stream has ${published} just now`);
  }
  checkNamingExtensions(
    sections,
    media.map(({ producer }) => producer.kind),
  );
  const idle = sections.filter(
    ({ kind, mid }) => kind !== 'application' && !media.some((one) => one.section.mid === mid),
  );
  return { media, idle, ...(detections ? { detections } : {}) };
}

/** Of simulcast layers the analysed one: the largest that flows, and the one whose timestamps detections carry. */
function producerOf({ producers, analysedProducerId }: PublicationView, kind: MediaKind): ProducerView | undefined {
  const ofKind = producers.filter((one) => one.kind === kind);
  return ofKind.find(({ id }) => id === analysedProducerId) ?? ofKind[0];
}

function chooseCodec({ kind, codecs }: MediaSection, producer: ProducerView): SdpCodec {
  const published = publishedCodec(producer);
  const codec = codecs.find((one) => isSameCodec(one, published));
  if (codec) return codec;
  const name = (mimeType: string): string => mimeType.split('/')[1]!;
  const offered = [...new Set(codecs.filter((one) => !isRtx(one)).map(({ mimeType }) => name(mimeType)))];
  const profile = producer.profile === undefined ? '' : ` (profile ${producer.profile})`;
  throw new Refusal(
    'unsupported',
    `this Stream's ${kind} is ${name(producer.mimeType)}${profile}; the offer takes ` +
      `${offered.length === 0 ? 'no codec' : `${offered.slice(0, 8).join(', ')} in other profiles or only`}: ` +
      'publish in a codec that this player has',
  );
}

/** What a Router makes of the Producer's codec, as far as codecs are compared by. */
function publishedCodec({ kind, mimeType, profile }: ProducerView): RouterCodec {
  const common = kind === 'audio' ? { clockRate: 48_000, channels: 2 } : { clockRate: 90_000 };
  const parameters = /\/h264$/i.test(mimeType)
    ? { 'packetization-mode': 1, ...(profile === undefined ? {} : { 'profile-level-id': profile }) }
    : /\/vp9$/i.test(mimeType)
      ? { 'profile-id': Number(profile ?? 0) }
      : {};
  return { mimeType, ...common, parameters, rtcpFeedback: [] };
}

function checkDataChannel({ protocol, formats, sctpPort: port }: MediaSection): void {
  if (!/^(UDP|TCP)\/DTLS\/SCTP$/.test(protocol) || formats[0] !== 'webrtc-datachannel') {
    throw new Refusal('unsupported', 'm=application carries data channels here: UDP/DTLS/SCTP webrtc-datachannel');
  }
  if (port !== undefined && port !== sctpPort) {
    throw new Refusal('unsupported', `the data channel uses a=sctp-port:${sctpPort} here`);
  }
}

/** mediasoup's RtpCodecCapability, for `createTransport`: the payload types are the offer's. */
export function chosenCodecs(media: PlayedMedia[]): Opaque[] {
  return media.map((one) => capabilityOf(one));
}

/** mediasoup's RtpCapabilities of one section. RTX is not among them: NACK is answered with the packet itself. */
export function playingCapabilities(media: PlayedMedia): Opaque {
  const { section } = media;
  return {
    codecs: [capabilityOf(media)],
    headerExtensions: section.headerExtensions
      .filter(({ direction }) => direction === undefined || direction === 'sendrecv' || direction === 'recvonly')
      .map(({ id, uri }) => ({ kind: section.kind, uri, preferredId: id })),
  };
}

/** With the profile of the Producer: mediasoup compares them by the letter. */
function capabilityOf({ section: { kind }, codec, producer }: PlayedMedia): Opaque {
  const { mimeType, clockRate, channels, payloadType: preferredPayloadType } = codec;
  const parameters = { ...codec.parameters, ...publishedCodec(producer).parameters };
  const rtcpFeedback = codec.rtcpFeedback.filter(({ type, parameter }) =>
    usableFeedback.has(parameter === undefined ? type : `${type} ${parameter}`),
  );
  const optional = channels === undefined ? {} : { channels };
  return { kind, mimeType, clockRate, ...optional, parameters, rtcpFeedback, preferredPayloadType };
}
