/** How the pictures of one <video> tell which frames of the Publication they are. */
export interface PictureClock {
  /** RTP timestamp, u32, of these very pixels; undefined = nobody knows. */
  ofPixels(image: VideoFrame): number | undefined;
  /** RTP timestamp, u32, that the callback tells, which can be a frame off the pixels; undefined = none. */
  ofCallback(metadata: VideoFrameCallbackMetadata): number | undefined;
  /** The same for the same picture and another for the next; undefined = it cannot be told from the one before. */
  identityOf(image: VideoFrame | undefined, metadata: VideoFrameCallbackMetadata): number | undefined;
  /** A picture that is not the one before is shown: told before it is asked about and drawn. */
  onPresented?(image: VideoFrame | undefined, metadata: VideoFrameCallbackMetadata): void;
}

/** VideoFrame.metadata() of the WebCodecs VideoFrame metadata registry; Chromium 145 tells rtpTimestamp there. */
interface FrameWithMetadata {
  metadata?(): { rtpTimestamp?: number };
}

/** WebRTC: browsers hand the RTP timestamp on with the picture. */
export const rtpClock: PictureClock = {
  ofPixels: (image) => (image as FrameWithMetadata).metadata?.().rtpTimestamp,
  ofCallback: ({ rtpTimestamp }) => rtpTimestamp,
  identityOf: (image, metadata) => (image && rtpClock.ofPixels(image)) ?? metadata.rtpTimestamp,
};
