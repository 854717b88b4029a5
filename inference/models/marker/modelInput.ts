import type { MarkerBox, Picture } from './drawMarker.ts';
import { modelSize } from './pyramid.ts';

const padLevel = 114 / 255;

/** How a picture lies in the model's input: input = picture * scale + offset. */
export interface Letterbox {
  scale: number;
  offsetX: number;
  offsetY: number;
}

export function letterboxOf(width: number, height: number): Letterbox {
  const scale = Math.min(modelSize.width / width, modelSize.height / height);
  return {
    scale,
    offsetX: Math.floor((modelSize.width - width * scale) / 2),
    offsetY: Math.floor((modelSize.height - height * scale) / 2),
  };
}

/** Shares of the source pixels [first, last) that target pixel `at` covers. */
function coverage(at: number, step: number, limit: number): { first: number; weights: number[] } {
  const from = at * step;
  const to = Math.min(limit, (at + 1) * step);
  const first = Math.floor(from);
  const weights = [];
  for (let source = first; source < to; source++) weights.push(Math.min(to, source + 1) - Math.max(from, source));
  return { first, weights };
}

/**
 * A picture as the model's `images`, float32 [3, 288, 512], by area averaging, letterboxed. Pictures smaller than the
 * input are enlarged with repeated pixels. For tests and figures: the pipeline has its own scaler.
 */
export function modelInput(
  picture: Picture,
  into = new Float32Array(3 * modelSize.width * modelSize.height),
): Float32Array {
  const { scale, offsetX, offsetY } = letterboxOf(picture.width, picture.height);
  const plane = modelSize.width * modelSize.height;
  into.fill(padLevel);
  const [width, height] = [Math.round(picture.width * scale), Math.round(picture.height * scale)];
  const columns = Array.from({ length: width }, (_, x) => coverage(x, 1 / scale, picture.width));
  const rows = Array.from({ length: height }, (_, y) => coverage(y, 1 / scale, picture.height));
  const colours = Math.min(3, picture.channels);
  for (let y = 0; y < height; y++) {
    const row = rows[y]!;
    for (let x = 0; x < width; x++) {
      const column = columns[x]!;
      for (let colour = 0; colour < colours; colour++) {
        let sum = 0;
        let total = 0;
        for (let j = 0; j < row.weights.length; j++) {
          for (let i = 0; i < column.weights.length; i++) {
            const weight = row.weights[j]! * column.weights[i]!;
            sum +=
              weight * picture.data[((row.first + j) * picture.width + column.first + i) * picture.channels + colour]!;
            total += weight;
          }
        }
        const at = (y + offsetY) * modelSize.width + x + offsetX;
        const value = sum / total / 255;
        if (colours === 1) into[at] = into[plane + at] = into[2 * plane + at] = value;
        else into[colour * plane + at] = value;
      }
    }
  }
  return into;
}

export interface FoundMarker {
  box: MarkerBox;
  score: number;
  label: number;
}

/** Rows of the output above a score, boxes in picture pixels. */
export function readDetections(rows: Float32Array, letterbox: Letterbox, minScore: number): FoundMarker[] {
  const found: FoundMarker[] = [];
  for (let at = 0; at < rows.length; at += 6) {
    const [x1, y1, x2, y2, score, label] = rows.subarray(at, at + 6) as unknown as [
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    if (score < minScore) continue;
    const { scale, offsetX, offsetY } = letterbox;
    const box = {
      x1: (x1 - offsetX) / scale,
      y1: (y1 - offsetY) / scale,
      x2: (x2 - offsetX) / scale,
      y2: (y2 - offsetY) / scale,
    };
    found.push({ box, score, label });
  }
  return found;
}

export function intersectionOverUnion(a: MarkerBox, b: MarkerBox): number {
  const width = Math.max(0, Math.min(a.x2, b.x2) - Math.max(a.x1, b.x1));
  const height = Math.max(0, Math.min(a.y2, b.y2) - Math.max(a.y1, b.y1));
  const both = width * height;
  const area = (box: MarkerBox) => (box.x2 - box.x1) * (box.y2 - box.y1);
  return both / (area(a) + area(b) - both);
}
