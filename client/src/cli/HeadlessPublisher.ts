import type { PublisherOptions } from '../rtc/Publisher.ts';
import { Publisher } from '../rtc/Publisher.ts';
import { installWrtc } from './installWrtc.ts';
import { signalingUrlOf } from './signalingUrlOf.ts';

export interface HeadlessPublisherOptions extends Pick<PublisherOptions, 'streamId' | 'token' | 'maxBitrateBps'> {
  /** e.g. `http://127.0.0.1:8080`. */
  serverUrl: string;
  /** No H264 in @roamhq/wrtc. */
  codec?: 'vp8' | 'vp9' | 'av1';
  width?: number;
  height?: number;
  fps?: number;
}

/** Publishes a moving test picture from Node: the Publisher of the page on libwebrtc, without a browser. */
export class HeadlessPublisher {
  readonly publisher: Publisher;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly track: MediaStreamTrack;
  framesSent = 0;

  static async create(options: HeadlessPublisherOptions): Promise<HeadlessPublisher> {
    const { RTCVideoSource } = installWrtc();
    const { width = 640, height = 360, fps = 15, serverUrl, streamId, token, codec, maxBitrateBps } = options;
    const source = new RTCVideoSource();
    const track = source.createTrack();
    const publisher = await Publisher.create({
      streamId,
      ...(token ? { token } : {}),
      ...(codec ? { codec } : {}),
      maxBitrateBps: maxBitrateBps ?? 1_000_000,
      source: new MediaStream([track]),
      signalingUrl: signalingUrlOf(serverUrl),
    });
    const data = new Uint8ClampedArray(width * height * 1.5);
    const headless: HeadlessPublisher = new HeadlessPublisher(publisher, track, 1000 / fps, () => {
      drawTestPicture(data, width, height, headless.framesSent++);
      source.onFrame({ width, height, data });
    });
    return headless;
  }

  private constructor(publisher: Publisher, track: MediaStreamTrack, everyMs: number, sendFrame: () => void) {
    this.publisher = publisher;
    this.track = track;
    this.#timer = setInterval(sendFrame, everyMs);
  }

  /** Resolves when live; rejects when it gave up. */
  live(): Promise<void> {
    if (this.publisher.state === 'live') return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.publisher.on('state', (state) => {
        if (state === 'live') resolve();
      });
      this.publisher.on('problem', ({ fatal, message }) => {
        if (fatal) reject(new Error(message));
      });
    });
  }

  close(reason: string): void {
    clearInterval(this.#timer);
    this.publisher.close(reason);
    this.track.stop();
  }
}

/** I420: a grey ramp with a bright square that goes round, so that every picture differs from the one before. */
function drawTestPicture(data: Uint8ClampedArray, width: number, height: number, frameNumber: number): void {
  data.fill(128, width * height);
  for (let y = 0; y < height; y++) data.fill(60 + (y * 100) / height, y * width, (y + 1) * width);
  const side = Math.floor(height / 4);
  const left = Math.floor(((Math.sin(frameNumber / 15) + 1) / 2) * (width - side));
  const top = Math.floor(((Math.cos(frameNumber / 15) + 1) / 2) * (height - side));
  for (let y = top; y < top + side; y++) data.fill(230, y * width + left, y * width + left + side);
}
