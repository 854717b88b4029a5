/** Offers in the form that real clients send them. */

const crlf = (text: string): string => `${text.trim().split('\n').join('\r\n')}\r\n`;

const fingerprint =
  'a=fingerprint:sha-256 3F:1B:9A:8E:5D:11:C0:24:77:6B:A9:FE:03:92:4C:D8:1A:5E:66:B7:20:9F:E4:8D:70:13:CB:5A:42:96:0E:F1';

/** What OBS 32 (libdatachannel) sends: no candidates, rids only when it sends several layers. */
export function obsOffer(options: { rids?: string[]; codec?: 'H264' | 'H265' | 'AV1'; audio?: boolean } = {}): string {
  const { rids = [], codec = 'H264', audio = true } = options;
  const fmtp = {
    H264: 'a=fmtp:96 profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1',
    H265: 'a=fmtp:96 level-id=93;profile-id=1;tier-flag=0;tx-mode=SRST',
    AV1: 'a=fmtp:96 profile=0;level-idx=5;tier=0',
  }[codec];
  const layers =
    rids.length === 0 ? [] : [...rids.map((rid) => `a=rid:${rid} send`), `a=simulcast:send ${rids.join(';')}`];
  const audioSection = `
m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=mid:0
a=sendonly
a=ssrc:3210000000 cname:obsCname12345678
a=ssrc:3210000000 msid:obsStream1234567 obsStream1234567-audio
a=msid:obsStream1234567 obsStream1234567-audio
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;maxaveragebitrate=96000;stereo=1;sprop-stereo=1;useinbandfec=1
a=setup:actpass
a=ice-ufrag:Rt5Y
a=ice-pwd:2Wq8h6GCc3S1d7f0pXv9Za
${fingerprint}`;
  return crlf(`
v=0
o=rtc 2914483771 0 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE ${audio ? '0 1' : '1'}
a=group:LS ${audio ? '0 1' : '1'}
a=msid-semantic:WMS *
a=ice-options:ice2,trickle
${fingerprint}${audio ? audioSection : ''}
m=video 9 UDP/TLS/RTP/SAVPF 96
c=IN IP4 0.0.0.0
a=mid:1
a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid
a=extmap:2 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id
a=sendonly
${['a=ssrc:3210000001 cname:obsCname12345678', 'a=ssrc:3210000001 msid:obsStream1234567 obsStream1234567-video', ...layers].join('\n')}
a=msid:obsStream1234567 obsStream1234567-video
a=rtcp-mux
a=rtpmap:96 ${codec}/90000
a=rtcp-fb:96 nack
a=rtcp-fb:96 nack pli
a=rtcp-fb:96 goog-remb
${fmtp}
a=setup:actpass
a=ice-ufrag:Rt5Y
a=ice-pwd:2Wq8h6GCc3S1d7f0pXv9Za
`);
}

/** A browser's, for one direction; with a data channel where asked. */
export function browserOffer(direction: 'sendonly' | 'recvonly', options: { dataChannel?: boolean } = {}): string {
  const sending = direction === 'sendonly';
  const ice = `a=ice-ufrag:4ZcD
a=ice-pwd:2/1muCWoOi3uLifh0NuRHlOs
a=ice-options:trickle
${fingerprint}
a=setup:actpass`;
  return crlf(`
v=0
o=- 4962303333179871722 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1${options.dataChannel ? ' 2' : ''}
a=extmap-allow-mixed
a=msid-semantic: WMS${sending ? ' 46ZcD' : ''}
m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
${ice}
a=mid:0
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=${direction}
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:111 opus/48000/2
a=rtcp-fb:111 transport-cc
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=fmtp:63 111/111
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:13 CN/8000
a=rtpmap:110 telephone-event/48000
a=rtpmap:126 telephone-event/8000
${sending ? 'a=msid:46ZcD audio1\na=ssrc:1001 cname:browserCname\na=ssrc:1001 msid:46ZcD audio1' : 'a=rtcp-xr:rcvr-rtt'}
m=video 9 UDP/TLS/RTP/SAVPF 96 97 98 99 102 103 45 46
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=candidate:1467250027 1 udp 2122260223 192.168.1.4 61665 typ host generation 0 network-id 1
a=candidate:1467250028 1 udp 2122260223 3f1c4a6e-9d0a-4c1b-8a7e-1f2d3c4b5a69.local 61666 typ host generation 0
${ice}
a=mid:1
a=extmap:14 urn:ietf:params:rtp-hdrext:toffset
a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
a=extmap:13 urn:3gpp:video-orientation
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id
a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id
a=${direction}
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:96 VP8/90000
a=rtcp-fb:96 goog-remb
a=rtcp-fb:96 transport-cc
a=rtcp-fb:96 ccm fir
a=rtcp-fb:96 nack
a=rtcp-fb:96 nack pli
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=rtpmap:98 VP9/90000
a=rtcp-fb:98 nack pli
a=fmtp:98 profile-id=0
a=rtpmap:99 rtx/90000
a=fmtp:99 apt=98
a=rtpmap:102 H264/90000
a=rtcp-fb:102 nack
a=rtcp-fb:102 nack pli
a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f
a=rtpmap:103 rtx/90000
a=fmtp:103 apt=102
a=rtpmap:45 AV1/90000
a=fmtp:45 level-idx=5;profile=0;tier=0
a=rtpmap:46 rtx/90000
a=fmtp:46 apt=45
${sending ? 'a=msid:46ZcD video1\na=ssrc-group:FID 2001 2002\na=ssrc:2001 cname:browserCname\na=ssrc:2002 cname:browserCname' : 'a=extmap-allow-mixed'}
${
  options.dataChannel
    ? `m=application 9 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
${ice}
a=mid:2
a=sctp-port:5000
a=max-message-size:262144`
    : 'a=x-unknown:1'
}
`);
}

/** In the form of FFmpeg 8's whip muxer: no candidates, one H264 profile, and FFmpeg is the server of DTLS. */
export function ffmpegOffer(): string {
  return crlf(`
v=0
o=FFmpeg 4489045141692799359 2 IN IP4 127.0.0.1
s=FFmpegPublishSession
t=0 0
a=group:BUNDLE 0 1
a=extmap-allow-mixed
a=msid-semantic: WMS
m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=ice-ufrag:a174B
a=ice-pwd:wY8rJ3gNLxL3eWZs6UPOxy
${fingerprint}
a=setup:passive
a=mid:0
a=sendonly
a=msid:FFmpeg audio
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=ssrc:1505499440 cname:FFmpeg
a=ssrc:1505499440 msid:FFmpeg audio
m=video 9 UDP/TLS/RTP/SAVPF 106
c=IN IP4 0.0.0.0
a=ice-ufrag:a174B
a=ice-pwd:wY8rJ3gNLxL3eWZs6UPOxy
${fingerprint}
a=setup:passive
a=mid:1
a=sendonly
a=msid:FFmpeg video
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:106 H264/90000
a=fmtp:106 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=640028
a=ssrc:2714013640 cname:FFmpeg
a=ssrc:2714013640 msid:FFmpeg video
`);
}
