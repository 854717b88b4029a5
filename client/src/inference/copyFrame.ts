/** Newer than TypeScript's DOM library: how the pixels are to be turned before they are shown. */
type Turned = VideoFrame & { rotation?: number; flip?: boolean };

/**
 * A frame of the same pixels with a timestamp of its own, µs. A `new VideoFrame(frame, {timestamp})` keeps the capture time
 * that rides in a frame, by which Chromium makes RTP timestamps, and the camera's buffer, of which there are few: pixels
 * have neither. Closes `frame`.
 */
export async function copyFrame(frame: VideoFrame, timestampUs: number): Promise<VideoFrame> {
  try {
    return await copyPixels(frame, timestampUs);
  } finally {
    frame.close();
  }
}

async function copyPixels(frame: Turned, timestamp: number): Promise<VideoFrame> {
  const { format, visibleRect, colorSpace, rotation, flip } = frame;
  if (!format || !visibleRect) return drawFrame(frame, timestamp);
  const pixels = new Uint8Array(frame.allocationSize());
  await frame.copyTo(pixels);
  return new VideoFrame(pixels, {
    ...{ format, timestamp, codedWidth: visibleRect.width, codedHeight: visibleRect.height },
    ...{ colorSpace: colorSpace.toJSON(), transfer: [pixels.buffer] },
    ...(rotation ? { rotation } : {}),
    ...(flip ? { flip } : {}),
  });
}

/** One whose pixels are in memory of the GPU only. */
function drawFrame(frame: VideoFrame, timestamp: number): VideoFrame {
  const canvas = new OffscreenCanvas(frame.displayWidth, frame.displayHeight);
  const context = canvas.getContext('2d', { alpha: false });
  if (!context) throw new Error('this browser gives a worker no 2D canvas');
  context.drawImage(frame, 0, 0);
  return new VideoFrame(canvas, { timestamp });
}
