import { bracketed, checkSourceUrl } from './checkSourceUrl.ts';
import type { SourceInput } from './SourceInput.ts';

/** How long a camera may take for one answer or packet, µs. */
const ioTimeoutUs = 10_000_000;

/** Pulls a camera: RTP inside the TCP connection first, by UDP where the camera can't. @throws Refusal */
export async function openRtsp(text: string, allowPrivateAddresses: boolean): Promise<SourceInput> {
  const { scheme, address, port, credentials, path, secrets } = await checkSourceUrl(text, {
    schemes: ['rtsp', 'rtsps'],
    defaultPorts: { rtsp: 554, rtsps: 322 },
    allowPrivateAddresses,
  });
  return {
    ffmpegArguments: [
      ...['-f', 'rtsp', '-rtsp_flags', 'prefer_tcp', '-rtsp_transport', 'tcp+udp', '-timeout', String(ioTimeoutUs)],
      ...['-allowed_media_types', 'video+audio', '-analyzeduration', '3000000', '-fflags', 'nobuffer'],
      ...['-format_whitelist', 'rtsp,sdp,rtp'],
      ...['-i', `${scheme}://${credentials}${bracketed(address)}:${port}${path}`],
    ],
    // What an SDP of the other side can make FFmpeg open: its own sockets only.
    protocols: ['rtsp', 'rtsps', 'rtp', 'udp', 'tcp', 'tls'],
    secrets,
    ready: Promise.resolve(),
    ended: new Promise(() => {}),
    close: () => {},
  };
}
