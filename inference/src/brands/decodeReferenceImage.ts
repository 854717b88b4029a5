import * as constants from 'node-av/constants';
import { Codec, CodecContext, Frame, Packet, SoftwareScaleContext } from 'node-av/lib';
import { Refusal } from '@framelock/server/protocol';
import type { ReferenceImage } from './ReferenceImage.ts';

/** Pixels of an image that is decoded at most: a small file can claim to be huge. */
const maxPixels = 40_000_000;

const decoderOf = { png: 'png', jpeg: 'mjpeg' } as const;

/** Refuses with `unsupported` what is no PNG or JPEG, is too large, or is damaged. */
export function decodeReferenceImage(bytes: Buffer): ReferenceImage {
  const kind = kindOf(bytes);
  if (!kind) throw new Refusal('unsupported', 'the image is neither PNG nor JPEG');
  const size = kind === 'png' ? pngSize(bytes) : undefined;
  if (size && size.width * size.height > maxPixels) throw tooLarge(size);
  const codec = Codec.findDecoderByName(decoderOf[kind] as never);
  if (!codec) throw new Refusal('unavailable', `this FFmpeg has no decoder for ${kind}`);
  const context = new CodecContext();
  context.allocContext3(codec);
  context.threadCount = 1;
  // A JPEG's size is known to the decoder only, which makes room for it before it has seen a pixel.
  context.setOption('max_pixels', String(maxPixels));
  const packet = new Packet();
  const frame = new Frame();
  packet.alloc();
  frame.alloc();
  try {
    if (context.open2Sync(codec, null) < 0) throw new Refusal('unavailable', `the ${kind} decoder did not open`);
    packet.data = bytes;
    if (context.sendPacketSync(packet) < 0 || context.receiveFrameSync(frame) < 0) {
      const name = kind === 'png' ? 'PNG' : 'JPEG';
      throw new Refusal('unsupported', `the ${name} image is damaged, or has more than ${maxPixels} pixels`);
    }
    return toRgba(frame);
  } finally {
    packet.free();
    frame.free();
    context.freeContext();
  }
}

function kindOf(bytes: Buffer): 'png' | 'jpeg' | undefined {
  if (bytes.length > 33 && bytes.readUInt32BE(0) === 0x89504e47) return 'png';
  if (bytes.length > 4 && bytes.readUInt16BE(0) === 0xffd8) return 'jpeg';
  return undefined;
}

const pngSize = (bytes: Buffer) => ({ width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) });

function tooLarge({ width, height }: { width: number; height: number }): Refusal {
  return new Refusal('unsupported', `the image has ${width} x ${height} pixels; at most ${maxPixels} are taken`);
}

function toRgba(frame: Frame): ReferenceImage {
  const { width, height } = frame;
  if (width * height > maxPixels) throw tooLarge({ width, height });
  const stride = Math.ceil((width * 4) / 64) * 64 + 64; // swscale's SIMD writes beyond the row's end
  const padded = Buffer.alloc(stride * (height + 1));
  const scaler = new SoftwareScaleContext();
  scaler.getContext(
    ...[width, height, frame.format as never, width, height, constants.AV_PIX_FMT_RGBA, constants.SWS_POINT],
  );
  try {
    if (scaler.scaleSync(frame.data!, frame.linesize, 0, height, [padded], [stride]) < 0) {
      throw new Refusal('unsupported', 'the pixels of the image can not be converted');
    }
  } finally {
    scaler.freeContext();
  }
  const rgba = new Uint8Array(width * height * 4);
  for (let y = 0; y < height; y++) rgba.set(padded.subarray(y * stride, y * stride + width * 4), y * width * 4);
  return { width, height, rgba };
}
