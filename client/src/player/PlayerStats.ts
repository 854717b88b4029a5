import type { AnalysisView } from '@framelock/server/protocol';

export type PlayerMode = 'lock' | 'live';
export type PlayerState = 'connecting' | 'waiting' | 'playing' | 'reconnecting' | 'ended' | 'failed';

export interface PlayerProblem {
  /** A RefusalCode, or: 'autoplay', 'lost', 'noCodec'. */
  code: string;
  message: string;
  /** The player gave up; otherwise it goes on by itself. */
  fatal: boolean;
}

/** Medians over the last seconds, ms; null = not known (yet). */
export interface LatencyBudget {
  /** Encode and packet send delay, from the publisher's own report. */
  captureToSend: number | null;
  /** Estimated: half the publisher's round trip to the sfu. */
  uplink: number | null;
  /** On the inference node: last packet received to decoded. */
  decode: number | null;
  /** Decoded to model start. */
  queue: number | null;
  /** The model's run. */
  inference: number | null;
  /** Model end to sent. */
  publish: number | null;
  /** Sent by inference to arrived here, across the measured clock offsets. */
  dataChannel: number | null;
  /** This viewer: last packet received to given for presentation (jitter buffer and decoder). */
  jitterBuffer: number | null;
  /** Given for presentation to drawn on the canvas. */
  display: number | null;
}

export interface HlsFigures {
  /** Parts and blocking reload are used. */
  lowLatency: boolean;
  /** The buffer ran empty while playing. */
  stalls: number;
  /** Parts or Segments that could not be had, and were skipped or tried again. */
  droppedParts: number;
  /** Files of detections beside the media. Pictures of a missing one count as unanalysed. */
  sidecars: { loaded: number; missing: number };
  /** Media ahead of what is shown. */
  bufferedMs: number;
  playbackRate: number;
  /** PART-TARGET of the playlist; null = it has no Parts, or the browser does not tell. */
  partTargetMs: number | null;
  /** false: this browser plays HLS by itself and tells no picture's own time, so that none is called exact. */
  exact: boolean;
}

/**
 * The public contract's `window.framelock.stats()` and more. `framesPresented = exact + interpolated + extrapolated +
 * unanalysed`: distinct pictures drawn, each counted once as the best it reached while shown.
 */
export interface PlayerStats {
  framesPresented: number;
  exact: number;
  interpolated: number;
  extrapolated: number;
  unanalysed: number;
  /** Pictures the browser presented without a callback (gaps of presentedFrames): never drawn, so never drawn wrongly. */
  missedCallbacks: number;
  /** Pictures composited with boxes drawn as exact whose timestamp or Publication differs; measured after each composite. */
  wrongFrame: number;
  /** |picture time - time the drawn boxes stand for| of pictures with boxes, 90 kHz ticks; see OverlayCounters. */
  overlayErrorTicks: { p50: number; p99: number; max: number };
  captureToOverlayMs: { p50: number | null; p95: number | null };
  analysisFps: number;
  videoFps: number;
  dataChannelBytesPerFrame: number;
  jitterBufferTargetMs: number;
  mode: PlayerMode;

  latencyBudget: LatencyBudget;
  analysis: AnalysisView;
  viewers: number;
  codec: string;
  width: number;
  height: number;
  transport: 'webrtc' | 'hls';
  /** Why it is this transport, where the person did not choose it: `no UDP or TCP path`, `many viewers`… */
  transportReason: string | null;
  /** HLS: capture of the shown picture to now, ms, by PROGRAM-DATE-TIME; WebRTC: null (captureToOverlayMs tells). */
  behindLiveMs: number | null;
  /** null in WebRTC. */
  hls: HlsFigures | null;
  /** What Lock adds to receive-to-display, ms: the median now less the one without Lock; null until known. */
  lockPriceMs: number | null;
  /** Layer of SVC or simulcast received now, 0 = smallest; null = the video has one only. */
  layer: number | null;
  /** Layers that the publisher sends; 1 = nothing to choose from. */
  layers: number;
  /**
   * Of a simulcast: whether the shown layer's timestamps are known on the analysed layer's clock. Unless `known`, its
   * pictures count as unanalysed, since nobody can say which detections are theirs. null = the video has no such layers.
   */
  layerTimeline: 'known' | 'checking' | 'unknown' | null;
  /** Why it is unknown. */
  layerTimelineReason: string | null;
  state: PlayerState;
  /** Median age of the detections under predicted boxes, ms. */
  predictionAgeMs: number | null;
  detections: {
    received: number;
    /** Not a message, of another Publication, or twice. */
    malformed: number;
    foreign: number;
    duplicate: number;
    /** Of `received`: older than everything the full buffer holds. */
    late: number;
    /** Gaps in `seq`: analysed frames whose message never came. */
    lost: number;
  };
  bitrateBps: number;
  packetsLost: number;
  framesDropped: number;
  reconnections: number;
  /** Player.create to the first picture on the canvas; null before it. */
  joinMs: number | null;
  /** 99th percentile of what detections take longer to arrive than their picture; null before the first. */
  detectionDelayMs: number | null;
}
