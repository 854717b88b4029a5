import { rtpTicksBetween, type DetectionMessage, type ModelDescription } from '@framelock/server/protocol';
import { unixNowMs } from '../../signaling/ClockOffset.ts';
import type { OverlayCounters } from '../stats/OverlayCounters.ts';
import { BlurLayer } from './BlurLayer.ts';
import { CanvasSurface } from './CanvasSurface.ts';
import { chooseBoxes, exactChoice, type BoxChoice } from './chooseBoxes.ts';
import type { DetectionBuffer } from './DetectionBuffer.ts';
import { drawDetections } from './drawDetections.ts';
import { drawZones } from './drawZones.ts';
import type { DrawnBox, DrawnRecord, PictureCopy, PictureRect } from './DrawnRecord.ts';
import type { Picture } from './FrameSource.ts';
import type { LayerClock } from './LayerClock.ts';
import { letterbox } from './letterbox.ts';
import type { OverlayOptions } from './OverlayOptions.ts';
import { colorOfLabel } from './overlayPalette.ts';
import { rtpClock, type PictureClock } from './PictureClock.ts';
import { TrailLayer } from './TrailLayer.ts';
import type { ZoneLayer } from './ZoneLayer.ts';

export interface OverlayCompositorOptions {
  canvas: HTMLCanvasElement;
  buffer: DetectionBuffer;
  counters: OverlayCounters;
  layers: LayerClock;
  zones?: ZoneLayer;
  overlay: OverlayOptions;
  /**
   * Synchronously after each composite. `message`: what exact boxes came from, or the newest of what others came from.
   * `repaint`: nothing new, the canvas or its options changed.
   */
  onDrawn(record: DrawnRecord, message: DetectionMessage | undefined, repaint: boolean): void;
}

/** Model revisions whose labels are kept: messages of the one before still arrive after a change. */
const keptDescriptions = 8;
const nothingChosen: BoxChoice = { kind: 'unanalysed', boxes: [], boxesRtp: null, message: undefined };

/**
 * Puts a picture and its boxes on one canvas in one synchronous go, so that no box is ever seen over another picture.
 * Keeps the picture on the canvas (one VideoFrame) and draws it again, with its own boxes, when the canvas changes size,
 * the overlay's options change, or its detections come while it is still shown.
 */
export class OverlayCompositor {
  readonly #options: OverlayCompositorOptions;
  readonly #surface: CanvasSurface;
  readonly #descriptions = new Map<number, ModelDescription>();
  readonly #record: DrawnRecord;
  #overlay: OverlayOptions;
  #hidden: ReadonlySet<string>;
  #blurred: ReadonlySet<string>;
  /** From the first wish on. */
  #blur: BlurLayer | undefined;
  #image: VideoFrame | HTMLVideoElement | undefined;
  #own = false;
  #clock: PictureClock = rtpClock;
  #producerId: string | undefined;
  #choice: BoxChoice = nothingChosen;
  /** Of the shown boxes. */
  #description: ModelDescription | undefined;
  #predictions = false;
  readonly #trails = new TrailLayer();
  readonly #speedOf: ((trackId: number) => string | undefined) | undefined;

  constructor(options: OverlayCompositorOptions) {
    this.#options = options;
    const { zones } = options;
    this.#speedOf = zones && ((trackId) => zones.speedOf(trackId));
    this.#overlay = options.overlay;
    this.#hidden = new Set(options.overlay.hiddenLabels);
    this.#blurred = new Set(options.overlay.blurredLabels);
    this.#surface = new CanvasSurface(options.canvas, () => this.redraw());
    this.#record = {
      ...{
        publicationId: '',
        rtpTimestamp: null,
        analysedRtpTimestamp: null,
        kind: 'unanalysed',
        boxesRtpTimestamp: null,
        basedOnRtpTimestamp: null,
      },
      ...{ boxes: [], pictureRect: { x: 0, y: 0, width: 0, height: 0 }, pictureWidth: 0, pictureHeight: 0 },
      ...{ mediaTimeMs: 0, drawnAtMs: 0, redraw: false },
    };
  }

  /** Live predicts, Lock waits. */
  setPredictions(predictions: boolean): void {
    this.#predictions = predictions;
  }

  setOverlay(overlay: OverlayOptions): void {
    this.#overlay = overlay;
    this.#hidden = new Set(overlay.hiddenLabels);
    this.#blurred = new Set(overlay.blurredLabels);
    if (!overlay.trails) this.#trails.clear();
    this.redraw();
  }

  addDescription(description: ModelDescription): void {
    this.#descriptions.set(description.revision, description);
    const oldest = this.#descriptions.keys().next().value;
    if (this.#descriptions.size > keptDescriptions && oldest !== undefined) this.#descriptions.delete(oldest);
    this.redraw();
  }

  clearDescriptions(): void {
    this.#descriptions.clear();
  }

  /** Takes the picture over: it is closed when the next one replaces it. */
  onPicture(picture: Picture): void {
    if (this.#image !== picture.image) this.#closeImage();
    const { buffer, counters } = this.#options;
    const record = this.#record;
    this.#image = picture.image;
    this.#own = picture.own;
    this.#clock = picture.clock;
    this.#producerId = picture.producerId;
    record.publicationId = buffer.publicationId ?? '';
    record.rtpTimestamp = picture.rtpTimestamp ?? null;
    record.analysedRtpTimestamp = this.#toAnalysed(record.rtpTimestamp);
    record.pictureWidth = picture.width;
    record.pictureHeight = picture.height;
    record.mediaTimeMs = picture.mediaTimeMs;
    this.#choice = this.#chooseFor(record.analysedRtpTimestamp, picture.own);
    record.redraw = false;
    this.#composite();
    counters.add(this.#outcome());
    this.#emit(false);
  }

  /** On the clock of the detections; null where the picture has no timestamp, or its layer no known relation to it. */
  #toAnalysed(rtpTimestamp: number | null): number | null {
    if (rtpTimestamp === null) return null;
    return this.#options.layers.toAnalysed(this.#producerId, rtpTimestamp) ?? null;
  }

  #chooseFor(analysedRtp: number | null, own: boolean): BoxChoice {
    if (analysedRtp === null) return nothingChosen;
    const predictions = this.#predictions && this.#overlay.predictions;
    return chooseBoxes(this.#options.buffer, analysedRtp, { predictions, own });
  }

  /** What is known of the layers changed: the picture loses boxes that may not be its own, at once. */
  onLayersChanged(): void {
    const record = this.#record;
    const analysedRtp = this.#toAnalysed(record.rtpTimestamp);
    if (!this.#image || record.publicationId !== this.#options.buffer.publicationId) return;
    if (analysedRtp === record.analysedRtpTimestamp) return;
    record.analysedRtpTimestamp = analysedRtp;
    this.#choice = nothingChosen;
    this.redraw();
  }

  /** Newly buffered detections: when they are the shown picture's own, it is drawn again with them at once. */
  onDetections(rtpTimestamp: number): void {
    const record = this.#record;
    if (!this.#image || rtpTimestamp !== record.analysedRtpTimestamp) return;
    if (this.#choice.kind === 'exact' || !this.#own) return;
    const { buffer, counters } = this.#options;
    const exact = buffer.exact(rtpTimestamp);
    if (!exact || buffer.publicationId !== record.publicationId) return;
    this.#choice = exactChoice(exact, true);
    record.redraw = true;
    this.#composite();
    counters.improve(this.#outcome());
    this.#emit(false);
  }

  /** The same picture with the boxes it had; without them when its pixels may be newer ones by now: a live <video>. */
  redraw(): void {
    if (!this.#image) return;
    if (!this.#own) this.#choice = nothingChosen;
    this.#record.redraw = true;
    this.#composite();
    this.#emit(true);
  }

  /** What is shown now, without its boxes, and they beside it; undefined before the first picture. */
  copyPicture(): PictureCopy | undefined {
    const { pictureWidth: width, pictureHeight: height, boxes } = this.#record;
    if (!this.#image || width === 0 || height === 0) return undefined;
    const canvas = Object.assign(document.createElement('canvas'), { width, height });
    canvas.getContext('2d', { alpha: false })?.drawImage(this.#image, 0, 0, width, height);
    return { canvas, boxes: boxes.map((box) => ({ ...box })) };
  }

  #composite(): void {
    const { context, canvas, pixelRatio } = this.#surface;
    const record = this.#record;
    const rect = letterbox(canvas.width, canvas.height, record.pictureWidth, record.pictureHeight);
    if (rect.width < canvas.width || rect.height < canvas.height) {
      context.fillStyle = '#000';
      context.fillRect(0, 0, canvas.width, canvas.height);
    }
    context.drawImage(this.#image!, rect.x, rect.y, rect.width, rect.height);
    const boxes = this.#drawnBoxes();
    if (this.#blurred.size > 0) this.#drawBlur(rect, boxes);
    const { zones } = this.#options;
    zones?.show(record.analysedRtpTimestamp);
    if (zones && this.#overlay.zones) drawZones(context, rect, zones.shapes, this.#overlay, pixelRatio);
    if (this.#overlay.trails) this.#drawTrails(rect, boxes);
    drawDetections(context, rect, boxes, this.#overlay, pixelRatio, this.#overlay.speeds ? this.#speedOf : undefined);
    record.kind = this.#choice.kind;
    record.boxes = boxes;
    record.boxesRtpTimestamp = this.#choice.boxesRtp;
    record.basedOnRtpTimestamp = this.#choice.message?.rtp ?? null;
    record.pictureRect = rect;
    record.drawnAtMs = unixNowMs();
  }

  #drawBlur(rect: PictureRect, boxes: readonly DrawnBox[]): void {
    const { pictureWidth: width, pictureHeight: height } = this.#record;
    this.#blur ??= new BlurLayer();
    this.#blur.draw(this.#surface.context, this.#image!, { rect, width, height }, boxes, this.#blurred);
  }

  #drawTrails(rect: PictureRect, boxes: readonly DrawnBox[]): void {
    const { context, pixelRatio } = this.#surface;
    const { publicationId, analysedRtpTimestamp: rtp, redraw } = this.#record;
    if (!redraw && rtp !== null) this.#trails.add(publicationId, rtp, boxes);
    this.#trails.draw(context, rect, this.#overlay.lineWidthPx * pixelRatio);
  }

  #drawnBoxes(): DrawnBox[] {
    const { boxes, message, kind } = this.#choice;
    if (!message) return [];
    // Revisions begin at 1 in each Publication: the last picture of one that is over keeps its own labels.
    if (message.pub === this.#options.buffer.publicationId) {
      this.#description = this.#descriptions.get(message.model);
    }
    const description = this.#description;
    const { minScore, colours } = this.#overlay;
    const drawn: DrawnBox[] = [];
    for (const box of boxes) {
      const label = description?.labels[box.labelIndex] ?? `class ${box.labelIndex}`;
      if (box.score < minScore || this.#hidden.has(label)) continue;
      const color = colours[label] ?? colorOfLabel(label);
      drawn.push({ ...box, label, color, predicted: kind === 'extrapolated' });
    }
    return drawn;
  }

  /** Measured from what is on the canvas: the drawn pixels' own timestamp, on the detections' clock, against the drawn boxes' message. */
  #outcome() {
    const { kind, boxesRtp, message } = this.#choice;
    const record = this.#record;
    const pixelsRtp = this.#toAnalysed(this.#timestampOfPixels() ?? record.rtpTimestamp);
    const errorTicks = boxesRtp === null || pixelsRtp === null ? null : Math.abs(rtpTicksBetween(pixelsRtp, boxesRtp));
    const wrongFrame = kind === 'exact' && (errorTicks !== 0 || message?.pub !== record.publicationId);
    return { kind, errorTicks, wrongFrame };
  }

  #timestampOfPixels(): number | undefined {
    if (typeof VideoFrame === 'undefined' || !(this.#image instanceof VideoFrame)) return undefined;
    return this.#clock.ofPixels(this.#image);
  }

  #emit(repaint: boolean): void {
    this.#options.onDrawn(this.#record, this.#choice.message, repaint);
  }

  #closeImage(): void {
    if (typeof VideoFrame !== 'undefined' && this.#image instanceof VideoFrame) this.#image.close();
    this.#image = undefined;
  }

  close(): void {
    this.#surface.close();
    this.#closeImage();
  }
}
