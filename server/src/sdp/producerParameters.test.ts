import { expect, it } from 'vitest';
import { routerCapabilities } from '../../test/routerCapabilities.ts';
import { browserOffer, ffmpegOffer, obsOffer } from '../../test/sdpOffers.ts';
import type { Offer } from './offer.ts';
import { parseOffer } from './parseOffer.ts';
import { producerParameters, readRouterCapabilities } from './producerParameters.ts';
import { readSfuTransport, writeAnswer } from './writeAnswer.ts';

const router = readRouterCapabilities(routerCapabilities);
const acceptAll = (offer: Offer) =>
  offer.sections.map((section) => ({ section, ...producerParameters(section, router) }));

it('takes OBS with its payload types, and a Producer for each layer', () => {
  const [audio, video] = acceptAll(parseOffer(obsOffer()));
  expect(audio!.producers).toEqual([
    { rtpParameters: expect.objectContaining({ mid: '0', encodings: [{ ssrc: 3_210_000_000 }] }) },
  ]);
  expect(video!.producers[0]!.rtpParameters).toMatchObject({
    mid: '1',
    codecs: [{ payloadType: 96, mimeType: 'video/H264', parameters: { 'profile-level-id': '42e01f' } }],
    encodings: [{ ssrc: 3_210_000_001 }],
    rtcp: { cname: 'obsCname12345678' },
  });
  const layers = acceptAll(parseOffer(obsOffer({ rids: ['0', '1', '2'] })))[1]!.producers;
  expect(layers.map(({ layer }) => layer)).toEqual([
    { rid: '0', order: 0 },
    { rid: '1', order: 1 },
    { rid: '2', order: 2 },
  ]);
  expect(layers.map(({ rtpParameters }) => [rtpParameters.mid, rtpParameters.encodings])).toEqual([
    [undefined, [{ rid: '0' }]],
    [undefined, [{ rid: '1' }]],
    [undefined, [{ rid: '2' }]],
  ]);
});

it('takes the first codec of a browser that Routers have, with its RTX, and only shared extensions and feedback', () => {
  const video = acceptAll(parseOffer(browserOffer('sendonly')))[1]!;
  expect(video.codecs.map(({ payloadType, mimeType }) => [payloadType, mimeType])).toEqual([
    [96, 'video/VP8'],
    [97, 'video/rtx'],
  ]);
  expect(video.codecs[0]!.rtcpFeedback).toHaveLength(5);
  expect(video.headerExtensions.map(({ id }) => id)).toEqual([2, 3, 4, 10, 11]);
  expect(video.producers[0]!.rtpParameters.encodings).toEqual([{ ssrc: 2001, rtx: { ssrc: 2002 } }]);
});

it.each(['42001f', '4d0028', '640028', '640c1f'])(
  'has viewers asked for constrained baseline, and answers with %s',
  (profile) => {
    const offer = parseOffer(ffmpegOffer().replace('640028', profile));
    const video = acceptAll(offer)[1]!;
    expect(video.codecs[0]!.parameters['profile-level-id']).toBe(profile);
    expect(video.producers[0]!.rtpParameters.codecs).toMatchObject([{ parameters: { 'profile-level-id': '42e01f' } }]);
  },
);

it.each([
  ['HEVC', () => obsOffer({ codec: 'H265' }), /HEVC.*Settings → Output → Video Encoder/],
  ['H264 of a profile for studios', () => obsOffer().replace('42e01f', '7a001f'), /profile-level-id 7a001f/],
  ['H264 without packetization-mode', () => obsOffer().replace('packetization-mode=1', 'x=1'), /packetization-mode 0/],
  [
    'a codec of nobody',
    () => obsOffer().replace('H264/90000', 'Theora/90000'),
    /has Theora only; .* VP8, VP9, H264, AV1/,
  ],
  ['opus in mono', () => obsOffer().replace('opus/48000/2', 'opus/48000'), /audio section has opus only/],
  [
    'layers that nothing tells apart',
    () => obsOffer({ rids: ['0', '1'] }).replace('rtp-stream-id', 'other'),
    /told apart by the header extension/,
  ],
  ['packets of nobody', () => obsOffer().replaceAll(/a=ssrc.*\r\n|a=extmap.*\r\n/g, ''), /nothing tells whose packets/],
])('refuses %s with words for the person', (_, offer, words) => {
  expect(() => acceptAll(parseOffer(offer()))).toThrow(words);
});

const transport = readSfuTransport({
  id: 't1',
  iceParameters: { usernameFragment: 'serverUfrag', password: 'serverPasswordOf24Chars.', iceLite: true },
  iceCandidates: [
    {
      foundation: 'udpcandidate',
      priority: 1076558079,
      address: '10.0.0.1',
      ip: '10.0.0.1',
      protocol: 'udp',
      port: 40_000,
      type: 'host',
    },
    {
      foundation: 'tcpcandidate',
      priority: 1076302079,
      address: '10.0.0.1',
      ip: '10.0.0.1',
      protocol: 'tcp',
      port: 40_000,
      type: 'host',
      tcpType: 'passive',
    },
  ],
  dtlsParameters: {
    fingerprints: [
      { algorithm: 'sha-1', value: 'AA' },
      { algorithm: 'sha-256', value: 'AB:CD' },
    ],
  },
});

it('answers ICE-lite and passive, with the codec that was taken and nothing else', () => {
  const offer = parseOffer(browserOffer('sendonly', { dataChannel: true }));
  const [, video] = offer.sections;
  const { codecs, headerExtensions } = producerParameters(video!, router);
  const answer = writeAnswer(offer, transport, [{ mid: '1', direction: 'recvonly', codecs, headerExtensions }]);
  const lines = answer.split('\r\n');
  expect(lines.filter((line) => line.startsWith('m='))).toEqual([
    'm=audio 0 UDP/TLS/RTP/SAVPF 111',
    'm=video 9 UDP/TLS/RTP/SAVPF 96 97',
    'm=application 0 UDP/DTLS/SCTP webrtc-datachannel',
  ]);
  expect(lines).toEqual(
    expect.arrayContaining([
      'a=ice-lite',
      'a=group:BUNDLE 1',
      'a=setup:passive',
      'a=recvonly',
      'a=ice-ufrag:serverUfrag',
      'a=ice-pwd:serverPasswordOf24Chars.',
      'a=fingerprint:sha-256 AB:CD',
      'a=candidate:udpcandidate 1 udp 1076558079 10.0.0.1 40000 typ host',
      'a=candidate:tcpcandidate 1 tcp 1076302079 10.0.0.1 40000 typ host tcptype passive',
      'a=end-of-candidates',
      'a=rtpmap:96 VP8/90000',
      'a=fmtp:97 apt=96',
      'a=rtcp-fb:96 nack pli',
      'a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid',
      'a=rtcp-mux',
    ]),
  );
  expect(answer.endsWith('\r\n')).toBe(true);
});

it('accepts all layers in the words that OBS looks for, and takes the other role of DTLS than FFmpeg', () => {
  const offer = parseOffer(obsOffer({ rids: ['0', '1', '2'] }));
  const { codecs, headerExtensions } = producerParameters(offer.sections[1]!, router);
  const rids = offer.sections[1]!.simulcastSend;
  const answer = writeAnswer(offer, transport, [
    { mid: '1', direction: 'recvonly', codecs, headerExtensions, simulcastReceive: rids },
  ]);
  expect(answer).toContain('a=simulcast:recv 0;1;2\r\n');
  for (const rid of rids) expect(answer).toContain(`a=rid:${rid} recv\r\n`);
  const ffmpeg = parseOffer(ffmpegOffer());
  expect(writeAnswer(ffmpeg, transport, [{ mid: '0', direction: 'recvonly', codecs, headerExtensions }])).toContain(
    'a=setup:active',
  );
});
