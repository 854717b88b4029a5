/** A picture that no codec can make small, so that a test of the uplink has something to send. */
export function noiseTrack({ width = 640, height = 360, fps = 30 } = {}): { track: MediaStreamTrack; close(): void } {
  const canvas = document.createElement('canvas');
  Object.assign(canvas, { width, height });
  const context = canvas.getContext('2d', { alpha: false })!;
  const tile = context.createImageData(256, 256);
  const words = new Uint32Array(tile.data.buffer);
  const draw = () => {
    for (let i = 0; i < words.length; i++) words[i] = (Math.random() * 0x1000000) | 0xff000000;
    for (let x = 0; x < width; x += 256) for (let y = 0; y < height; y += 256) context.putImageData(tile, x, y);
  };
  draw();
  const track = canvas.captureStream(fps).getVideoTracks()[0]!;
  const timer = setInterval(draw, 1000 / fps);
  return {
    track,
    close: () => {
      clearInterval(timer);
      track.stop();
    },
  };
}
