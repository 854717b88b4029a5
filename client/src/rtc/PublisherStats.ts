export type PublisherState = 'connecting' | 'live' | 'reconnecting' | 'stopped';

export interface PublisherProblem {
  /** A RefusalCode, or: 'sourceEnded', 'noCodec', 'lost'. */
  code: string;
  message: string;
  /** The publisher gave up; otherwise it goes on by itself. */
  fatal: boolean;
}

/** Over the last second. */
export interface PublisherStats {
  bitrateBps: number;
  rttMs: number;
  fps: number;
  width: number;
  height: number;
  /** e.g. `video/VP8`. */
  codec: string;
  limitedBy: 'none' | 'cpu' | 'bandwidth' | 'other';
  /** Mean encode time plus mean packet send delay, ms. */
  captureToSendMs: number;
  encodeMs: number;
  /** Since this connection began, as the sfu reports it. */
  packetsLost: number;
  reconnections: number;
}
