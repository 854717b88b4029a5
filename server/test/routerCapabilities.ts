/** What an sfu says that its Routers carry; shortened. A test of sfu and server together shows that the real one works. */
const video = (mimeType: string, parameters = {}) => ({
  kind: 'video',
  mimeType,
  clockRate: 90_000,
  parameters,
  rtcpFeedback: [
    { type: 'nack', parameter: '' },
    { type: 'nack', parameter: 'pli' },
    { type: 'ccm', parameter: 'fir' },
    { type: 'goog-remb', parameter: '' },
    { type: 'transport-cc', parameter: '' },
  ],
});
const h264 = (profile: string) =>
  video('video/H264', { 'packetization-mode': 1, 'profile-level-id': profile, 'level-asymmetry-allowed': 1 });

const extension = (uri: string, direction = 'sendrecv') =>
  ['audio', 'video'].map((kind) => ({ kind, uri, preferredId: 1, preferredEncrypt: false, direction }));

export const routerCapabilities = {
  codecs: [
    {
      kind: 'audio',
      mimeType: 'audio/opus',
      clockRate: 48_000,
      channels: 2,
      parameters: {},
      rtcpFeedback: [{ type: 'transport-cc', parameter: '' }],
    },
    video('video/VP8'),
    video('video/rtx', { apt: 101 }),
    video('video/VP9', { 'profile-id': 0 }),
    h264('42e01f'),
    h264('4d001f'),
    h264('640032'),
    video('video/AV1'),
  ],
  headerExtensions: [
    ...extension('urn:ietf:params:rtp-hdrext:sdes:mid'),
    ...extension('urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id', 'recvonly'),
    ...extension('urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id', 'recvonly'),
    ...extension('http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time'),
    ...extension('http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01'),
  ],
};
