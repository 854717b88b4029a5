import type {
  AnalysisView,
  Delivery,
  HlsView,
  PublicationView,
  ZoneSettings,
  ZonesLive,
} from '@framelock/server/protocol';
import type { LinkEnd } from '../rtc/Reconnector.ts';
import type { PlayerStats } from './PlayerStats.ts';

export type Transport = 'webrtc' | 'hls';

/** Facts that a Playback tells its Player. Pictures and detections go straight to the overlay. */
export interface PlaybackEvents {
  onStreamName(name: string): void;
  /** On the first answer, then on every change; null = the Stream is idle. */
  onPublication(publication: PublicationView | null): void;
  onAnalysis(analysis: AnalysisView): void;
  onViewers(count: number): void;
  onDelivery(delivery: Delivery, hls: HlsView | null): void;
  onZones(zones: ZoneSettings): void;
  /** As of one analysed Frame of the Publication that was told last. */
  onZonesLive(live: ZonesLive): void;
  /** It goes on by itself. */
  onLost(end: LinkEnd): void;
  /** It gave up. */
  onFailed(end: LinkEnd): void;
  onProblem(code: string, message: string): void;
}

/** What only the transport knows of `PlayerStats`. */
export type PlaybackFigures = Pick<
  PlayerStats,
  | 'codec'
  | 'bitrateBps'
  | 'packetsLost'
  | 'framesDropped'
  | 'reconnections'
  | 'layer'
  | 'layers'
  | 'layerTimeline'
  | 'layerTimelineReason'
  | 'jitterBufferTargetMs'
  | 'behindLiveMs'
  | 'hls'
> & {
  /** Median time to decode a picture. */
  decodeMs: number;
};

/** Where a person is in what can be watched, seconds on the transport's own timeline. */
export interface Timeline {
  startS: number;
  /** The newest that there is; of a Recording its end. */
  endS: number;
  /** Where playing is "live": behind the end by what the transport needs. */
  liveS: number;
  positionS: number;
  paused: boolean;
  /** It grows. */
  live: boolean;
  /** Close enough to `liveS` to be called live. */
  atLive: boolean;
}

/** A moment that detections or events were about. */
export interface Moment {
  /** Unix ms. */
  atMs: number;
  /** Of its Frame; undefined = only the time is known. */
  rtpTimestamp?: number | undefined;
}

/** What a transport with a past can do. */
export interface Rewinding {
  readonly timeline: Timeline | undefined;
  seek(positionS: number): void;
  /** Where on the timeline a moment is: its very Frame where that is known, else by the clock; undefined = not known. */
  positionOf(moment: Moment): number | undefined;
  setPaused(paused: boolean): void;
  backToLive(): void;
  /** URL of a picture near this place; there is not one for each. */
  thumbnailAt(positionS: number): string | undefined;
}

/** One way to get a Stream's pictures and detections onto the overlay, until closed. */
export interface Playback {
  readonly transport: Transport;
  /** Its path is there, so that a picture means that it plays. */
  readonly connected: boolean;
  /** Server clock minus ours, ms. */
  readonly serverOffsetMs: number | undefined;
  readonly viewerRttMs: number | undefined;
  /** undefined = pictures come and are gone. */
  readonly rewinding: Rewinding | undefined;
  figures(): PlaybackFigures;
  /** Twice a second. */
  onTick(): void;
  /** A detection message names a model that was not described. */
  onUnknownModel(revision: number): void;
  setLayer(layer: number | undefined): void;
  /** Now and then: what was counted, to who wants to know. */
  report(): void;
  close(reason: string): void;
  dump(): unknown;
}
