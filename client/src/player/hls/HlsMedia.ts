import type Hls from 'hls.js/light';
import type { BufferAppendedData, BufferAppendingData, ErrorData, HlsConfig, LevelDetails } from 'hls.js';
import { hlsNames, hlsThumbnailEvery } from '@framelock/server/protocol';
import { isOurs } from '../../api/isOurs.ts';
import type { Timeline } from '../Playback.ts';
import type { HlsFigures } from '../PlayerStats.ts';
import type { DetectionFeeder } from './DetectionFeeder.ts';
import type { HlsVideo } from './HlsVideo.ts';
import { SidecarLoader } from './SidecarLoader.ts';

export interface HlsMediaOptions {
  /** Multivariant or media playlist. */
  url: string;
  video: HTMLVideoElement;
  feeder: DetectionFeeder;
  /** For requests to our own origin. */
  token: string | undefined;
  /** A Recording: begins at its start, and is played from the buffer, not from the edge. */
  recorded: boolean;
  /** Where to begin, seconds before live; undefined = live, or a Recording's start. */
  behindLiveS?: number | undefined;
  /** The playlist ended and everything of it was shown. */
  onEnded(): void;
  /** It can't go on: loaded anew from the playlist it may. */
  onFailed(reason: string): void;
}

/** Behind what is shown, kept for small steps back; the rest is loaded again. */
const backBufferS = 30;
const aheadS = 20;
/** hls.js doubles and adds by itself within this. */
const longestAheadS = 40;
const mostBufferedBytes = 60 * 1024 * 1024;
/** A rate people do not hear in speech, up to one that they do when it is far behind (hls.js chooses in steps of 0.05). */
const fastestCatchUp = 1.5;
/** After each stall live is this much further behind, up to one TARGETDURATION (hls.js). */
const stallIncreaseS = 0.25;
/** Surely in the first Segment. */
const insideS = 0.05;
/** Live means at most this much further behind than the transport itself needs. */
const atLiveS = 3;
const pruneEveryMs = 2_000;
const mostRecoveries = 4;
const recoveryWindowMs = 30_000;

/** hls.js and the detections beside its media, for one playlist on one <video>, until closed. */
export class HlsMedia implements HlsVideo {
  readonly #options: HlsMediaOptions;
  readonly #hls: Hls;
  readonly #events: typeof Hls.Events;
  readonly #sidecars: SidecarLoader;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #recoveries: number[] = [];
  #details: LevelDetails | undefined;
  #stalls = 0;
  #droppedParts = 0;
  #bytes = 0;
  #loadedS = 0;
  #closed = false;

  static async create(options: HlsMediaOptions): Promise<HlsMedia> {
    // Apart from the page, since only who watches by HLS needs it.
    const { default: HlsJs } = await import('hls.js/light');
    return new HlsMedia(options, HlsJs);
  }

  /** Media Source Extensions, or ManagedMediaSource on iPhones from 17.1 on. */
  static async supported(): Promise<boolean> {
    return (await import('hls.js/light')).default.isSupported();
  }

  private constructor(options: HlsMediaOptions, HlsJs: typeof Hls) {
    this.#options = options;
    this.#events = HlsJs.Events;
    this.#sidecars = new SidecarLoader({
      fetchBytes: (url, signal) => fetchBytes(url, options.token, signal),
      onSidecar: (key, sidecar) => options.feeder.onSidecar(key, sidecar),
    });
    this.#hls = new HlsJs(configOf(options));
    this.#listen(HlsJs);
    this.#hls.loadSource(options.url);
    this.#hls.attachMedia(options.video);
    options.video.addEventListener('ended', this.#onEnded);
    void options.video.play().catch(() => undefined);
    this.#timer = setInterval(() => this.#prune(), pruneEveryMs);
  }

  #listen(HlsJs: typeof Hls): void {
    const hls = this.#hls;
    const options = this.#options;
    const events = this.#events;
    // Not LEVEL_LOADED: a delta update has holes there.
    hls.on(events.LEVEL_UPDATED, (_, { details }) => (this.#details = details));
    options.video.addEventListener('loadedmetadata', () => this.#begin(), { once: true });
    hls.on(events.BUFFER_APPENDING, (_, data) => this.#onAppending(data));
    hls.on(events.BUFFER_APPENDED, (_, data) => this.#onAppended(data));
    hls.on(events.FRAG_LOADED, (_, { frag, part, payload }) => {
      if (frag.sn === 'initSegment') return;
      this.#bytes += payload.byteLength;
      this.#loadedS += (part ?? frag).duration;
    });
    hls.on(events.ERROR, (_, data) => this.#onError(data, HlsJs));
  }

  /** The media's own name is that of its sidecar; a Part's is not its Segment's. */
  #onAppending({ frag, part, offset, type }: BufferAppendingData): void {
    if (frag.sn === 'initSegment' || offset === undefined || !type.includes('video')) return;
    const { url, start: startS, end: endS } = part ?? frag;
    const { feeder } = this.#options;
    const replaced = feeder.onAppending(url, { offsetS: offset, discontinuities: frag.cc, startS, endS });
    for (const key of replaced) this.#sidecars.forget(key);
    this.#sidecars.want(url, beside(url, hlsNames.sidecarOf));
  }

  #onAppended({ frag, part, type }: BufferAppendedData): void {
    if (frag.sn !== 'initSegment' && type.includes('video')) this.#options.feeder.onAppended((part ?? frag).url);
  }

  #onError({ details, fatal, type, error, part }: ErrorData, { ErrorDetails, ErrorTypes }: typeof Hls): void {
    if (this.#closed) return;
    if (details === ErrorDetails.BUFFER_STALLED_ERROR && !fatal) this.#stalls++;
    if (details === ErrorDetails.FRAG_LOAD_ERROR || details === ErrorDetails.FRAG_LOAD_TIMEOUT) this.#droppedParts++;
    if (details === ErrorDetails.FRAG_GAP && part) this.#droppedParts++;
    if (!fatal) return;
    const nowMs = performance.now();
    while (this.#recoveries[0] !== undefined && nowMs - this.#recoveries[0] > recoveryWindowMs)
      this.#recoveries.shift();
    this.#recoveries.push(nowMs);
    if (type === ErrorTypes.MEDIA_ERROR && this.#recoveries.length < mostRecoveries) this.#hls.recoverMediaError();
    else this.#options.onFailed(error.message || details);
  }

  #begin(): void {
    const { behindLiveS } = this.#options;
    const timeline = this.timeline;
    if (behindLiveS !== undefined && timeline) this.seek(timeline.liveS - behindLiveS);
  }

  readonly #onEnded = (): void => {
    if (!this.#closed) this.#options.onEnded();
  };

  /** A sidecar lives as long as its media lies in the buffer. */
  #prune(): void {
    const { buffered } = this.#options.video;
    const isBuffered = (startS: number, endS: number): boolean => {
      for (let i = 0; i < buffered.length; i++) if (startS < buffered.end(i) && endS > buffered.start(i)) return true;
      return false;
    };
    for (const key of this.#options.feeder.prune(isBuffered)) this.#sidecars.forget(key);
  }

  get timeline(): Timeline | undefined {
    const { video, recorded } = this.#options;
    const details = this.#details;
    if (!details || details.fragments.length === 0) return undefined;
    const { fragmentStart: startS, live } = details;
    const endS = Math.max(startS, details.edge);
    const liveS = live ? (this.#hls.liveSyncPosition ?? endS) : endS;
    const positionS = Math.min(endS, Math.max(startS, video.currentTime));
    const atLive = live && !recorded && !video.paused && liveS - positionS < atLiveS;
    return { startS, endS, liveS, positionS, paused: video.paused, live, atLive };
  }

  /** Unix ms at which what is shown at this time of the video was captured; undefined = the playlist does not say. */
  capturedAtMs(videoS: number): number | undefined {
    const frag = this.#details?.fragments.findLast(
      ({ start, programDateTime }) => programDateTime !== null && start <= videoS + 0.001,
    );
    if (!frag || frag.programDateTime === null) return undefined;
    return frag.programDateTime + (videoS - frag.start) * 1000;
  }

  positionOf(unixMs: number): number | undefined {
    const dated = this.#details?.fragments.filter(({ programDateTime }) => programDateTime !== null) ?? [];
    const frag = dated.findLast(({ programDateTime }) => programDateTime! <= unixMs) ?? dated[0];
    if (!frag) return undefined;
    const intoS = (unixMs - frag.programDateTime!) / 1000;
    // What grows will have it in a moment.
    if (this.live && frag === dated.at(-1) && intoS > frag.duration) return undefined;
    return frag.start + Math.min(frag.duration, Math.max(0, intoS));
  }

  thumbnailAt(videoS: number): string | undefined {
    const fragments = this.#details?.fragments ?? [];
    const { sn: msn, url } = fragments.findLast(({ start }) => start <= videoS + 0.001) ?? fragments[0] ?? {};
    if (msn === undefined || url === undefined) return undefined;
    return new URL(hlsNames.thumbnail(msn - (msn % hlsThumbnailEvery)), url).href;
  }

  /** Seconds on the timeline. */
  seek(positionS: number): void {
    const { video, recorded } = this.#options;
    const timeline = this.timeline;
    if (!timeline) return;
    // At the live edge there is nothing yet to show; of a Recording that still grows all is there to its end. Before the
    // first Segment, be it by a rounding of the browser's, hls.js loads none.
    const { startS, endS, liveS } = timeline;
    video.currentTime = Math.min(Math.max(startS + insideS, positionS), recorded ? endS : liveS);
  }

  seekLive(): void {
    const timeline = this.timeline;
    if (timeline) this.#options.video.currentTime = timeline.liveS;
    void this.#options.video.play().catch(() => undefined);
  }

  get figures(): HlsFigures {
    const { video } = this.#options;
    const { loaded, missing } = this.#sidecars.counts;
    const lowLatency = this.#hls.lowLatencyMode && (this.#details?.partList?.length ?? 0) > 0;
    return {
      lowLatency,
      stalls: this.#stalls,
      droppedParts: this.#droppedParts,
      sidecars: { loaded, missing },
      bufferedMs: aheadMs(video),
      playbackRate: video.playbackRate,
      partTargetMs: lowLatency && this.#details ? Math.round(this.#details.partTarget * 1000) : null,
      exact: typeof VideoFrame !== 'undefined',
    };
  }

  get bitrateBps(): number {
    return this.#loadedS > 0 ? (this.#bytes * 8) / this.#loadedS : 0;
  }

  get codec(): string {
    return this.#hls.levels[Math.max(0, this.#hls.currentLevel)]?.videoCodec ?? '';
  }

  get live(): boolean {
    return this.#details?.live ?? true;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    this.#options.video.removeEventListener('ended', this.#onEnded);
    this.#sidecars.close();
    this.#hls.destroy();
  }
}

function configOf({ token, recorded }: HlsMediaOptions): Partial<HlsConfig> {
  return {
    lowLatencyMode: !recorded,
    maxLiveSyncPlaybackRate: fastestCatchUp,
    liveSyncOnStallIncrease: stallIncreaseS,
    backBufferLength: backBufferS,
    frontBufferFlushThreshold: longestAheadS,
    maxBufferLength: aheadS,
    maxMaxBufferLength: longestAheadS,
    maxBufferSize: mostBufferedBytes,
    enableEmsgMetadataCues: false,
    enableID3MetadataCues: false,
    startPosition: recorded ? 0 : -1,
    xhrSetup: (xhr, url) => {
      if (token && isOurs(url)) xhr.setRequestHeader('authorization', `Bearer ${token}`);
    },
  };
}

/** Another file of the same folder, with the same query (a CDN may want one). */
function beside(url: string, rename: (name: string) => string): string {
  const other = new URL(url);
  other.pathname = rename(other.pathname);
  return other.href;
}

async function fetchBytes(
  url: string,
  token: string | undefined,
  signal: AbortSignal,
): Promise<ArrayBuffer | undefined> {
  const headers: HeadersInit = token && isOurs(url) ? { authorization: `Bearer ${token}` } : {};
  const response = await fetch(url, { headers, signal });
  return response.ok ? response.arrayBuffer() : undefined;
}

function aheadMs({ buffered, currentTime }: HTMLVideoElement): number {
  for (let i = 0; i < buffered.length; i++) {
    if (currentTime >= buffered.start(i) - 0.05 && currentTime <= buffered.end(i)) {
      return (buffered.end(i) - currentTime) * 1000;
    }
  }
  return 0;
}
