/** Smallest picture that libwebrtc gives a VP9 spatial layer of its own, pixels (modules/video_coding/codecs/vp9/svc_config.cc). */
const smallestLayer = { longSide: 240, shortSide: 135 };

export interface SentVideo {
  /** W3C webrtc-svc, e.g. `L3T3_KEY`; undefined = one layer. */
  scalabilityMode: string | undefined;
  /** The publisher's largest picture; unknown until its first report. */
  width?: number | undefined;
  height?: number | undefined;
  /** Spatial layer received now. */
  layer: number | null;
}

/** How many spatial layers there really are: a browser sends fewer than were asked for where the picture is small. */
export function spatialLayers({ scalabilityMode, width, height, layer }: SentVideo): number {
  const asked = Number(/^[LS](\d)T\d/.exec(scalabilityMode ?? '')?.[1] ?? 1);
  if (asked === 1) return 1;
  const room = width && height ? layersThatFit(width, height) : asked;
  return Math.max(Math.min(asked, room), (layer ?? 0) + 1);
}

function layersThatFit(width: number, height: number): number {
  const ratio = Math.min(
    Math.max(width, height) / smallestLayer.longSide,
    Math.min(width, height) / smallestLayer.shortSide,
  );
  return Math.floor(1 + Math.max(0, Math.log2(ratio)));
}
