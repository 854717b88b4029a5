import type { Codec, EncodingAbility, PublishSettings } from './publishSettings.ts';

const contentTypes: Record<Codec, string> = {
  vp8: 'video/VP8',
  vp9: 'video/VP9',
  // Constrained Baseline, which mediasoup's Routers here carry and HLS players take.
  h264: 'video/H264;level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f',
  av1: 'video/AV1',
};
const usualBps = 2_500_000;

/** Asks the browser how it would encode for WebRTC (W3C Media Capabilities); nothing of a codec it was not told of. */
export async function encodingAbility(
  codec: Codec,
  { width, height, frameRate, maxBitrateBps }: PublishSettings,
): Promise<EncodingAbility | undefined> {
  try {
    const video = { contentType: contentTypes[codec], width, height, framerate: frameRate };
    const bitrate = maxBitrateBps || usualBps;
    return await navigator.mediaCapabilities.encodingInfo({ type: 'webrtc', video: { ...video, bitrate } });
  } catch {
    return undefined; // no Media Capabilities for WebRTC here
  }
}
