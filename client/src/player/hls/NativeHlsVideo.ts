import type { Timeline } from '../Playback.ts';
import type { HlsFigures } from '../PlayerStats.ts';
import type { HlsVideo } from './HlsVideo.ts';

export interface NativeHlsVideoOptions {
  url: string;
  video: HTMLVideoElement;
  recorded: boolean;
  behindLiveS?: number | undefined;
  onEnded(): void;
  onFailed(reason: string): void;
}

/** What browsers that play HLS by themselves keep behind the edge, seconds. */
const behindEdgeS = 2;
const atLiveS = 6;

/** Safari's getStartDate (HTML, "timeline offset"). */
type DatedVideo = HTMLVideoElement & { getStartDate?(): Date };

/**
 * HLS as the browser itself plays it, where there is no Media Source Extensions (iPhones before iOS 17.1). It tells
 * neither what it loads nor how media time became its own, so no picture's frame is known and none gets boxes; nor can
 * it send a bearer.
 */
export class NativeHlsVideo implements HlsVideo {
  readonly #options: NativeHlsVideoOptions;
  #stalls = 0;
  #closed = false;
  readonly bitrateBps = 0;
  readonly codec = '';

  static readonly supported = (): boolean =>
    document.createElement('video').canPlayType('application/vnd.apple.mpegurl') !== '';

  constructor(options: NativeHlsVideoOptions) {
    this.#options = options;
    const { video, url } = options;
    video.addEventListener('ended', this.#onEnded);
    video.addEventListener('error', this.#onError);
    video.addEventListener('waiting', this.#onWaiting);
    video.addEventListener('loadedmetadata', this.#onMetadata);
    video.src = url;
    void video.play().catch(() => undefined);
  }

  readonly #onEnded = (): void => this.#options.onEnded();
  readonly #onError = (): void =>
    this.#options.onFailed(this.#options.video.error?.message || 'the browser could not play it');
  readonly #onWaiting = (): void => void this.#stalls++;
  readonly #onMetadata = (): void => {
    const { behindLiveS } = this.#options;
    const { timeline } = this;
    if (behindLiveS !== undefined && timeline) this.seek(timeline.liveS - behindLiveS);
  };

  get timeline(): Timeline | undefined {
    const { video, recorded } = this.#options;
    const { seekable } = video;
    if (seekable.length === 0) return undefined;
    const [startS, endS] = [seekable.start(0), seekable.end(seekable.length - 1)];
    const live = !recorded && video.duration === Infinity;
    const liveS = live ? Math.max(startS, endS - behindEdgeS) : endS;
    const positionS = Math.min(endS, Math.max(startS, video.currentTime));
    const atLive = live && !video.paused && liveS - positionS < atLiveS;
    return { startS, endS, liveS, positionS, paused: video.paused, live, atLive };
  }

  get figures(): HlsFigures {
    const { video } = this.#options;
    const { buffered, currentTime, playbackRate } = video;
    const bufferedMs = buffered.length > 0 ? Math.max(0, buffered.end(buffered.length - 1) - currentTime) * 1000 : 0;
    const none = { droppedParts: 0, sidecars: { loaded: 0, missing: 0 }, exact: false, partTargetMs: null };
    return { lowLatency: false, stalls: this.#stalls, bufferedMs, playbackRate, ...none };
  }

  capturedAtMs(videoS: number): number | undefined {
    const startMs = (this.#options.video as DatedVideo).getStartDate?.().getTime();
    return startMs === undefined || Number.isNaN(startMs) ? undefined : startMs + videoS * 1000;
  }

  positionOf(unixMs: number): number | undefined {
    const startMs = this.capturedAtMs(0);
    return startMs === undefined ? undefined : Math.max(0, (unixMs - startMs) / 1000);
  }

  thumbnailAt(): undefined {
    return undefined;
  }

  seek(positionS: number): void {
    const { timeline } = this;
    if (timeline) this.#options.video.currentTime = Math.min(Math.max(timeline.startS, positionS), timeline.liveS);
  }

  seekLive(): void {
    const { timeline } = this;
    if (timeline) this.seek(timeline.liveS);
    void this.#options.video.play().catch(() => undefined);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const { video } = this.#options;
    video.removeEventListener('ended', this.#onEnded);
    video.removeEventListener('error', this.#onError);
    video.removeEventListener('waiting', this.#onWaiting);
    video.removeEventListener('loadedmetadata', this.#onMetadata);
    video.removeAttribute('src');
    video.load();
  }
}
