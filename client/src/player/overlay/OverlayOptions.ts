/** What the overlay shows; everything here can change while playing. */
export interface OverlayOptions {
  boxes: boolean;
  /** The chip at each box, with the label's words; score and ObjectTrack id go into it. */
  labels: boolean;
  scores: boolean;
  trackIds: boolean;
  /** Detections below this score are not drawn, 0..1. */
  minScore: number;
  /** Labels not to draw; over WebRTC the sfu does not even send them. */
  hiddenLabels: readonly string[];
  /** Labels whose objects are made unrecognisable, where there are boxes for them. */
  blurredLabels: readonly string[];
  /** Colours of labels, `#rrggbb`; the others have one of the palette. */
  colours: Readonly<Record<string, string>>;
  /** Zones and lines of the Stream, with their figures. */
  zones: boolean;
  /** Where each object was in the last second, as a fading line. */
  trails: boolean;
  /** With the label, where the Stream has a scale for it. */
  speeds: boolean;
  /** Live mode: draw predicted boxes (dashed, faded) on pictures without their own detections. */
  predictions: boolean;
  /** Line width of a box, CSS pixels. */
  lineWidthPx: number;
  /** Font size of a label, CSS pixels. */
  fontSizePx: number;
}

export const defaultOverlayOptions: Readonly<OverlayOptions> = {
  boxes: true,
  labels: true,
  scores: true,
  trackIds: false,
  minScore: 0,
  hiddenLabels: [],
  blurredLabels: [],
  colours: {},
  zones: true,
  trails: false,
  speeds: true,
  predictions: true,
  lineWidthPx: 2,
  fontSizePx: 13,
};
