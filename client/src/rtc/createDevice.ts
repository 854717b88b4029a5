import { Device } from 'mediasoup-client';
import type { RtpCapabilities, RtpCodecCapability } from 'mediasoup-client/types';
import { Refusal, type Opaque } from '@framelock/server/protocol';

/**
 * Not negotiated: with it a turned phone sends its picture unturned plus an angle, the browser turns it after decoding,
 * and inference, which sees the unturned picture, finds its boxes elsewhere. Without it the sender turns the pixels.
 */
const refusedExtensions = new Set(['urn:3gpp:video-orientation']);

export function withoutRefusedExtensions(capabilities: RtpCapabilities): RtpCapabilities {
  return {
    ...capabilities,
    headerExtensions: capabilities.headerExtensions?.filter(({ uri }) => !refusedExtensions.has(uri)),
  };
}

/** mediasoup-client's view of this browser, loaded with what the Stream's Router can carry. */
export async function createDevice(routerRtpCapabilities: Opaque): Promise<Device> {
  const device = await newDevice();
  await device.load({ routerRtpCapabilities: withoutRefusedExtensions(routerRtpCapabilities as RtpCapabilities) });
  return device;
}

async function newDevice(): Promise<Device> {
  // In Node the headless peers put @roamhq/wrtc's classes, which are libwebrtc's, where a browser has its own.
  const headless = typeof navigator === 'undefined' || navigator.userAgent?.startsWith('Node.js');
  try {
    return await Device.factory(headless ? { handlerName: 'Chrome111' } : {});
  } catch (error) {
    throw new Refusal('unsupported', `this browser cannot do WebRTC video here: ${(error as Error).message}`);
  }
}

export type VideoCodecName = 'vp8' | 'vp9' | 'h264' | 'av1';

/** The codec to send with, of those this browser can encode and the Router carries; undefined when it has none of that name. */
export function findSendCodec(device: Device, name: VideoCodecName): RtpCodecCapability | undefined {
  const mimeType = `video/${name}`;
  const codecs = (device.sendRtpCapabilities.codecs ?? []).filter((codec) => codec.mimeType.toLowerCase() === mimeType);
  // H264 comes in several profiles: packetization-mode 1 (RFC 6184) is what every decoder here takes.
  return codecs.find((codec) => codec.parameters?.['packetization-mode'] === 1) ?? codecs[0];
}
