/** RGBA, 8 bits each, alpha not multiplied in. */
export interface Pixels {
  data: Uint8Array | Uint8ClampedArray;
  width: number;
  height: number;
}

/** Whole pixels. */
export interface PixelRect {
  x: number;
  y: number;
  width: number;
  height: number;
}

/**
 * Part of a picture, made smaller where a side of it is longer than `maxSide`: each new pixel is the mean of the area
 * that it covers, weighted by alpha, so that no detail of a large photo is missed and no colour bleeds from what can't be seen.
 */
export function cropAndFit(source: Pixels, crop: PixelRect, maxSide: number): Pixels {
  const scale = Math.min(1, maxSide / Math.max(crop.width, crop.height));
  const width = Math.max(1, Math.round(crop.width * scale));
  const height = Math.max(1, Math.round(crop.height * scale));
  const data = new Uint8ClampedArray(width * height * 4);
  const columns = spans(crop.width, width);
  const rows = spans(crop.height, height);
  const sums = new Float32Array(crop.width * 4);
  for (let y = 0; y < height; y++) {
    sums.fill(0);
    const row = rows[y]!;
    for (let i = row.first; i <= row.last; i++) addRow(sums, source, crop, i, weightOf(row, i));
    writeRow(data, y * width * 4, sums, columns, crop.height / height);
  }
  return { data, width, height };
}

/** Which source pixels one new pixel covers, with the weights of the outer two. */
interface Span {
  first: number;
  last: number;
  firstWeight: number;
  lastWeight: number;
}

function spans(from: number, to: number): Span[] {
  const step = from / to;
  return Array.from({ length: to }, (_, i) => {
    const [start, end] = [i * step, Math.min((i + 1) * step, from)];
    const first = Math.floor(start);
    // Less a little: 2.9999999 and 3 are the same end.
    const last = Math.max(first, Math.ceil(end - 1e-6) - 1);
    const firstWeight = Math.min(first + 1, end) - start;
    return { first, last, firstWeight, lastWeight: last === first ? firstWeight : end - last };
  });
}

function weightOf({ first, last, firstWeight, lastWeight }: Span, i: number): number {
  if (i === first) return firstWeight;
  return i === last ? lastWeight : 1;
}

/** Adds one row, colours multiplied by alpha: [r·a, g·a, b·a, a] a pixel. */
function addRow(sums: Float32Array, source: Pixels, crop: PixelRect, y: number, weight: number): void {
  const { data } = source;
  let from = ((crop.y + y) * source.width + crop.x) * 4;
  for (let to = 0; to < sums.length; to += 4, from += 4) {
    const alpha = data[from + 3]! * weight;
    sums[to] = sums[to]! + data[from]! * alpha;
    sums[to + 1] = sums[to + 1]! + data[from + 1]! * alpha;
    sums[to + 2] = sums[to + 2]! + data[from + 2]! * alpha;
    sums[to + 3] = sums[to + 3]! + alpha;
  }
}

/** `rowWeight`: how many source rows are in the sums. */
function writeRow(data: Uint8ClampedArray, at: number, sums: Float32Array, columns: Span[], rowWeight: number): void {
  for (let x = 0; x < columns.length; x++) {
    const column = columns[x]!;
    let [red, green, blue, alpha, area] = [0, 0, 0, 0, 0];
    for (let i = column.first; i <= column.last; i++) {
      const weight = weightOf(column, i);
      red += sums[i * 4]! * weight;
      green += sums[i * 4 + 1]! * weight;
      blue += sums[i * 4 + 2]! * weight;
      alpha += sums[i * 4 + 3]! * weight;
      area += weight * rowWeight;
    }
    const to = at + x * 4;
    if (alpha <= 0) continue;
    data[to] = red / alpha;
    data[to + 1] = green / alpha;
    data[to + 2] = blue / alpha;
    data[to + 3] = alpha / area;
  }
}

/** Nothing at all can be seen. */
export function isEmpty({ data }: Pixels): boolean {
  for (let at = 3; at < data.length; at += 4) if (data[at]! > 0) return false;
  return true;
}

/** Undoes what renderers do: colours that are multiplied by their alpha. */
export function unmultiply(data: Uint8Array): Uint8ClampedArray {
  const result = new Uint8ClampedArray(data.length);
  for (let at = 0; at < data.length; at += 4) {
    const alpha = data[at + 3]!;
    if (alpha === 0) continue;
    for (let i = 0; i < 3; i++) result[at + i] = (data[at + i]! * 255) / alpha;
    result[at + 3] = alpha;
  }
  return result;
}
