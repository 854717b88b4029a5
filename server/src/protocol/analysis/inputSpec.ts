/** What a Model wants in its input tensor [batch, 3, height, width], float32. Plain data: it goes to worker threads. */
export interface InputSpec {
  /** Pixels. */
  width: number;
  height: number;
  /** `letterbox` keeps the shape and centres the picture, `letterboxTopLeft` keeps it in the corner, `stretch` fills. */
  resize: 'letterbox' | 'letterboxTopLeft' | 'stretch';
  /** Order of the three planes. */
  channels: 'rgb' | 'bgr';
  /** Tensor value = pixel (0..255) * scale[c] + bias[c], c in tensor channel order. */
  scale: [number, number, number];
  bias: [number, number, number];
  /** Letterbox fill, pixel value 0..255. */
  pad: number;
}

/** Where the picture lies in the input, pixels of the input. */
export interface Placement {
  contentX: number;
  contentY: number;
  contentWidth: number;
  contentHeight: number;
}

/** Places a decoded picture (pixels, after cropping) in the input: the preprocessing and the way back of boxes share it. */
export function placePicture(spec: InputSpec, frameWidth: number, frameHeight: number): Placement {
  if (spec.resize === 'stretch') {
    return { contentX: 0, contentY: 0, contentWidth: spec.width, contentHeight: spec.height };
  }
  const ratio = Math.min(spec.width / frameWidth, spec.height / frameHeight);
  const contentWidth = Math.max(1, Math.min(spec.width, Math.round(frameWidth * ratio)));
  const contentHeight = Math.max(1, Math.min(spec.height, Math.round(frameHeight * ratio)));
  const centred = spec.resize === 'letterbox';
  return {
    contentX: centred ? Math.floor((spec.width - contentWidth) / 2) : 0,
    contentY: centred ? Math.floor((spec.height - contentHeight) / 2) : 0,
    contentWidth,
    contentHeight,
  };
}

export function floatsPerPicture(spec: InputSpec): number {
  return 3 * spec.width * spec.height;
}
