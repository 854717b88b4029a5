export interface Variant {
  uri: string;
  /** RFC 6381. */
  codecs: readonly string[];
  width: number;
  height: number;
  /** Of the Segment with the most. */
  peakBps: number;
  averageBps: number;
  frameRate: number;
}

/** Multivariant playlist of one rendition (RFC 8216bis 4.4.6.2). */
export function renderMultivariant({ uri, codecs, width, height, peakBps, averageBps, frameRate }: Variant): string {
  const attributes = [
    `BANDWIDTH=${Math.max(1, Math.ceil(peakBps))}`,
    `AVERAGE-BANDWIDTH=${Math.max(1, Math.ceil(averageBps))}`,
    `CODECS="${codecs.join(',')}"`,
    `RESOLUTION=${width}x${height}`,
    `FRAME-RATE=${frameRate.toFixed(3)}`,
  ];
  return `#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-STREAM-INF:${attributes.join(',')}\n${uri}\n`;
}
