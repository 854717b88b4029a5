import { rtpClock, type PictureClock } from './PictureClock.ts';

/** One presented picture. The object is reused; `image` belongs to whoever got it, who closes it when it is a VideoFrame. */
export interface Picture {
  image: VideoFrame | HTMLVideoElement;
  /** u32; of these very pixels when `own`, else of the callback, which can be a frame off. undefined = nobody told. */
  rtpTimestamp: number | undefined;
  own: boolean;
  /** What told the timestamp, so that it can be asked again of the pixels that were drawn. */
  clock: PictureClock;
  /** Whose pictures these are: timestamps of two Producers can't be compared as they are. */
  producerId: string | undefined;
  width: number;
  height: number;
  mediaTimeMs: number;
  /** performance.now() scale: last packet received, given for presentation. NaN where the browser does not tell. */
  receivedAtMs: number;
  presentedAtMs: number;
}

export interface FrameSourceOptions {
  /** The invisible <video> goes in here. */
  container: HTMLElement;
  /** How this video's pictures tell their timestamps; default WebRTC's. */
  clock?: PictureClock;
  /** Whose pictures these are, where no tracks say so. */
  producerId?: string | undefined;
  /** One picture that is not the one before. */
  onPicture(picture: Picture): void;
  /** Last packet of the callback's own picture received: timestamp u32, performance.now() scale. */
  onReceived(rtpTimestamp: number, receivedAtMs: number): void;
  onMissed(count: number): void;
  /** Once: this browser shows pictures and tells of none which it is. */
  onUntimed(): void;
}

/** The first pictures of a track can come without a timestamp where later ones have theirs. */
const untimedBeforeTold = 30;

/**
 * Presented pictures of a MediaStreamTrack or of Media Source Extensions, one by one, by requestVideoFrameCallback (WICG video-rvfc), each with the
 * RTP timestamp of its own pixels. The <video> stays in the document, one pixel large: out of it, or with display: none,
 * browsers stop presenting. A callback that comes too late makes a skipped picture, never a wrong one.
 */
export class FrameSource {
  readonly video: HTMLVideoElement;
  readonly #options: FrameSourceOptions;
  readonly #picture: Picture;
  readonly #clock: PictureClock;
  #producerId: string | undefined;
  #presentedFrames: number | undefined;
  #lastIdentity: number | undefined;
  /** Pictures shown before the first that had a timestamp; undefined once there was one. */
  #untimed: number | undefined = 0;
  /** Of the picture that is shown, where nobody could tell which Frame it is. */
  #unknown: VideoFrameCallbackMetadata | undefined;
  #callback: number | undefined;
  #closed = false;

  static readonly supported = (): boolean =>
    typeof HTMLVideoElement !== 'undefined' && 'requestVideoFrameCallback' in HTMLVideoElement.prototype;

  constructor(options: FrameSourceOptions) {
    this.#options = options;
    this.#clock = options.clock ?? rtpClock;
    this.#producerId = options.producerId;
    const video = document.createElement('video');
    video.muted = true;
    video.autoplay = true;
    video.playsInline = true;
    video.disablePictureInPicture = true;
    video.tabIndex = -1;
    video.setAttribute('aria-hidden', 'true');
    video.style.cssText =
      'position:absolute;left:0;top:0;width:1px;height:1px;opacity:0;pointer-events:none;contain:strict';
    options.container.append(video);
    this.video = video;
    this.#picture = {
      ...{ image: video, rtpTimestamp: 0, own: false, clock: this.#clock, producerId: undefined },
      ...{ width: 0, height: 0, mediaTimeMs: 0, receivedAtMs: NaN, presentedAtMs: NaN },
    };
    document.addEventListener('visibilitychange', this.#onVisibility);
    this.#request();
  }

  /** Plays tracks (WebRTC), and not what something else feeds. */
  get playsTracks(): boolean {
    return this.#clock === rtpClock;
  }

  /** Of the video that plays. */
  get producerId(): string | undefined {
    return this.#producerId;
  }

  /**
   * Plays these tracks; the ones before are let go. Another Producer's video needs a FrameSource of its own: the first
   * pictures after a change of tracks can still be of the one before.
   */
  setTracks(tracks: readonly MediaStreamTrack[], producerId?: string): void {
    this.#producerId = producerId;
    this.#presentedFrames = undefined;
    this.#lastIdentity = undefined;
    this.video.srcObject = tracks.length > 0 ? new MediaStream([...tracks]) : null;
    if (tracks.length > 0) void this.video.play().catch(() => undefined);
  }

  /** Lets tracks go. A video that something else feeds is not touched: even an empty `srcObject` would load it anew. */
  letGo(): void {
    if (this.video.srcObject) this.setTracks([]);
  }

  /** Adds a track beside the ones that play, without a new load; what something else feeds has its own sound. */
  addTrack(track: MediaStreamTrack): void {
    if (!this.playsTracks) return;
    const stream = this.video.srcObject;
    if (stream instanceof MediaStream) stream.addTrack(track);
    else this.setTracks([track]);
  }

  /** In a hidden tab nothing is presented: what was not shown there was not missed. */
  readonly #onVisibility = (): void => {
    this.#presentedFrames = undefined;
  };

  #request(): void {
    if (this.#closed || !FrameSource.supported()) return;
    this.#callback = this.video.requestVideoFrameCallback((_now, metadata) => {
      // First of all the next one, so that no fault below ends the loop.
      this.#request();
      this.#onFrame(metadata);
    });
  }

  #onFrame(metadata: VideoFrameCallbackMetadata): void {
    const { presentedFrames, receiveTime = NaN } = metadata;
    const toldRtp = this.#clock.ofCallback(metadata);
    if (this.#presentedFrames !== undefined && presentedFrames > this.#presentedFrames + 1) {
      this.#options.onMissed(presentedFrames - this.#presentedFrames - 1);
    }
    this.#presentedFrames = presentedFrames;
    if (toldRtp !== undefined) this.#options.onReceived(toldRtp, receiveTime);
    const frame = takeFrame(this.video);
    if (!this.#isNew(this.#clock.identityOf(frame, metadata))) {
      frame?.close();
      return;
    }
    this.#clock.onPresented?.(frame, metadata);
    const ownRtp = frame && this.#clock.ofPixels(frame);
    const rtpTimestamp = ownRtp ?? toldRtp;
    const picture = this.#picture;
    picture.image = frame ?? this.video;
    picture.rtpTimestamp = rtpTimestamp === undefined ? undefined : rtpTimestamp >>> 0;
    picture.own = ownRtp !== undefined;
    this.#unknown = rtpTimestamp === undefined ? metadata : undefined;
    picture.producerId = this.#producerId;
    picture.width = frame?.displayWidth ?? metadata.width;
    picture.height = frame?.displayHeight ?? metadata.height;
    picture.mediaTimeMs = metadata.mediaTime * 1000;
    picture.receivedAtMs = receiveTime;
    picture.presentedAtMs = metadata.presentationTime;
    this.#options.onPicture(picture);
  }

  /**
   * For a picture that stands: where it could not be told which Frame it is when it was shown, and now can, it is shown
   * once more.
   */
  lookAgain(): void {
    const metadata = this.#unknown;
    if (!metadata || this.#closed || this.#clock.ofCallback(metadata) === undefined) return;
    this.#lastIdentity = undefined;
    this.#onFrame(metadata);
  }

  #isNew(identity: number | undefined): boolean {
    if (identity === undefined) {
      // Where others are timed this is no picture of the Stream: browsers paint one when a track ends.
      if (this.#untimed === undefined) return false;
      if (++this.#untimed === untimedBeforeTold) this.#options.onUntimed();
      return true;
    }
    this.#untimed = undefined;
    // The pixels can be a picture ahead of the callback; the next callback then brings the same ones again.
    if (identity === this.#lastIdentity) return false;
    this.#lastIdentity = identity;
    return true;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    document.removeEventListener('visibilitychange', this.#onVisibility);
    if (this.#callback !== undefined) this.video.cancelVideoFrameCallback(this.#callback);
    if (this.video.srcObject) this.video.srcObject = null;
    this.video.remove();
  }
}

/** The pixels shown now; undefined where the browser has no WebCodecs, or nothing to show. */
function takeFrame(video: HTMLVideoElement): VideoFrame | undefined {
  if (typeof VideoFrame === 'undefined') return undefined;
  try {
    return new VideoFrame(video);
  } catch {
    return undefined;
  }
}
