import { createRequire } from 'node:module';

interface I420Frame {
  width: number;
  height: number;
  /** Y, U and V planes, one after another. */
  data: Uint8ClampedArray;
}

export interface VideoSink {
  onframe: ((event: { frame: I420Frame }) => void) | undefined;
  stop(): void;
}

export interface VideoSource {
  createTrack(): MediaStreamTrack;
  onFrame(frame: I420Frame): void;
}

/** What @roamhq/wrtc has beside the browser's classes. */
export interface Wrtc {
  RTCVideoSink: new (track: MediaStreamTrack) => VideoSink;
  RTCVideoSource: new () => VideoSource;
  RTCAudioSource: new () => { createTrack(): MediaStreamTrack };
}

const browserClasses = [
  'MediaStream',
  'MediaStreamTrack',
  'RTCDataChannel',
  'RTCIceCandidate',
  'RTCPeerConnection',
  'RTCRtpReceiver',
  'RTCRtpSender',
  'RTCRtpTransceiver',
  'RTCSessionDescription',
] as const;

let installed: Wrtc | undefined;

/**
 * Puts the WebRTC classes of @roamhq/wrtc (libwebrtc for Node) where a browser has them, so that mediasoup-client and
 * our own Publisher run unchanged. They know VP8, VP9 and AV1, not H264, and their pictures carry no RTP timestamp:
 * good for load and for tests, not for judging the overlay.
 */
export function installWrtc(): Wrtc {
  if (installed) return installed;
  const wrtc = createRequire(import.meta.url)('@roamhq/wrtc') as Record<string, unknown> & { nonstandard: Wrtc };
  for (const name of browserClasses) {
    if (wrtc[name]) Object.defineProperty(globalThis, name, { value: wrtc[name], configurable: true, writable: true });
  }
  return (installed = wrtc.nonstandard);
}
