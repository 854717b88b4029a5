/** What TypeScript's DOM library has no types of: Chromium's breakout boxes, and the transforms of WebRTC. */

export interface TrackProcessorConstructor {
  new (init: { track: MediaStreamTrack; maxBufferSize?: number }): { readable: ReadableStream<VideoFrame> };
}

export interface TrackGeneratorConstructor {
  new (init: { kind: 'video' }): MediaStreamTrack & { writable: WritableStream<VideoFrame> };
}

export interface EncodedFrame {
  getMetadata(): { rtpTimestamp?: number };
}

/** The `rtctransform` event of a worker. */
export interface TransformEvent extends Event {
  transformer: { readable: ReadableStream<EncodedFrame>; writable: WritableStream<EncodedFrame>; options: unknown };
}

export interface MediaGlobals {
  MediaStreamTrackProcessor?: TrackProcessorConstructor;
  MediaStreamTrackGenerator?: TrackGeneratorConstructor;
  RTCRtpScriptTransform?: new (worker: Worker, options: unknown) => RTCRtpScriptTransform;
}
