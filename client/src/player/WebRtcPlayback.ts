import type { PublicationView } from '@framelock/server/protocol';
import type { Consumer } from 'mediasoup-client/types';
import { simulcastLayers } from '../rtc/chooseVideo.ts';
import { ReceiverMeter } from '../rtc/ReceiverMeter.ts';
import { Reconnector } from '../rtc/Reconnector.ts';
import { ViewerLink, type ViewerLinkOptions } from '../rtc/ViewerLink.ts';
import type { FrameExactOverlay } from './FrameExactOverlay.ts';
import type { FrameSource } from './overlay/FrameSource.ts';
import type { ComingVideo } from './overlay/VideoSwitch.ts';
import type { Playback, PlaybackEvents, PlaybackFigures } from './Playback.ts';
import { spatialLayers } from './spatialLayers.ts';

export interface WebRtcPlaybackOptions {
  streamId: string;
  token?: string | undefined;
  signalingUrl: string;
  overlay: FrameExactOverlay;
  /** Of SVC or simulcast, 0 = smallest; undefined = highest. */
  layer: number | undefined;
  /** Another Playback shows its pictures until ours are there. */
  takesOver: boolean;
  events: PlaybackEvents;
  /** Default: `ViewerLink.create`. */
  connect?: ((options: ViewerLinkOptions) => Promise<ViewerLink>) | undefined;
}

const ticksPerMeasure = 2;

/** A Stream by WebRTC: heals its path by itself, and lets the video wait for its detections in Lock. */
export class WebRtcPlayback implements Playback {
  readonly transport = 'webrtc';
  readonly rewinding = undefined;
  readonly #options: WebRtcPlaybackOptions;
  readonly #meter = new ReceiverMeter();
  readonly #reconnector: Reconnector<ViewerLink>;
  #publication: PublicationView | null = null;
  #wantedLayer: number | undefined;
  #layer: number | null = null;
  /** The publisher's largest picture, by its own report. */
  #sent: { width?: number; height?: number } = {};
  #video: Consumer | undefined;
  /** Of the layer that is being switched to. */
  #comingVideo: Consumer | undefined;
  #coming: ComingVideo<FrameSource> | undefined;
  #audio: Consumer | undefined;
  /** The overlay's video is ours to give tracks to. */
  #shows: boolean;
  #tick = 0;
  #closed = false;

  static readonly supported = (): boolean => typeof RTCPeerConnection !== 'undefined';

  constructor(options: WebRtcPlaybackOptions) {
    this.#options = options;
    this.#wantedLayer = options.layer;
    this.#shows = !options.takesOver;
    this.#reconnector = new Reconnector({
      connect: () => this.#connect(),
      onConnected: () => undefined,
      onLost: (end) => this.#closed || options.events.onLost(end),
      onFailed: (end) => this.#closed || options.events.onFailed(end),
    });
  }

  get connected(): boolean {
    return this.#reconnector.link !== undefined;
  }

  get serverOffsetMs(): number | undefined {
    return this.#reconnector.link?.signaling.clockOffsetMs;
  }

  get viewerRttMs(): number | undefined {
    return this.#meter.figures.rttMs;
  }

  #connect(): Promise<ViewerLink> {
    const { streamId, token, signalingUrl, overlay, events, connect = ViewerLink.create } = this.#options;
    return connect({
      streamId,
      ...(token ? { token } : {}),
      signalingUrl,
      spatialLayer: this.#wantedLayer,
      onJoined: ({ streamName }) => events.onStreamName(streamName),
      onPublication: (publication) => this.#onPublication(publication),
      onVideo: (consumer, publicationId, type) => this.#onVideo(consumer, publicationId, type),
      onAudio: (consumer, publicationId) => this.#onAudio(consumer, publicationId),
      onDetections: (bytes) => overlay.onDetections(bytes),
      onAnalysis: (analysis) => events.onAnalysis(analysis),
      onModelDescription: (description) => {
        if (this.#isShown(this.#publication?.id)) overlay.addDescription(description);
      },
      onPublisherReport: (report) => {
        this.#sent = { width: report.width, height: report.height };
        overlay.latency.onReport(report);
      },
      onViewers: (count) => events.onViewers(count),
      onDelivery: (delivery, hls) => events.onDelivery(delivery, hls),
      onZones: (zones) => events.onZones(zones),
      onZonesLive: (live) => events.onZonesLive(live),
      onLayers: (layer) => (this.#layer = layer),
      onProblem: (code, message) => events.onProblem(code, message),
    });
  }

  #onPublication(publication: PublicationView | null): void {
    if (this.#closed) return;
    if (publication?.id !== this.#publication?.id) this.#sent = {};
    this.#publication = publication;
    this.#options.events.onPublication(publication);
  }

  /** What the overlay shows is of this Publication; one that takes over may be told of another before its Player is. */
  #isShown(publicationId: string | undefined): boolean {
    return !this.#closed && publicationId !== undefined && publicationId === this.#options.overlay.publicationId;
  }

  #onVideo(consumer: Consumer, publicationId: string, type: string): void | Promise<boolean> {
    if (!this.#isShown(publicationId)) return;
    const { overlay } = this.#options;
    const tracks = this.#audio && !this.#audio.closed ? [consumer.track, this.#audio.track] : [consumer.track];
    const { producerId: shownId, playsTracks } = overlay.frames;
    // HLS beside which this is tried may be shown by now.
    if (!this.#shows || !playsTracks || (shownId !== undefined && shownId !== consumer.producerId)) {
      return this.#switchTo(consumer, tracks);
    }
    this.#video = consumer;
    this.#layer = type === 'simple' ? null : this.#layer;
    // A connection made anew inside the same Publication brings new tracks of the same timestamps.
    this.#coming?.cancel();
    overlay.frames.setTracks(tracks, consumer.producerId);
    this.#applyTarget();
  }

  /** Takes the shown video's place with its first picture, and waits for its detections as long from the first. */
  async #switchTo(consumer: Consumer, tracks: readonly MediaStreamTrack[]): Promise<boolean> {
    const { overlay } = this.#options;
    this.#comingVideo = consumer;
    this.#applyTarget();
    const coming = (this.#coming = overlay.switchTracks(tracks, consumer.producerId));
    consumer.observer.once('close', () => coming.cancel());
    const isShown = await coming.shown;
    if (this.#comingVideo === consumer) this.#comingVideo = undefined;
    if (!isShown || this.#closed) return false;
    this.#video = consumer;
    this.#shows = true;
    return true;
  }

  #onAudio(consumer: Consumer, publicationId: string): void {
    if (!this.#isShown(publicationId)) return;
    this.#audio = consumer;
    this.#options.overlay.addTrack(consumer.track);
    this.#applyTarget();
  }

  /** Signalling describes it, reliably. */
  onUnknownModel(): void {}

  onTick(): void {
    this.#applyTarget();
    this.#reconnector.link?.hideLabels(this.#options.overlay.hiddenLabels);
    if (++this.#tick % ticksPerMeasure === 0) void this.#measure();
  }

  /** Sound waits as long as its picture. */
  #applyTarget(): void {
    const { targetMs } = this.#options.overlay;
    for (const consumer of [this.#video, this.#comingVideo, this.#audio]) {
      const receiver = consumer?.closed ? undefined : consumer?.rtpReceiver;
      if (!receiver || !('jitterBufferTarget' in receiver) || (receiver.jitterBufferTarget ?? 0) === targetMs) continue;
      receiver.jitterBufferTarget = targetMs;
    }
  }

  async #measure(): Promise<void> {
    const video = this.#video;
    if (!video || video.closed) return;
    try {
      const report = await video.getStats();
      if (video === this.#video) this.#meter.add(report as unknown as Map<string, unknown>);
    } catch {
      // It was closed meanwhile.
    }
  }

  report(): void {
    const signaling = this.#reconnector.link?.signaling;
    if (!signaling || signaling.closed) return;
    const { overlay } = this.#options;
    const p50 = overlay.latency.captureToOverlayMs.p50;
    void signaling
      .request('reportViewer', {
        mode: overlay.mode,
        ...overlay.counters.totals,
        ...(p50 === null ? {} : { captureToOverlayP50Ms: p50 }),
      })
      .catch(() => undefined);
  }

  setLayer(layer: number | undefined): void {
    this.#wantedLayer = layer;
    this.#reconnector.link?.setSpatialLayer(layer);
  }

  figures(): PlaybackFigures {
    const { codec, bitrateBps, packetsLost, framesDropped, decodeMs } = this.#meter.figures;
    return {
      codec: codec || (this.#publication?.producers.find(({ kind }) => kind === 'video')?.mimeType ?? ''),
      ...{ bitrateBps, packetsLost, framesDropped, decodeMs },
      reconnections: this.#reconnector.reconnections,
      ...this.#layerFigures(),
      jitterBufferTargetMs: this.#options.overlay.targetMs,
      behindLiveMs: null,
      hls: null,
    };
  }

  #layerFigures(): Pick<PlaybackFigures, 'layer' | 'layers' | 'layerTimeline' | 'layerTimelineReason'> {
    const { overlay } = this.#options;
    const { layerTimeline: timeline } = overlay;
    const told = {
      layerTimeline: timeline?.state ?? null,
      layerTimelineReason: timeline?.state === 'unknown' ? timeline.reason : null,
    };
    const simulcast = simulcastLayers(this.#publication);
    if (simulcast.length > 0) {
      const shown = simulcast.findIndex(({ id }) => id === overlay.frames.producerId);
      return { layer: shown < 0 ? null : shown, layers: simulcast.length, ...told };
    }
    const { scalabilityMode } = this.#video?.rtpParameters.encodings?.[0] ?? {};
    const layers = spatialLayers({ scalabilityMode, ...this.#sent, layer: this.#layer });
    return { layer: this.#layer, layers, ...told };
  }

  close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#coming?.cancel();
    this.#reconnector.link?.close(reason);
    this.#reconnector.close();
  }

  dump(): unknown {
    return this.#reconnector.link?.dump();
  }
}
