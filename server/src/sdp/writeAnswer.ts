import { randomInt } from 'node:crypto';
import { write } from 'sdp-transform';
import { z } from 'zod';
import { type Opaque, parseOrRefuse } from '../protocol/index.ts';
import type { Direction, HeaderExtension, Offer, SdpCodec } from './offer.ts';

/** As far as an answer needs mediasoup's TransportOptions. */
export const sfuTransportSchema = z.object({
  id: z.string(),
  iceParameters: z.object({ usernameFragment: z.string(), password: z.string() }),
  iceCandidates: z.array(
    z.object({
      foundation: z.string(),
      priority: z.number(),
      address: z.string().optional(),
      ip: z.string(),
      protocol: z.enum(['udp', 'tcp']),
      port: z.number(),
      type: z.string(),
      tcpType: z.string().optional(),
    }),
  ),
  dtlsParameters: z.object({ fingerprints: z.array(z.object({ algorithm: z.string(), value: z.string() })) }),
});
export type SfuTransport = z.infer<typeof sfuTransportSchema>;

export const readSfuTransport = (transport: Opaque): SfuTransport =>
  parseOrRefuse(sfuTransportSchema, transport, 'the transport of the sfu');

/** One section of the offer that is taken. */
export interface AnsweredSection {
  mid: string;
  direction: Direction;
  codecs: SdpCodec[];
  headerExtensions: HeaderExtension[];
  /** rids of a simulcast that we receive, all of those offered. */
  simulcastReceive?: string[];
  /** What we send, for a section that the other side receives. */
  sends?: { ssrc: number; rtxSsrc?: number; cname: string; msid: string };
  /** Only of an application section. */
  sctp?: {
    port: number;
    maxMessageSize: number;
    /** Values of `a=dcmap` (RFC 8864), for channels that nobody opens by DCEP. */
    channels?: string[];
  };
}

/**
 * The SDP answer of an ICE-lite server that waits for DTLS. m-lines stand in the order of the offer; those not in
 * `accepted` have port 0 (RFC 3264 section 6). The first accepted section of the BUNDLE carries the candidates
 * (RFC 9143 section 7.3); they are all there are, hence end-of-candidates.
 */
export function writeAnswer(offer: Offer, transport: SfuTransport, accepted: AnsweredSection[]): string {
  const taken = new Map(accepted.map((section) => [section.mid, section]));
  const bundle = offer.bundle.filter((mid) => taken.has(mid));
  const candidates = transport.iceCandidates.map(candidateOf);
  const { usernameFragment, password } = transport.iceParameters;
  const { algorithm, value } =
    transport.dtlsParameters.fingerprints.find((one) => one.algorithm === 'sha-256') ??
    transport.dtlsParameters.fingerprints[0]!;
  const media = offer.sections.map((section) => {
    const answered = taken.get(section.mid);
    if (!answered) {
      const payloads = section.formats[0]!;
      return { ...lineOf(section.kind, section.protocol, payloads), port: 0, mid: section.mid, direction: 'inactive' };
    }
    const isOwner = section.mid === bundle[0];
    return {
      ...lineOf(section.kind, section.protocol, payloadsOf(answered, section.formats)),
      port: 9,
      mid: section.mid,
      iceUfrag: usernameFragment,
      icePwd: password,
      fingerprint: { type: algorithm, hash: value },
      // Whoever offers to be the server of DTLS gets a client; everybody else dials us (RFC 8842 section 5.3).
      setup: offer.transport.setup === 'passive' ? 'active' : 'passive',
      ...(isOwner ? { candidates, endOfCandidates: 'end-of-candidates' } : {}),
      ...(section.kind === 'application' ? sctpOf(answered) : rtpOf(answered)),
    };
  });
  return write({
    version: 0,
    origin: { username: '-', sessionId: sessionId(), sessionVersion: 1, netType: 'IN', ipVer: 4, address: '127.0.0.1' },
    name: '-',
    timing: { start: 0, stop: 0 },
    icelite: 'ice-lite',
    groups: [{ type: 'BUNDLE', mids: bundle.join(' ') }],
    msidSemantic: { semantic: 'WMS', token: '*' },
    media: media as never,
  });
}

/** The DTLS role of the other side, as mediasoup's `connect` wants it. */
export const remoteDtlsRole = (offer: Offer): 'client' | 'server' =>
  offer.transport.setup === 'passive' ? 'server' : 'client';

const lineOf = (type: string, protocol: string, payloads: string) => ({
  type,
  protocol,
  payloads,
  connection: { version: 4, ip: '127.0.0.1' },
  rtp: [],
  fmtp: [],
});

const payloadsOf = ({ codecs }: AnsweredSection, formats: string[]) =>
  codecs.length === 0 ? formats[0]! : codecs.map(({ payloadType }) => payloadType).join(' ');

function rtpOf(section: AnsweredSection) {
  const { codecs, headerExtensions, direction, simulcastReceive, sends } = section;
  return {
    direction,
    rtp: codecs.map(({ payloadType: payload, mimeType, clockRate: rate, channels }) => ({
      payload,
      codec: mimeType.split('/')[1]!,
      rate,
      ...(channels !== undefined && channels > 1 ? { encoding: channels } : {}),
    })),
    fmtp: codecs.flatMap(({ payloadType: payload, parameters }) => {
      const config = Object.entries(parameters).map(([name, value]) => `${name}=${value}`);
      return config.length === 0 ? [] : [{ payload, config: config.join(';') }];
    }),
    rtcpFb: codecs.flatMap(({ payloadType: payload, rtcpFeedback }) =>
      rtcpFeedback.map(({ type, parameter }) => ({ payload, type, ...(parameter ? { subtype: parameter } : {}) })),
    ),
    ext: headerExtensions.map(({ id, uri }) => ({ value: id, uri })),
    rtcpMux: 'rtcp-mux',
    rtcpRsize: 'rtcp-rsize',
    // RFC 9725 section 4.4.1; sdp-transform has no name for it and writes it as it is.
    invalid: [{ value: 'rtcp-mux-only' }],
    ...(simulcastReceive && simulcastReceive.length > 0 ? simulcastOf(simulcastReceive) : {}),
    ...(sends ? sendingOf(sends) : {}),
  };
}

const simulcastOf = (rids: string[]) => ({
  rids: rids.map((id) => ({ id, direction: 'recv' })),
  simulcast: { dir1: 'recv', list1: rids.join(';') },
});

function sendingOf({ ssrc, rtxSsrc, cname, msid }: NonNullable<AnsweredSection['sends']>) {
  const ssrcs = rtxSsrc === undefined ? [ssrc] : [ssrc, rtxSsrc];
  const [id, appdata] = msid.split(' ');
  return {
    msid: [{ id, appdata }],
    ssrcs: ssrcs.flatMap((one) => [
      { id: one, attribute: 'cname', value: cname },
      { id: one, attribute: 'msid', value: msid },
    ]),
    ...(rtxSsrc === undefined ? {} : { ssrcGroups: [{ semantics: 'FID', ssrcs: `${ssrc} ${rtxSsrc}` }] }),
  };
}

const sctpOf = ({ sctp }: AnsweredSection) => ({
  sctpPort: sctp?.port ?? 5_000,
  maxMessageSize: sctp?.maxMessageSize ?? 262_144,
  // sdp-transform has no name for it, and writes what it calls invalid as it is.
  invalid: (sctp?.channels ?? []).map((channel) => ({ value: `dcmap:${channel}` })),
});

function candidateOf(candidate: SfuTransport['iceCandidates'][number]) {
  const { foundation, priority, address, ip, protocol, port, type, tcpType } = candidate;
  return {
    foundation,
    component: 1,
    transport: protocol,
    priority,
    ip: address ?? ip,
    port,
    type,
    ...(tcpType === undefined ? {} : { tcptype: tcpType }),
  };
}

/** RFC 9429 section 5.2.1: a random number below 2^63; 48 bits are enough. */
const sessionId = (): string => String(randomInt(2 ** 47, 2 ** 48 - 1));
