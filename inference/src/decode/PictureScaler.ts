import * as constants from 'node-av/constants';
import { SoftwareScaleContext } from 'node-av/lib';
import {
  fillPadding,
  type InputSpec,
  normalisePlanes,
  type Placement,
  placePicture,
} from '@framelock/server/protocol/analysis';
import { paddingMarks } from '../detect/TensorSlots.ts';
import type { Picture } from './VideoDecoder.ts';

/** swscale's SIMD may write a row up to the next 64 bytes: only rows that end there are written in place. */
const rowAlignBytes = 64;
/** FFmpeg's planar RGB has its planes in this order; which tensor plane each belongs to follows from the InputSpec. */
const planeOrder = { rgb: [1, 2, 0], bgr: [1, 0, 2] } as const;

/**
 * Scales pictures into input tensors, by area averaging. Models that want 0..1 get swscale's float output in the
 * tensor's own memory with no further touch; models that want 0..255 get its bytes widened by `set` (cheaper than a
 * pass over floats); others are normalised in place.
 */
export class PictureScaler {
  readonly #spec: InputSpec;
  readonly #buffer: Buffer;
  readonly #floats: Float32Array;
  readonly #floatsPerSlot: number;
  readonly #wantsBytes: boolean;
  /** Shared by all Streams that use the slots; whoever holds a slot may read and write its mark. */
  readonly #paddingMarks: Int32Array<SharedArrayBuffer>;
  #context: SoftwareScaleContext | undefined;
  #shape = '';
  #placement: Placement | undefined;
  /** Planes G, B, R that swscale writes to when it cannot write to the tensor. */
  #scratch: Buffer[] | undefined;
  #scratchStride = 0;

  constructor(spec: InputSpec, buffer: SharedArrayBuffer, floatsPerSlot: number) {
    this.#spec = spec;
    this.#buffer = Buffer.from(buffer);
    this.#floats = new Float32Array(buffer);
    this.#floatsPerSlot = floatsPerSlot;
    this.#paddingMarks = paddingMarks(buffer, floatsPerSlot);
    this.#wantsBytes = spec.scale.every((s) => s === 1) && spec.bias.every((b) => b === 0);
  }

  scaleInto(slot: number, picture: Picture): void {
    const { frame } = picture;
    const shape = `${picture.width}x${picture.height}:${frame.format}`;
    if (shape !== this.#shape) this.#reshape(picture, shape);
    const placement = this.#placement!;
    const tensor = this.#floats.subarray(slot * this.#floatsPerSlot, (slot + 1) * this.#floatsPerSlot);
    // Slots are of one Detector, thus of one InputSpec: the size of the content says where the padding lies.
    const mark = placement.contentWidth * 0x8000 + placement.contentHeight;
    if (this.#paddingMarks[slot] !== mark) {
      fillPadding(this.#spec, tensor, placement);
      this.#paddingMarks[slot] = mark;
    }
    const stride = this.#spec.width * 4;
    const direct = this.#scratch === undefined;
    const planes = this.#scratch ?? this.#tensorPlanes(slot, placement);
    const strides = direct ? [stride, stride, stride] : [this.#scratchStride, this.#scratchStride, this.#scratchStride];
    const result = this.#context!.scaleSync(frame.data!, frame.linesize, 0, picture.height, planes, strides);
    if (result < 0) throw new Error(`swscale failed (${result})`);
    if (!direct) this.#copyScratch(tensor, placement);
    if (!this.#wantsBytes) normalisePlanes(this.#spec, tensor, placement);
  }

  #reshape(picture: Picture, shape: string): void {
    this.#context?.freeContext();
    this.#shape = '';
    const placement = placePicture(this.#spec, picture.width, picture.height);
    const { contentX, contentWidth, contentHeight } = placement;
    this.#context = new SoftwareScaleContext();
    this.#context.getContext(
      picture.width,
      picture.height,
      picture.frame.format as never,
      contentWidth,
      contentHeight,
      this.#wantsBytes ? constants.AV_PIX_FMT_GBRP : constants.AV_PIX_FMT_GBRPF32LE,
      constants.SWS_AREA,
    );
    const stride = this.#spec.width * 4;
    const fitsInPlace =
      contentX === 0 && contentWidth === this.#spec.width && stride % rowAlignBytes === 0 && !this.#wantsBytes;
    if (fitsInPlace) {
      this.#scratch = undefined;
    } else {
      const rowBytes = contentWidth * (this.#wantsBytes ? 1 : 4);
      this.#scratchStride = Math.ceil(rowBytes / rowAlignBytes) * rowAlignBytes + rowAlignBytes;
      this.#scratch = planeOrder.rgb.map(() => Buffer.alloc(this.#scratchStride * (contentHeight + 1)));
    }
    this.#placement = placement;
    this.#shape = shape;
  }

  #tensorPlanes(slot: number, { contentY, contentHeight }: Placement): Buffer[] {
    const planeFloats = this.#spec.width * this.#spec.height;
    return planeOrder[this.#spec.channels].map((plane) => {
      const begin = (slot * this.#floatsPerSlot + plane * planeFloats + contentY * this.#spec.width) * 4;
      return this.#buffer.subarray(begin, begin + contentHeight * this.#spec.width * 4);
    });
  }

  #copyScratch(tensor: Float32Array, placement: Placement): void {
    const { contentX, contentY, contentWidth, contentHeight } = placement;
    const { width, height } = this.#spec;
    this.#scratch!.forEach((scratch, i) => {
      const plane = planeOrder[this.#spec.channels][i]!;
      const rows = this.#wantsBytes
        ? scratch
        : new Float32Array(scratch.buffer, scratch.byteOffset, scratch.byteLength / 4);
      const stride = this.#wantsBytes ? this.#scratchStride : this.#scratchStride / 4;
      for (let y = 0; y < contentHeight; y++) {
        const row = rows.subarray(y * stride, y * stride + contentWidth);
        tensor.set(row, (plane * height + contentY + y) * width + contentX);
      }
    });
  }

  close(): void {
    this.#context?.freeContext();
    this.#context = undefined;
    this.#shape = '';
  }
}
