import fc from 'fast-check';
import { expect, it } from 'vitest';
import { browserOffer, ffmpegOffer, obsOffer } from '../../test/sdpOffers.ts';
import { Refusal } from '../protocol/index.ts';
import { parseOffer } from './parseOffer.ts';

const seed = 20_261_121;

it('reads what OBS offers', () => {
  const offer = parseOffer(obsOffer({ rids: ['0', '1', '2'] }));
  expect(offer.bundle).toEqual(['0', '1']);
  expect(offer.transport).toMatchObject({ iceUfrag: 'Rt5Y', icePwd: '2Wq8h6GCc3S1d7f0pXv9Za', setup: 'actpass' });
  expect(offer.transport.fingerprints[0]).toMatchObject({ algorithm: 'sha-256' });
  const [audio, video] = offer.sections;
  expect(audio).toMatchObject({ mid: '0', kind: 'audio', direction: 'sendonly', rtcpMux: true, disabled: false });
  expect(audio!.codecs).toEqual([
    expect.objectContaining({ payloadType: 111, mimeType: 'audio/opus', clockRate: 48_000, channels: 2 }),
  ]);
  expect(video!.codecs[0]).toEqual({
    payloadType: 96,
    mimeType: 'video/H264',
    clockRate: 90_000,
    parameters: { 'profile-level-id': '42e01f', 'packetization-mode': 1, 'level-asymmetry-allowed': 1 },
    rtcpFeedback: [{ type: 'nack' }, { type: 'nack', parameter: 'pli' }, { type: 'goog-remb' }],
  });
  expect(video!.ssrcs).toEqual([{ ssrc: 3_210_000_001, cname: 'obsCname12345678' }]);
  expect(video!.simulcastSend).toEqual(['0', '1', '2']);
  expect(parseOffer(obsOffer()).sections[1]!.simulcastSend).toEqual([]);
});

it('reads what browsers and FFmpeg offer', () => {
  const offer = parseOffer(browserOffer('recvonly', { dataChannel: true }));
  expect(offer.sections.map(({ kind, direction }) => [kind, direction])).toEqual([
    ['audio', 'recvonly'],
    ['video', 'recvonly'],
    ['application', 'sendrecv'],
  ]);
  expect(offer.sections[2]).toMatchObject({ sctpPort: 5_000, maxMessageSize: 262_144, protocol: 'UDP/DTLS/SCTP' });
  expect(offer.sections[1]!.codecs.map(({ mimeType }) => mimeType.slice(6))).toEqual(
    'VP8 rtx VP9 rtx H264 rtx AV1 rtx'.split(' '),
  );
  expect(offer.sections[1]!.headerExtensions).toContainEqual({ id: 4, uri: 'urn:ietf:params:rtp-hdrext:sdes:mid' });
  expect(parseOffer(browserOffer('sendonly')).sections[1]!.rtxSsrcs).toEqual([{ ssrc: 2001, rtxSsrc: 2002 }]);
  expect(parseOffer(ffmpegOffer()).transport.setup).toBe('passive');
});

it.each([
  ['an empty one', () => '', /media section|v=0/],
  ['no fingerprint', () => obsOffer().replaceAll(/a=fingerprint.*\r\n/g, ''), /no DTLS fingerprint/],
  ['no ICE credentials', () => obsOffer().replaceAll(/a=ice-pwd.*\r\n/g, ''), /no ICE credentials/],
  ['no mid', () => obsOffer().replace('a=mid:1\r\n', ''), /no a=mid/],
  ['mids that are one', () => obsOffer().replace('a=mid:1', 'a=mid:0'), /two media sections have the mid 0/],
  ['sections apart', () => obsOffer().replace('BUNDLE 0 1', 'BUNDLE 0'), /one group: a=group:BUNDLE 0 1/],
  ['a payload type of 3 digits', () => obsOffer().replaceAll(/\b96\b/g, '196'), /196 is no payload type/],
  ['a payload type of RTCP', () => obsOffer().replaceAll(/\b96\b/g, '72'), /collides with RTCP/],
  ['a candidate that is none', () => `${obsOffer()}a=candidate:1 1 udp -5 1.2.3.4 9 typ host\r\n`, /no ICE candidate/],
  ['a NUL', () => obsOffer().replace('s=-', 's=\0'), /control characters/],
  ['a lone surrogate', () => obsOffer().replace('s=-', 's=\ud800'), /control characters or is not UTF-8/],
  ['a bare carriage return', () => obsOffer().replace('s=-', 's=-\rm=video'), /control characters/],
  ['a layer without a=rid', () => obsOffer({ rids: ['0', '1'] }).replace('a=rid:1 send\r\n', ''), /layer 1 has no/],
  ['a hundred sections', () => obsOffer() + 'm=video 9 UDP/TLS/RTP/SAVPF 96\r\n'.repeat(100), /over 8 media sections/],
])('refuses %s by its name', (_, offer, words) => {
  expect(() => parseOffer(offer())).toThrow(words);
});

/** Refuses or reads; anything else is a bug. */
function survives(text: string): void {
  try {
    parseOffer(text);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    expect(error.status).toBeGreaterThanOrEqual(400);
    expect(error.status).toBeLessThan(500);
    expect(error.message.length).toBeLessThan(1_500);
  }
}

it('throws nothing but refusals at any text', { timeout: 60_000 }, () => {
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 300 }), survives), { seed });
  const pieces = `${obsOffer({ rids: ['a', 'b'] })}${browserOffer('sendonly', { dataChannel: true })}`.split('\r\n');
  const line = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...pieces) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }).map((text) => `a=${text}`) },
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 60 }), (lines) => survives(lines.join('\r\n'))),
    { seed },
  );
});

it('throws nothing but refusals at a real offer with something changed', { timeout: 60_000 }, () => {
  const offers = [obsOffer({ rids: ['0', '1'] }), browserOffer('sendonly', { dataChannel: true }), ffmpegOffer()];
  const strange = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 30 }),
    fc.constantFrom(
      '-1',
      '99999999999999999999',
      '1e9',
      'NaN',
      'Infinity',
      '__proto__',
      'constructor',
      '\r\n',
      ';',
      '=',
    ),
  );
  fc.assert(
    fc.property(fc.constantFrom(...offers), fc.nat(), fc.nat({ max: 60 }), strange, (offer, at, drop, put) => {
      const from = at % offer.length;
      survives(offer.slice(0, from) + put + offer.slice(from + drop));
    }),
    { seed, numRuns: 1_000 },
  );
});

it('keeps an fmtp parameter called __proto__ from meaning anything', () => {
  const offer = parseOffer(
    obsOffer().replace('packetization-mode=1;', 'packetization-mode=1;__proto__=1;constructor=2;'),
  );
  const { parameters } = offer.sections[1]!.codecs[0]!;
  expect(Object.getPrototypeOf(parameters)).toBe(Object.prototype);
  expect(parameters['packetization-mode']).toBe(1);
});

it.each([
  ['lines', 'a=rtpmap:96 H264/90000\r\n'.repeat(2_600)],
  ['one line', `a=simulcast:send ${'send'.repeat(16_000)}\r\n`],
  ['long lines', `a=simulcast:send ${'send'.repeat(1_000)} !\r\n`.repeat(15)],
  ['candidates', 'a=candidate:1 1 udp 2122260223 1.2.3.4 9 typ host\r\n'.repeat(1_200)],
  ['ssrcs', Array.from({ length: 1_500 }, (_, ssrc) => `a=ssrc:${ssrc + 1} cname:x\r\n`).join('')],
  ['parameters', `a=fmtp:96 ${'x=1;'.repeat(1_000)}\r\n`.repeat(15)],
  ['megabytes', 'x'.repeat(8_000_000)],
])('is through huge %s quickly', { timeout: 60_000 }, (_, more) => {
  const startedAt = performance.now();
  survives(obsOffer() + more);
  // Generous, since the machine is shared: the point is that nothing grows with the square of the input.
  expect(performance.now() - startedAt).toBeLessThan(5_000);
});
