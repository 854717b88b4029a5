import { type InputSpec, placePicture } from '@framelock/server/protocol/analysis';

/** No side of a thumbnail is longer, pixels. */
export const thumbnailEdge = 160;
/** Of the box's sides, on each side. */
const margin = 0.15;

/** Pixels of a thumbnail: planes Y, Cb, Cr of the full size each (JPEG's full range), ready for the encoder. */
export interface Thumbnail {
  width: number;
  height: number;
  /** At least 3 x width x height bytes; kept for the next crop of the same mark. */
  planes: Uint8Array;
}

export interface AnalysedPicture {
  /** What the Model saw: planar float32 as `spec` says. Read at once, never kept. */
  tensor: Float32Array;
  spec: InputSpec;
  /** Of the decoded picture, pixels. */
  frameWidth: number;
  frameHeight: number;
}

/** x, y = top left corner; 0..1 of the picture. */
interface Box {
  x: number;
  y: number;
  w: number;
  h: number;
}

/**
 * Cuts a box with a margin out of what the Model saw, and undoes the Model's scale and bias. In the Model's resolution,
 * made smaller where a side is over 160 (mean of pixels under each), never larger; `stretch` is undone by the shape of
 * the decoded picture. Writes into `into` where that is large enough. Undefined where nothing of the box is in the picture.
 */
export function cropThumbnail(picture: AnalysedPicture, box: Box, into?: Thumbnail): Thumbnail | undefined {
  const { spec, tensor, frameWidth, frameHeight } = picture;
  const placed = placePicture(spec, frameWidth, frameHeight);
  const pixels = (from: number, size: number, content: number): [number, number] => [
    Math.max(0, Math.floor((from - size * margin) * content)),
    Math.min(content, Math.ceil((from + size * (1 + margin)) * content)),
  ];
  const [left, right] = pixels(box.x, box.w, placed.contentWidth);
  const [top, bottom] = pixels(box.y, box.h, placed.contentHeight);
  if (right - left < 1 || bottom - top < 1) return undefined;
  // One pixel of the input is as wide and as high as this in the decoded picture, of which the smaller is 1.
  const [unitX, unitY] = [frameWidth / placed.contentWidth, frameHeight / placed.contentHeight];
  const unit = Math.min(unitX, unitY);
  const [shownWidth, shownHeight] = [((right - left) * unitX) / unit, ((bottom - top) * unitY) / unit];
  const shrink = Math.min(1, thumbnailEdge / Math.max(shownWidth, shownHeight));
  const width = Math.max(1, Math.round(shownWidth * shrink));
  const height = Math.max(1, Math.round(shownHeight * shrink));
  const thumbnail = sized(into, width, height);
  const planeSize = spec.width * spec.height;
  const [red, green, blue] = spec.channels === 'rgb' ? [0, 1, 2] : [2, 1, 0];
  const origin = (placed.contentY + top) * spec.width + placed.contentX + left;
  const [stepX, stepY] = [(right - left) / width, (bottom - top) / height];
  // Of large marks every pixel would cost more than it shows: about two each way for one of the thumbnail.
  const [strideX, strideY] = [Math.max(1, Math.floor(stepX / 2)), Math.max(1, Math.floor(stepY / 2))];
  const pixel = [0, 0, 0];
  for (let y = 0; y < height; y++) {
    const fromY = Math.floor(y * stepY);
    const toY = Math.max(fromY + 1, Math.floor((y + 1) * stepY));
    for (let x = 0; x < width; x++) {
      const fromX = Math.floor(x * stepX);
      const toX = Math.max(fromX + 1, Math.floor((x + 1) * stepX));
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        let count = 0;
        for (let v = fromY; v < toY; v += strideY) {
          const row = c * planeSize + origin + v * spec.width;
          for (let u = fromX; u < toX; u += strideX) {
            sum += tensor[row + u]!;
            count++;
          }
        }
        pixel[c] = (sum / count - spec.bias[c]!) / spec.scale[c]!;
      }
      writePixel(thumbnail, y * width + x, pixel[red!]!, pixel[green!]!, pixel[blue!]!);
    }
  }
  return thumbnail;
}

function sized(into: Thumbnail | undefined, width: number, height: number): Thumbnail {
  const bytes = 3 * width * height;
  if (!into || into.planes.length < bytes) return { width, height, planes: new Uint8Array(bytes) };
  into.width = width;
  into.height = height;
  return into;
}

/** Full-range BT.601, as JFIF has it. */
function writePixel({ planes, width, height }: Thumbnail, at: number, r: number, g: number, b: number): void {
  const size = width * height;
  planes[at] = clamped(0.299 * r + 0.587 * g + 0.114 * b);
  planes[size + at] = clamped(128 - 0.168736 * r - 0.331264 * g + 0.5 * b);
  planes[2 * size + at] = clamped(128 + 0.5 * r - 0.418688 * g - 0.081312 * b);
}

const clamped = (value: number): number => Math.max(0, Math.min(255, Math.round(value)));
