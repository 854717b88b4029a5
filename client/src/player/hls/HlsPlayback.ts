import { Refusal, type PublicationView, type StreamView } from '@framelock/server/protocol';
import { unixNowMs } from '../../signaling/ClockOffset.ts';
import type { FrameExactOverlay } from '../FrameExactOverlay.ts';
import type { FrameSource } from '../overlay/FrameSource.ts';
import { storedVideo } from '../overlay/LayerClock.ts';
import type { ComingVideo } from '../overlay/VideoSwitch.ts';
import type { Playback, PlaybackEvents, PlaybackFigures, Rewinding } from '../Playback.ts';
import { DetectionFeeder } from './DetectionFeeder.ts';
import { HlsApi, type FoundPlaylist } from './HlsApi.ts';
import type { HlsMediaOptions } from './HlsMedia.ts';
import type { HlsVideo } from './HlsVideo.ts';
import { LiveFollower } from './LiveFollower.ts';
import { momentPosition } from './momentPosition.ts';
import { openHlsVideo } from './openHlsVideo.ts';
import { ZonesPoll } from './ZonesPoll.ts';

/** A stored Publication, played from its playlist alone. */
export interface RecordedPublication {
  publicationId: string;
  hlsUrl: string;
}

export interface HlsPlaybackOptions {
  streamId: string;
  token?: string | undefined;
  overlay: FrameExactOverlay;
  recorded?: RecordedPublication | undefined;
  /** Where to begin, seconds before live. */
  behindLiveS?: number | undefined;
  events: PlaybackEvents;
  /** Default: an HlsApi of its own. */
  api?: Api | undefined;
  /** Default: `openHlsVideo`. */
  openVideo?: ((options: HlsMediaOptions) => Promise<HlsVideo>) | undefined;
}

type Api = Pick<HlsApi, 'getStream' | 'findPlaylist' | 'getModel' | 'getZones' | 'getZonesNow' | 'clock' | 'close'>;

/** One Publication that plays. */
interface Shown {
  publicationId: string;
  found: FoundPlaylist;
  feeder: DetectionFeeder;
  media: HlsVideo;
  follower: LiveFollower;
  coming: ComingVideo<FrameSource>;
  video: HTMLVideoElement;
  /** As it was seen last: a media element that begins anew would play. */
  paused: boolean;
  pausesAgain: boolean;
  begin: Beginning;
}

/** How what is opened next is to begin. */
interface Beginning {
  /** Of this one alone; undefined = of whichever is live. */
  publicationId?: string;
  /** undefined = at live. */
  behindLiveS: number | undefined;
  paused: boolean;
}

const atLive: Beginning = { behindLiveS: undefined, paused: false };
const askWhilePlayingMs = 10_000;
const askWhileWaitingMs = 2_000;
const afterRefusalMs = 2_000;
const finalCodes = new Set(['unauthorized', 'forbidden', 'notFound', 'gone', 'badRequest', 'unsupported']);

/**
 * A Stream by HLS, with HTTP and nothing else: asks now and then what is published, waits until its first Segment is
 * made, plays it, and goes on with the next Publication when one is over.
 */
export class HlsPlayback implements Playback {
  readonly transport = 'hls';
  readonly #options: HlsPlaybackOptions;
  readonly #api: Api;
  #view: StreamView | undefined;
  #shown: Shown | undefined;
  #begin: Beginning;
  #reconnections = 0;
  #overId: string | undefined;
  #idle = false;
  #toldName = '';
  #toldProblem = '';
  #behindLiveMs: number | null = null;
  readonly #zones: ZonesPoll | undefined;
  readonly #askedModels = new Set<string>();
  #wake: (() => void) | undefined;
  #closed = false;

  constructor(options: HlsPlaybackOptions) {
    this.#options = options;
    this.#begin = { ...atLive, behindLiveS: options.behindLiveS };
    this.#api = options.api ?? new HlsApi(options.token);
    this.#zones = options.recorded ? undefined : this.#pollZones(options);
    void this.#run();
  }

  #pollZones({ streamId, events, overlay }: HlsPlaybackOptions): ZonesPoll {
    return new ZonesPoll({
      getZones: () => this.#api.getZones(streamId),
      getZonesNow: () => this.#api.getZonesNow(streamId),
      onZones: (zones) => events.onZones(zones),
      onZonesNow: ({ publicationId, live }) => {
        if (live && publicationId === overlay.publicationId) events.onZonesLive(live);
      },
    });
  }

  get connected(): boolean {
    return this.#shown?.coming.isShown() ?? false;
  }

  get serverOffsetMs(): number | undefined {
    return undefined; // of no use to figures that compare with the data channel's times
  }

  get viewerRttMs(): number | undefined {
    return undefined;
  }

  async #run(): Promise<void> {
    await this.#sleep(0); // whoever creates the owner adds listeners first
    while (!this.#closed) {
      let waitMs: number;
      try {
        waitMs = this.#options.recorded ? await this.#openRecording(this.#options.recorded) : await this.#look();
      } catch (error) {
        if (this.#closed) return;
        const end = error instanceof Refusal ? { reason: error.message, code: error.code } : { reason: String(error) };
        if (end.code !== undefined && finalCodes.has(end.code) && !this.#shown) {
          this.close(end.reason);
          return this.#options.events.onFailed(end);
        }
        if (!this.#shown) this.#options.events.onLost(end);
        waitMs = afterRefusalMs;
      }
      if (!this.#closed) await this.#sleep(waitMs);
    }
  }

  /** Answers when to look again, ms. */
  async #look(): Promise<number> {
    const view = await this.#api.getStream(this.#options.streamId);
    if (this.#closed) return 0;
    const analysedBefore = this.#view?.publication?.analysedProducerId;
    this.#view = view;
    this.#tell(view);
    const { publication } = view;
    if (!publication || publication.id === this.#overId) {
      if (!this.#shown) this.#tellIdle();
      return this.#shown ? askWhilePlayingMs : askWhileWaitingMs;
    }
    if (this.#shown) {
      // Another Publication begins here when this one was seen to its end.
      const { publicationId, feeder } = this.#shown;
      const same = publicationId === publication.id;
      if (same) this.#options.events.onPublication(publication);
      // With another layer analysed the overlay forgot all that it had.
      if (same && publication.analysedProducerId !== analysedBefore) feeder.feedAgain();
      return same ? askWhilePlayingMs : askWhileWaitingMs;
    }
    if (view.hls === null) throw new Refusal('unsupported', 'HLS is off for this Stream');
    this.#idle = false;
    this.#options.events.onPublication(publication);
    const found = await this.#api.findPlaylist(view.hlsUrl);
    if (this.#closed) return 0;
    if (typeof found === 'number') {
      this.#problem('starting', view.hls.alert ?? 'The first seconds of HLS are being made');
      return found;
    }
    // The playlist is of the Publication before, or of one that is not told yet.
    if (found.publicationId !== publication.id) return 500;
    await this.#open(found, view.hlsUrl, publication);
    return askWhilePlayingMs;
  }

  #tell(view: StreamView): void {
    const { events, overlay } = this.#options;
    if (view.name !== this.#toldName) events.onStreamName((this.#toldName = view.name));
    events.onDelivery(view.settings.delivery, view.hls);
    events.onViewers(view.viewers);
    if (view.publication?.id !== overlay.publicationId) return;
    events.onAnalysis(view.analysis);
    if (view.modelDescription) overlay.addDescription(view.modelDescription);
  }

  async #openRecording({ publicationId, hlsUrl }: RecordedPublication): Promise<number> {
    if (this.#shown || this.#overId === publicationId) return askWhilePlayingMs;
    const found = await this.#api.findPlaylist(new URL(hlsUrl, location.href).href);
    if (this.#closed) return 0;
    if (typeof found === 'number') return found;
    const none = { startedAt: new Date(0).toISOString(), producers: [], publishedBy: 'browser' as const };
    const publication: PublicationView = { id: publicationId, ...none };
    this.#options.events.onPublication(publication);
    await this.#open(found, new URL(hlsUrl, location.href).href, publication);
    return askWhilePlayingMs;
  }

  async #open(found: FoundPlaylist, url: string, publication: PublicationView): Promise<void> {
    const { overlay, token, recorded, openVideo = openHlsVideo } = this.#options;
    const feeder = new DetectionFeeder({
      onDetections: (bytes) => overlay.onDetections(bytes, true),
      onJump: () => overlay.forgetDetections(),
    });
    const coming = overlay.switchSource(feeder.clock, storedVideo);
    const { video } = coming.frames;
    const { publicationId: lostId = publication.id } = this.#begin;
    const begin = lostId === publication.id ? this.#begin : atLive;
    const { paused } = begin;
    let open: Shown | undefined;
    const options = {
      ...{ url, video, feeder, token, recorded: recorded !== undefined, behindLiveS: begin.behindLiveS },
      onEnded: () => open && this.#over(open),
      onFailed: (reason: string) => open && this.#lose(open, reason),
    };
    const media = await openVideo(options).catch((error: unknown) => {
      coming.cancel();
      throw error;
    });
    if (this.#closed) {
      coming.cancel();
      return media.close();
    }
    const follower = new LiveFollower(begin.behindLiveS === undefined);
    open = {
      ...{ publicationId: publication.id, found, feeder, media, follower },
      ...{ coming, video, begin, paused, pausesAgain: paused },
    };
    this.#shown = open;
    this.#begin = atLive;
    video.addEventListener('emptied', () => (open!.pausesAgain = open!.paused));
    this.#toldProblem = '';
    if (this.#view) this.#tell(this.#view);
  }

  #tellIdle(): void {
    if (this.#idle) return;
    this.#idle = true;
    this.#options.events.onPublication(null);
  }

  #problem(code: string, message: string): void {
    if (message === this.#toldProblem) return;
    this.#toldProblem = message;
    this.#options.events.onProblem(code, message);
  }

  /** The Publication was seen to its end. */
  #over(shown: Shown): void {
    if (this.#shown !== shown) return;
    if (this.#options.recorded) return; // its last picture stays, and it can be rewound
    this.#overId = shown.publicationId;
    this.#closeShown();
    this.#tellIdle();
    this.#wake?.();
  }

  #lose(shown: Shown, reason: string): void {
    if (this.#shown !== shown) return;
    this.#reconnections++;
    const { publicationId, paused, media, coming } = shown;
    const { timeline } = media;
    // Who had gone back is brought back to the same place. Before its first picture it is nowhere yet.
    let { behindLiveS } = shown.begin;
    if (timeline && coming.isShown()) behindLiveS = timeline.atLive ? undefined : timeline.liveS - timeline.positionS;
    this.#begin = { publicationId, behindLiveS, paused };
    this.#closeShown();
    this.#options.events.onLost({ reason });
    setTimeout(() => this.#wake?.(), afterRefusalMs / 2);
  }

  #closeShown(): void {
    this.#shown?.media.close();
    this.#shown?.coming.cancel();
    this.#shown = undefined;
    this.#behindLiveMs = null;
  }

  onTick(): void {
    const shown = this.#shown;
    if (!shown) return;
    if (shown.coming.isGone()) return this.#lose(shown, 'another video took its place');
    this.#keepPaused(shown);
    // Its detections, which tell its Frames, may have come after the picture that stands.
    if (shown.video.paused) shown.coming.frames.lookAgain();
    const { timeline } = shown.media;
    const capturedAtMs = shown.video.readyState >= 2 ? shown.media.capturedAtMs(shown.video.currentTime) : undefined;
    const offsetMs = this.#api.clock.offsetMs ?? 0;
    this.#behindLiveMs =
      capturedAtMs === undefined || this.#options.recorded ? null : Math.max(0, unixNowMs() + offsetMs - capturedAtMs);
    if (this.#behindLiveMs !== null && timeline?.atLive && shown.coming.isShown()) {
      this.#options.overlay.latency.addCaptureToOverlay(this.#behindLiveMs);
    }
    if (!this.#options.recorded) this.#follow(shown);
  }

  /** What begins anew plays by itself; who had paused it is not to be surprised. It needs its picture first. */
  #keepPaused(shown: Shown): void {
    const { video, coming } = shown;
    if (video.readyState < 2 || !coming.isShown()) return;
    if (shown.pausesAgain) video.pause();
    shown.pausesAgain = false;
    shown.paused = video.paused;
  }

  #follow(shown: Shown): void {
    const { media, follower, video } = shown;
    const { timeline, figures } = media;
    const isOver = this.#view !== undefined && this.#view.publication?.id !== shown.publicationId;
    const { bufferedMs } = figures;
    switch (follower.step({ timeline, bufferedMs, seeking: video.seeking, isOver })) {
      case 'ask':
        return this.#wake?.();
      case 'seekLive':
        // Before its first picture it is on its way there.
        return shown.coming.isShown() ? media.seekLive() : undefined;
      case 'over':
        return this.#over(shown);
      case 'stalled':
        // It goes on by itself: hls.js asks for what comes next until it gives up.
        return shown.coming.isShown() ? this.#options.events.onLost({ reason: 'no new pictures come' }) : undefined;
      case 'none':
    }
  }

  get rewinding(): Rewinding | undefined {
    const shown = this.#shown;
    if (!shown?.coming.isShown()) return undefined;
    const { media, video, follower } = shown;
    return {
      timeline: media.timeline,
      seek: (positionS) => {
        follower.follows = false;
        media.seek(positionS);
      },
      positionOf: (moment) => momentPosition(shown, moment),
      setPaused: (paused) => {
        shown.paused = paused;
        shown.pausesAgain = false;
        if (!paused) return void video.play().catch(() => undefined);
        follower.follows = false;
        video.pause();
      },
      backToLive: () => {
        shown.paused = false;
        shown.pausesAgain = false;
        follower.follows = true;
        if (this.#isLast(shown)) media.seekLive();
        else this.#over(shown);
      },
      thumbnailAt: (positionS) => media.thumbnailAt(positionS),
    };
  }

  /** Live is in the Publication that runs now. */
  #isLast({ publicationId }: Shown): boolean {
    const running = this.#view?.publication?.id;
    return running === undefined || running === publicationId;
  }

  onUnknownModel(revision: number): void {
    const shown = this.#shown;
    const key = `${shown?.publicationId} ${revision}`;
    if (!shown || this.#askedModels.has(key)) return;
    this.#askedModels.add(key);
    void this.#api
      .getModel(shown.found.folder, revision)
      .then((description) => {
        if (!description) return void setTimeout(() => this.#askedModels.delete(key), afterRefusalMs);
        if (this.#shown !== shown) return;
        this.#options.overlay.addDescription(description);
      })
      .catch(() => this.#askedModels.delete(key));
  }

  figures(): PlaybackFigures {
    const media = this.#shown?.media;
    const dropped = this.#shown?.video.getVideoPlaybackQuality?.().droppedVideoFrames ?? 0;
    return {
      codec: media?.codec || 'H264',
      bitrateBps: media?.bitrateBps ?? 0,
      packetsLost: 0,
      framesDropped: dropped,
      reconnections: this.#reconnections,
      ...{ layer: null, layers: 1, layerTimeline: null, layerTimelineReason: null, jitterBufferTargetMs: 0 },
      decodeMs: 0,
      behindLiveMs: this.#behindLiveMs,
      hls: media?.figures ?? null,
    };
  }

  setLayer(): void {}

  report(): void {}

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#closeShown();
    this.#zones?.close();
    this.#api.close();
    this.#wake?.();
    void reason;
  }

  dump(): unknown {
    const { publicationId, found, media, feeder } = this.#shown ?? {};
    return { publicationId, folder: found?.folder, figures: media?.figures, pieces: feeder?.size };
  }
}
