import type { DrawnBox, PictureRect } from './DrawnRecord.ts';
import { inkOn } from './inkOn.ts';
import type { OverlayOptions } from './OverlayOptions.ts';

/** Boxes and their labels, over the picture already drawn in `rect`. `speedOf`: in words, where it is to be said. */
export function drawDetections(
  context: CanvasRenderingContext2D,
  rect: PictureRect,
  boxes: readonly DrawnBox[],
  options: Readonly<OverlayOptions>,
  pixelRatio: number,
  speedOf?: (trackId: number) => string | undefined,
): void {
  if (boxes.length === 0) return;
  context.save();
  context.beginPath();
  context.rect(rect.x, rect.y, rect.width, rect.height);
  context.clip();
  if (options.boxes) for (const box of boxes) drawBox(context, rect, box, options.lineWidthPx * pixelRatio);
  if (options.labels) {
    context.font = `600 ${Math.round(options.fontSizePx * pixelRatio)}px system-ui, sans-serif`;
    context.textBaseline = 'middle';
    for (const box of boxes) drawLabel(context, rect, box, options, pixelRatio, speedOf?.(box.trackId));
  }
  context.restore();
}

/** Coloured line on a dark one a little wider, so that it shows on any picture; dashed and faded = predicted. */
function drawBox(context: CanvasRenderingContext2D, rect: PictureRect, box: DrawnBox, lineWidth: number): void {
  const [x, y] = [rect.x + box.x * rect.width, rect.y + box.y * rect.height];
  const [w, h] = [box.w * rect.width, box.h * rect.height];
  context.globalAlpha = box.predicted ? 0.6 : 1;
  context.setLineDash(box.predicted ? [lineWidth * 4, lineWidth * 3] : []);
  context.strokeStyle = 'rgb(0 0 0 / 45%)';
  context.lineWidth = lineWidth * 2;
  context.strokeRect(x, y, w, h);
  context.strokeStyle = box.color;
  context.lineWidth = lineWidth;
  context.strokeRect(x, y, w, h);
}

/** A chip above the box, or inside it where there is no room above, in the label's colour. */
function drawLabel(
  context: CanvasRenderingContext2D,
  rect: PictureRect,
  box: DrawnBox,
  options: Readonly<OverlayOptions>,
  pixelRatio: number,
  speed: string | undefined,
): void {
  const words = labelWords(box, options, speed);
  const height = Math.round(options.fontSizePx * 1.5 * pixelRatio);
  const padding = Math.round(5 * pixelRatio);
  const width = context.measureText(words).width + 2 * padding;
  const half = (options.lineWidthPx * pixelRatio) / 2;
  const left = rect.x + box.x * rect.width - half;
  const top = rect.y + box.y * rect.height - height - half;
  const x = Math.max(rect.x, Math.min(left, rect.x + rect.width - width));
  const y = top < rect.y ? Math.max(rect.y, rect.y + box.y * rect.height + half) : top;
  context.globalAlpha = box.predicted ? 0.6 : 1;
  context.setLineDash([]);
  context.fillStyle = box.color;
  context.beginPath();
  context.roundRect(x, y, width, height, 3 * pixelRatio);
  context.fill();
  context.fillStyle = inkOn(box.color);
  context.fillText(words, x + padding, y + height / 2);
}

function labelWords(box: DrawnBox, { scores, trackIds }: Readonly<OverlayOptions>, speed: string | undefined): string {
  const words = [box.label];
  if (trackIds && box.trackId !== 0) words.push(`#${box.trackId}`);
  if (scores) words.push(`${Math.round(box.score * 100)} %`);
  if (speed !== undefined) words.push(speed);
  return words.join(' ');
}
