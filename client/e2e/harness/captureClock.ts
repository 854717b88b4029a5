import type { codeStrip } from '../clip/pictureCode.ts';

declare global {
  interface Window {
    /** Number strip of each captured frame and when the page got it from the camera, Unix ms. Newest last, bounded. */
    captured: { cells: number[]; atMs: number }[];
  }
}

/**
 * Runs in the publish page before its scripts: reads the number strip of every frame as the camera hands it out, on a
 * clone of the track, so that a viewer's picture can be dated. Both pages are on one machine and share its clock.
 */
export function recordCaptureTimes({ strip, cellCount }: { strip: typeof codeStrip; cellCount: number }): void {
  window.captured = [];
  const capture = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  const readFrames = async (track: MediaStreamTrack) => {
    type Processor = new (options: { track: MediaStreamTrack }) => { readable: ReadableStream<VideoFrame> };
    const { MediaStreamTrackProcessor } = globalThis as unknown as { MediaStreamTrackProcessor: Processor };
    const reader = new MediaStreamTrackProcessor({ track }).readable.getReader();
    let plane = new Uint8Array(0);
    for (;;) {
      const { value: frame, done } = await reader.read();
      if (done) return;
      const atMs = performance.timeOrigin + performance.now();
      const width = frame.codedWidth;
      const height = frame.codedHeight;
      if (frame.format !== 'I420' && frame.format !== 'NV12') throw new Error(`unknown capture format ${frame.format}`);
      if (plane.length !== frame.allocationSize()) plane = new Uint8Array(frame.allocationSize());
      const [luma] = await frame.copyTo(plane);
      frame.close();
      const y = Math.round(((strip.top + strip.bottom) / 2) * height);
      const cell = ((strip.right - strip.left) * width) / cellCount;
      const cells = Array.from(
        { length: cellCount },
        (_, i) => plane[luma!.offset + y * luma!.stride + Math.round(strip.left * width + (i + 0.5) * cell)]!,
      );
      window.captured.push({ cells, atMs });
      if (window.captured.length > 20_000) window.captured.splice(0, 10_000);
    }
  };
  navigator.mediaDevices.getUserMedia = async (constraints) => {
    const stream = await capture(constraints);
    const [video] = stream.getVideoTracks();
    if (video) void readFrames(video.clone());
    return stream;
  };
}
