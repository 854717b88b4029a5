import { bracketed, checkSourceUrl, type CheckedUrl } from './checkSourceUrl.ts';
import type { SourceInput } from './SourceInput.ts';

/** How long a camera may take for one answer or packet, µs. */
const ioTimeoutUs = 10_000_000;

/**
 * FFmpeg (5.1 to 8) follows any 3xx answer to wherever it leads and has no option against it, so it would get around the
 * check of the address. It says so before it calls there: no media is taken from such a place, though FFmpeg's first
 * request may still reach it.
 */
const redirection = {
  pattern: /Status 3\d\d: Redirecting to /,
  says:
    'the camera sends its callers on to another address, which is not followed here: give that address as the URL, ' +
    'or set SOURCE_ALLOW_PRIVATE=true for cameras in your own network',
};

/** Pulls a camera. @throws Refusal */
export async function openRtsp(text: string, allowPrivateAddresses: boolean): Promise<SourceInput> {
  const url = await checkSourceUrl(text, {
    schemes: ['rtsp', 'rtsps'],
    defaultPorts: { rtsp: 554, rtsps: 322 },
    allowPrivateAddresses,
  });
  return rtspInput(url, { mayLeadOn: allowPrivateAddresses });
}

/** RTP inside the TCP connection first, by UDP where the camera can't. `mayLeadOn`: to any address. */
export function rtspInput(url: CheckedUrl, { mayLeadOn }: { mayLeadOn: boolean }): SourceInput {
  const { scheme, address, port, credentials, path, secrets } = url;
  return {
    ffmpegArguments: [
      ...['-f', 'rtsp', '-rtsp_flags', 'prefer_tcp', '-rtsp_transport', 'tcp+udp', '-timeout', String(ioTimeoutUs)],
      ...['-allowed_media_types', 'video+audio', '-analyzeduration', '3000000', '-fflags', 'nobuffer'],
      ...['-format_whitelist', 'rtsp,sdp,rtp'],
      ...['-i', `${scheme}://${credentials}${bracketed(address)}:${port}${path}`],
    ],
    // What an SDP of the other side can make FFmpeg open: its own sockets only.
    protocols: ['rtsp', 'rtsps', 'rtp', 'udp', 'tcp', 'tls'],
    ...(mayLeadOn ? {} : { forbidden: redirection }),
    secrets,
    ready: Promise.resolve(),
    ended: new Promise(() => {}),
    close: () => {},
  };
}
