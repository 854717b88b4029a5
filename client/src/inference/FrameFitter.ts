import { type InputSpec, type Placement, placePicture } from '@framelock/server/protocol/analysis';
import { fillTensor } from './fillTensor.ts';

/** Puts frames into a model's input: scaled on a canvas, the rest filled with the pad colour. */
export class FrameFitter {
  readonly #spec: InputSpec;
  readonly #context: OffscreenCanvasRenderingContext2D;
  #placement: Placement | undefined;
  #pictureSize = '';

  constructor(spec: InputSpec) {
    this.#spec = spec;
    const context = new OffscreenCanvas(spec.width, spec.height).getContext('2d', {
      willReadFrequently: true,
      alpha: false,
    });
    if (!context) throw new Error('this browser gives a worker no 2D canvas');
    context.imageSmoothingQuality = 'medium';
    this.#context = context;
  }

  /** Where the picture lies in the tensor. */
  fit(frame: VideoFrame, tensor: Float32Array): Placement {
    const { width, height, pad } = this.#spec;
    const { displayWidth, displayHeight } = frame;
    const pictureSize = `${displayWidth}x${displayHeight}`;
    if (!this.#placement || this.#pictureSize !== pictureSize) {
      this.#placement = placePicture(this.#spec, displayWidth, displayHeight);
      this.#pictureSize = pictureSize;
      this.#context.fillStyle = `rgb(${pad} ${pad} ${pad})`;
      this.#context.fillRect(0, 0, width, height);
    }
    const { contentX, contentY, contentWidth, contentHeight } = this.#placement;
    this.#context.drawImage(frame, contentX, contentY, contentWidth, contentHeight);
    fillTensor(this.#spec, this.#context.getImageData(0, 0, width, height).data, tensor);
    return this.#placement;
  }
}
