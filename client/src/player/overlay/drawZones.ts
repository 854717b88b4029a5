import type { PictureRect } from './DrawnRecord.ts';
import type { OverlayOptions } from './OverlayOptions.ts';
import type { DrawnShape } from './ZoneLayer.ts';

/** Zones and lines with their names and figures, over the picture and under its boxes. */
export function drawZones(
  context: CanvasRenderingContext2D,
  rect: PictureRect,
  shapes: readonly DrawnShape[],
  { lineWidthPx, fontSizePx }: Readonly<OverlayOptions>,
  pixelRatio: number,
): void {
  if (shapes.length === 0) return;
  context.save();
  context.beginPath();
  context.rect(rect.x, rect.y, rect.width, rect.height);
  context.clip();
  context.lineJoin = 'round';
  context.lineCap = 'round';
  const lineWidth = lineWidthPx * pixelRatio;
  for (let i = 0; i < shapes.length; i++) {
    const shape = shapes[i]!;
    trace(context, rect, shape);
    if (!shape.isLine) {
      context.globalAlpha = shape.busy ? 0.26 : 0.12;
      context.fillStyle = shape.colour;
      context.fill();
    }
    stroke(context, shape.colour, lineWidth);
    if (shape.isLine) drawArrow(context, rect, shape, lineWidth, pixelRatio);
  }
  context.font = `600 ${Math.round(fontSizePx * pixelRatio)}px system-ui, sans-serif`;
  context.textBaseline = 'middle';
  for (let i = 0; i < shapes.length; i++) drawWords(context, rect, shapes[i]!, fontSizePx * pixelRatio);
  context.restore();
}

/** On any picture: in its colour, on a darker line a little wider. */
function stroke(context: CanvasRenderingContext2D, colour: string, lineWidth: number): void {
  context.globalAlpha = 1;
  context.strokeStyle = 'rgb(0 0 0 / 45%)';
  context.lineWidth = lineWidth * 2;
  context.stroke();
  context.strokeStyle = colour;
  context.lineWidth = lineWidth;
  context.stroke();
}

function trace(context: CanvasRenderingContext2D, rect: PictureRect, { points, isLine }: DrawnShape): void {
  context.beginPath();
  for (let i = 0; i < points.length; i += 2) {
    const x = rect.x + points[i]! * rect.width;
    const y = rect.y + points[i + 1]! * rect.height;
    if (i === 0) context.moveTo(x, y);
    else context.lineTo(x, y);
  }
  if (!isLine) context.closePath();
}

/** From the middle of a line to its `in` side: to the right of who looks from its first point to its last. */
function drawArrow(
  context: CanvasRenderingContext2D,
  rect: PictureRect,
  { points, colour }: DrawnShape,
  lineWidth: number,
  pixelRatio: number,
): void {
  const dx = (points[2]! - points[0]!) * rect.width;
  const dy = (points[3]! - points[1]!) * rect.height;
  const length = Math.hypot(dx, dy);
  if (length === 0) return;
  const [inX, inY] = [-dy / length, dx / length];
  const [alongX, alongY] = [dx / length, dy / length];
  const reach = Math.min(24 * pixelRatio, length / 2);
  const head = reach * 0.38;
  const x = rect.x + ((points[0]! + points[2]!) / 2) * rect.width;
  const y = rect.y + ((points[1]! + points[3]!) / 2) * rect.height;
  const [tipX, tipY] = [x + inX * reach, y + inY * reach];
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(tipX, tipY);
  context.moveTo(tipX - (inX + alongX) * head, tipY - (inY + alongY) * head);
  context.lineTo(tipX, tipY);
  context.lineTo(tipX - (inX - alongX) * head, tipY - (inY - alongY) * head);
  stroke(context, colour, lineWidth);
}

/** A dark chip with the shape's colour at its side, so that it is not taken for an object's. */
function drawWords(context: CanvasRenderingContext2D, rect: PictureRect, shape: DrawnShape, fontSize: number): void {
  const { points, isLine } = shape;
  if (shape.font !== context.font) {
    shape.font = context.font;
    shape.wordsWidth = context.measureText(shape.words).width;
  }
  const height = Math.round(fontSize * 1.6);
  const padding = Math.round(fontSize * 0.45);
  const bar = Math.max(2, Math.round(fontSize * 0.26));
  const width = bar + 2 * padding + shape.wordsWidth;
  // A zone's at its highest corner, a line's at its first point.
  let at = 0;
  if (!isLine) for (let i = 2; i < points.length; i += 2) if (points[i + 1]! < points[at + 1]!) at = i;
  const gap = Math.round(fontSize * 0.4);
  const x = within(rect.x + points[at]! * rect.width + gap, rect.x, rect.x + rect.width - width);
  const y = within(rect.y + points[at + 1]! * rect.height + gap, rect.y, rect.y + rect.height - height);
  context.globalAlpha = 1;
  context.fillStyle = 'rgb(11 14 20 / 80%)';
  context.beginPath();
  context.roundRect(x, y, width, height, 3);
  context.fill();
  context.fillStyle = shape.colour;
  context.fillRect(x, y, bar, height);
  context.fillStyle = '#f2f4f7';
  context.fillText(shape.words, x + bar + padding, y + height / 2);
}

const within = (at: number, least: number, most: number): number => Math.max(least, Math.min(most, at));
