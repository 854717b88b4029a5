import type { types } from 'mediasoup';

/** What browsers send, as mediasoup-client writes it. */
const videoFeedback: types.RtcpFeedback[] = [
  { type: 'goog-remb' },
  { type: 'transport-cc' },
  { type: 'ccm', parameter: 'fir' },
  { type: 'nack' },
  { type: 'nack', parameter: 'pli' },
];

export function videoParameters(
  mimeType: `video/${string}`,
  options: {
    ssrc?: number;
    parameters?: Record<string, string | number>;
    encodings?: types.RtpEncodingParameters[];
    headerExtensions?: types.RtpHeaderExtensionParameters[];
  } = {},
): types.RtpParameters {
  const { ssrc = 11_111_111, parameters = {}, headerExtensions = [] } = options;
  return {
    mid: '0',
    codecs: [
      { mimeType, payloadType: 96, clockRate: 90_000, parameters, rtcpFeedback: videoFeedback },
      { mimeType: 'video/rtx', payloadType: 97, clockRate: 90_000, parameters: { apt: 96 }, rtcpFeedback: [] },
    ],
    headerExtensions,
    encodings: options.encodings ?? [{ ssrc, rtx: { ssrc: ssrc + 1 } }],
    rtcp: { cname: 'framelock-test', reducedSize: true },
  };
}

export const vp8 = (ssrc?: number): types.RtpParameters => videoParameters('video/VP8', { ssrc });

export const h264 = (profileLevelId = '42e01f'): types.RtpParameters =>
  videoParameters('video/H264', {
    parameters: { 'packetization-mode': 1, 'profile-level-id': profileLevelId, 'level-asymmetry-allowed': 1 },
  });

export const vp9Ksvc = (scalabilityMode = 'L3T3_KEY', ssrc = 22_222_222): types.RtpParameters =>
  videoParameters('video/VP9', {
    parameters: { 'profile-id': 0 },
    encodings: [{ ssrc, rtx: { ssrc: ssrc + 1 }, scalabilityMode }],
  });

export const vp8Simulcast = (): types.RtpParameters =>
  videoParameters('video/VP8', {
    encodings: [{ rid: 'q', scalabilityMode: 'L1T1' }, { rid: 'h' }, { rid: 'f' }],
    headerExtensions: [
      { uri: 'urn:ietf:params:rtp-hdrext:sdes:mid', id: 1 },
      { uri: 'urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id', id: 2 },
    ],
  });

export const opus = (ssrc = 33_333_333): types.RtpParameters => ({
  mid: '1',
  codecs: [
    {
      mimeType: 'audio/opus',
      payloadType: 111,
      clockRate: 48_000,
      channels: 2,
      parameters: { minptime: 10, useinbandfec: 1 },
      rtcpFeedback: [{ type: 'transport-cc' }],
    },
  ],
  headerExtensions: [],
  encodings: [{ ssrc }],
  rtcp: { cname: 'framelock-test', reducedSize: true },
});

/** Well-formed, of nobody: a peer that will never finish DTLS. */
export const dtlsParameters: types.DtlsParameters = {
  role: 'client',
  fingerprints: [{ algorithm: 'sha-256', value: Array.from({ length: 32 }, () => 'ab').join(':') }],
};
