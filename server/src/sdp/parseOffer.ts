import { parseOrRefuse, Refusal } from '../protocol/index.ts';
import { type Direction, type MediaSection, type Offer, offerSchema, type SdpCodec } from './offer.ts';
import { excerpt, type ReadMedia, type ReadSdp, readSdp } from './readSdp.ts';

/** SDP offer (RFC 8866, JSEP's profile of it) into an Offer. Throws nothing but a Refusal, which names what is wrong. */
export function parseOffer(text: string): Offer {
  const sdp = readSdp(text);
  if (!/^v=0\r?\n/.test(text)) throw new Refusal('badRequest', 'an SDP begins with v=0');
  if (sdp.media.length === 0) throw new Refusal('badRequest', 'the offer has no media section (m=…)');
  const sections = sdp.media.map((media) => readSection(media, sdp.direction));
  const mids = sections.map(({ mid }) => mid);
  const twice = mids.find((mid, index) => mids.indexOf(mid) !== index);
  if (twice !== undefined) throw new Refusal('badRequest', `two media sections have the mid ${excerpt(twice)}`);
  const bundle = bundleOf(sdp, sections);
  const owner = sdp.media[mids.indexOf(bundle[0]!)]!;
  return parseOrRefuse(offerSchema, { bundle, transport: transportOf(sdp, owner), sections }, 'the offer');
}

/** The mids that share a transport: all of those in use must, as RFC 9725 section 4.2 asks. */
function bundleOf(sdp: ReadSdp, sections: MediaSection[]): string[] {
  const groups = (sdp.groups ?? []).filter(({ type }) => type === 'BUNDLE');
  const inUse = sections.filter(({ disabled }) => !disabled).map(({ mid }) => mid);
  if (inUse.length === 0) throw new Refusal('unsupported', 'every media section of the offer is turned off (port 0)');
  const mids = String(groups[0]?.mids ?? '')
    .split(' ')
    .filter((mid) => inUse.includes(mid));
  // One section needs no group to be on one transport.
  if (groups.length === 0 && inUse.length === 1) return inUse;
  const apart = inUse.find((mid) => !mids.includes(mid));
  if (groups.length > 1 || apart !== undefined || new Set(mids).size !== mids.length) {
    throw new Refusal('unsupported', `all media sections must be in one group: a=group:BUNDLE ${inUse.join(' ')}`);
  }
  return mids;
}

/** The BUNDLE owner's ICE and DTLS attributes, else the session's. */
function transportOf(sdp: ReadSdp, owner: ReadMedia): unknown {
  const iceUfrag = owner.iceUfrag ?? sdp.iceUfrag;
  const icePwd = owner.icePwd ?? sdp.icePwd;
  if (iceUfrag === undefined || icePwd === undefined) {
    throw new Refusal('badRequest', 'the offer has no ICE credentials (a=ice-ufrag and a=ice-pwd)');
  }
  if (sdp.icelite !== undefined) {
    throw new Refusal('unsupported', 'the offer says a=ice-lite: one side must be a full ICE agent, and we are not');
  }
  const fingerprints = fingerprintsOf(owner) ?? fingerprintsOf(sdp);
  if (!fingerprints) throw new Refusal('badRequest', 'the offer has no DTLS fingerprint (a=fingerprint)');
  const setup = owner.setup ?? sdp.setup;
  if (setup === undefined) throw new Refusal('badRequest', 'the offer does not say who begins DTLS (a=setup:actpass)');
  return { iceUfrag: String(iceUfrag), icePwd: String(icePwd), fingerprints, setup };
}

function fingerprintsOf(part: ReadSdp | ReadMedia) {
  // sdp-transform keeps the last one where there are several; one is enough.
  if (!part.fingerprint) return undefined;
  const { type, hash } = part.fingerprint;
  return [{ algorithm: String(type).toLowerCase(), value: String(hash).toUpperCase() }];
}

function readSection(media: ReadMedia, sessionDirection: Direction | undefined): MediaSection {
  if (media.mid === undefined || String(media.mid) === '') {
    throw new Refusal('badRequest', `the ${excerpt(media.type)} section of the offer has no a=mid`);
  }
  const formats = String(media.payloads ?? '')
    .split(' ')
    .filter((format) => format !== '');
  const bundleOnly = (media as { bundleOnly?: string }).bundleOnly !== undefined;
  const { type: kind, port, protocol } = media;
  if (kind !== 'audio' && kind !== 'video' && kind !== 'application') {
    throw new Refusal('unsupported', `a section of the type ${excerpt(String(kind))} can't be carried: leave it out`);
  }
  const isMedia = kind !== 'application';
  const disabled = port === 0 && !bundleOnly;
  if (isMedia && !disabled && media.rtcpMux === undefined) {
    throw new Refusal('unsupported', `RTP and RTCP of the ${kind} must share the one port: offer a=rtcp-mux`);
  }
  // The whole is checked against offerSchema once; here it is only put in form.
  return {
    mid: String(media.mid),
    kind,
    port,
    protocol,
    formats,
    direction: media.direction ?? sessionDirection ?? 'sendrecv',
    disabled,
    rtcpMux: media.rtcpMux !== undefined,
    codecs: isMedia ? codecsOf(media, formats) : [],
    headerExtensions: isMedia ? headerExtensionsOf(media) : [],
    ...ssrcsOf(media),
    ...(media.msid === undefined ? {} : { msid: String(media.msid) }),
    simulcastSend: simulcastOf(media),
    ...numberOr('sctpPort', (media as { sctpPort?: unknown }).sctpPort),
    ...numberOr('maxMessageSize', (media as { maxMessageSize?: unknown }).maxMessageSize),
  };
}

const numberOr = (name: string, value: unknown) => (value === undefined ? {} : { [name]: value });

function codecsOf(media: ReadMedia, formats: string[]): SdpCodec[] {
  const wrong = formats.find((format) => !/^(\d|\d\d|1[01]\d|12[0-7])$/.test(format));
  if (wrong !== undefined) throw new Refusal('badRequest', `${excerpt(wrong)} is no payload type (0 to 127)`);
  if (new Set(formats).size !== formats.length) {
    throw new Refusal('badRequest', `the ${media.type} section names a payload type twice`);
  }
  const maps = new Map<number, (typeof media.rtp)[number]>();
  for (const map of media.rtp) {
    if (maps.has(map.payload)) throw new Refusal('badRequest', `payload type ${map.payload} has two a=rtpmap`);
    if (!formats.includes(String(map.payload))) {
      throw new Refusal('badRequest', `a=rtpmap:${map.payload} is not in the m-line of its ${media.type} section`);
    }
    maps.set(map.payload, map);
  }
  const fmtps = new Map(media.fmtp.map(({ payload, config }) => [Number(payload), String(config)]));
  return formats.flatMap((format) => {
    const payloadType = Number(format);
    const map = maps.get(payloadType);
    // A static payload type (G.711 and such) without a name: nothing we carry.
    if (!map) return [];
    const channels = media.type === 'audio' ? Number(map.encoding ?? 1) : undefined;
    return [
      {
        payloadType,
        mimeType: `${media.type}/${map.codec}`,
        clockRate: Number(map.rate),
        ...(channels === undefined ? {} : { channels }),
        parameters: parametersOf(fmtps.get(payloadType) ?? ''),
        rtcpFeedback: feedbackOf(media, payloadType),
      },
    ];
  });
}

/** `profile-level-id=42e01f;packetization-mode=1`; entries without a name (`111/111` of RED) are not ours. */
function parametersOf(config: string): SdpCodec['parameters'] {
  const parameters: [string, string | number][] = [];
  for (const entry of config.split(';', 64)) {
    const [, name, value] = /^\s*([A-Za-z][A-Za-z0-9.-]{0,63})=\s*(.*?)\s*$/.exec(entry) ?? [];
    if (name === undefined || value === undefined) continue;
    const isNumber = /^-?(0|[1-9]\d{0,8})$/.test(value) && name.toLowerCase() !== 'profile-level-id';
    parameters.push([name.toLowerCase(), isNumber ? Number(value) : value]);
  }
  return Object.fromEntries(parameters);
}

function feedbackOf(media: ReadMedia, payloadType: number): SdpCodec['rtcpFeedback'] {
  return (media.rtcpFb ?? [])
    .filter(({ payload }) => String(payload) === '*' || Number(payload) === payloadType)
    .map(({ type, subtype }) => ({
      type: String(type),
      ...(subtype === undefined ? {} : { parameter: String(subtype) }),
    }));
}

function headerExtensionsOf(media: ReadMedia): MediaSection['headerExtensions'] {
  const all = (media.ext ?? []).map(({ value, direction, uri }) => ({
    id: Number(value),
    uri: String(uri),
    ...(direction === undefined ? {} : { direction: direction as MediaSection['direction'] }),
  }));
  const ids = all.map(({ id }) => id);
  if (new Set(ids).size !== ids.length) {
    throw new Refusal('badRequest', `the ${media.type} section uses the id of a header extension (a=extmap) twice`);
  }
  return all;
}

function ssrcsOf(media: ReadMedia): Pick<MediaSection, 'ssrcs' | 'rtxSsrcs'> {
  const cnames = new Map<number, string | undefined>();
  for (const { id, attribute, value } of media.ssrcs ?? []) {
    const ssrc = Number(id);
    cnames.set(ssrc, attribute === 'cname' ? String(value) : cnames.get(ssrc));
  }
  const pairs = (media.ssrcGroups ?? []).filter(({ semantics }) => semantics === 'FID');
  return {
    ssrcs: [...cnames].map(([ssrc, cname]) => ({ ssrc, ...(cname === undefined ? {} : { cname }) })),
    rtxSsrcs: pairs.map(({ ssrcs }) => {
      const [ssrc, rtxSsrc, ...more] = String(ssrcs).trim().split(' ').map(Number);
      if (ssrc === undefined || rtxSsrc === undefined || more.length > 0) {
        throw new Refusal('badRequest', 'a=ssrc-group:FID names a stream and its retransmission');
      }
      return { ssrc, rtxSsrc };
    }),
  };
}

/**
 * rids of `a=simulcast:send`, the alternatives of one layer (`1,2`) reduced to their first and the paused ones (`~2`) taken
 * as any other (RFC 8853 section 5.1). Each needs its `a=rid:… send`.
 */
function simulcastOf(media: ReadMedia): string[] {
  const { simulcast } = media;
  if (!simulcast) return [];
  const list = simulcast.dir1 === 'send' ? simulcast.list1 : simulcast.dir2 === 'send' ? simulcast.list2 : undefined;
  if (list === undefined) return [];
  const layers = String(list)
    .replaceAll('~', '')
    .split(';')
    .map((layer) => layer.split(','));
  const named = layers.flat();
  const rids = layers.map(([first]) => first!);
  if (new Set(named).size !== named.length) throw new Refusal('badRequest', 'a=simulcast names a layer twice');
  const described = new Set(
    (media.rids ?? []).filter(({ direction }) => direction === 'send').map(({ id }) => String(id)),
  );
  const missing = rids.find((rid) => !described.has(rid));
  if (missing !== undefined) throw new Refusal('badRequest', `the layer ${excerpt(missing)} has no a=rid:… send`);
  // One layer is no simulcast.
  return rids.length > 1 ? rids : [];
}
