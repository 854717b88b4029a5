/**
 * How the boxes on a picture came to be:
 * `exact`: detected in this very picture (same RTP timestamp of the same Publication); it may hold no object.
 * `interpolated`: between the detections of an analysed picture before and one after.
 * `extrapolated`: predicted from analysed pictures before it, or of a picture whose own timestamp the browser can't tell.
 * `unanalysed`: no boxes, since there is nothing to draw them from, or no telling where they belong.
 */
export type DrawnKind = 'exact' | 'interpolated' | 'extrapolated' | 'unanalysed';

/** One box as drawn. x, y = top left corner; x, y, w, h in 0..1 of the picture. */
export interface DrawnBox {
  /** 0 = none. */
  trackId: number;
  labelIndex: number;
  label: string;
  score: number;
  x: number;
  y: number;
  w: number;
  h: number;
  color: string;
  /** Drawn dashed and faded: a prediction, not a detection. */
  predicted: boolean;
}

export interface PictureRect {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** A picture of its own, in the video's pixels, and the boxes that were drawn on it. */
export interface PictureCopy {
  canvas: HTMLCanvasElement;
  boxes: DrawnBox[];
}

/** What one composite put on the canvas. The player reuses the object: a listener that keeps anything must copy it. */
export interface DrawnRecord {
  publicationId: string;
  /** The picture's own RTP timestamp, u32. null = this browser tells none; nothing is drawn on its pictures. */
  rtpTimestamp: number | null;
  /** The same frame's on the clock of the detections: another only on a simulcast layer. null = not known. */
  analysedRtpTimestamp: number | null;
  kind: DrawnKind;
  /** On the clock of the detections, the time the drawn boxes stand for: of their own picture (exact), or what they were computed to. null = no boxes. */
  boxesRtpTimestamp: number | null;
  /** RTP timestamp of the newest detections the boxes were made from. */
  basedOnRtpTimestamp: number | null;
  boxes: readonly DrawnBox[];
  /** Where the picture is on the canvas, canvas pixels. */
  pictureRect: PictureRect;
  /** Size of the picture, pixels. */
  pictureWidth: number;
  pictureHeight: number;
  mediaTimeMs: number;
  /** Unix ms (performance.timeOrigin + now). */
  drawnAtMs: number;
  /** The same picture again: its own detections came while it was shown, or the canvas changed size. */
  redraw: boolean;
}
