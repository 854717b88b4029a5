import { hlsTargetDurationS, videoClockRate } from '@framelock/server/protocol';
import {
  type EncodedFrame,
  readAudioTapParameters,
  readTapParameters,
  type ReceiverCounts,
  RtpReceiver,
  type SenderReport,
  type SocketAddress,
  type UdpDrops,
} from '@framelock/server/protocol/tap';
import type { Logger } from 'pino';
import type { MediaInputEvents, MediaTime } from '../media.ts';
import { hasBSlice } from './accessUnit.ts';
import { type AudioCounts, AudioInput } from './AudioInput.ts';
import { CaptureClock } from './CaptureClock.ts';
import { MediaClock } from './MediaClock.ts';
import { type VideoCounts, VideoInput } from './VideoInput.ts';

export interface MediaInputOptions {
  publicationId: string;
  /** Media time begins behind this one: where an input before it ended. */
  after?: MediaTime;
  /** Address to bind to; the ports are any free ones. */
  host: string;
  ffmpegBin: string;
  log: Logger;
  events: MediaInputEvents;
  /** Of libx264, instead of the one chosen: for measurements. */
  preset?: string;
}

/** As the sfu's `openTap` answers. */
export interface TapDescription {
  /** Where the tap sends from. */
  remote: SocketAddress;
  rtpParameters: unknown;
  /** simple, svc or simulcast. */
  type: string;
}

export interface MediaInputStart {
  video: TapDescription;
  audio?: TapDescription;
  /** What was seen between the publisher's key frames, ms; null or undefined: nothing yet. */
  keyFrameIntervalMs?: number | null;
}

export interface MediaInputCounts {
  video: ReceiverCounts & Partial<VideoCounts>;
  audio: ReceiverCounts & Partial<AudioCounts> & { overlapping: number };
  discontinuities: number;
}

/**
 * RTP of one Publication -> samples for HLS, on one line of media time. H264 that browsers play is copied, everything else
 * goes through FFmpeg; sound becomes AAC.
 */
export class MediaInput {
  readonly #options: MediaInputOptions;
  readonly #log: Logger;
  readonly #clock: MediaClock;
  readonly #captureClock: CaptureClock;
  readonly #videoReceiver: RtpReceiver;
  readonly #audioReceiver: RtpReceiver;
  readonly #audio: AudioInput;
  #video: VideoInput | undefined;
  #isH264 = false;
  #closed = false;
  #closing: Promise<void> | undefined;
  #discontinuities = 0;
  #toldMedia = '';

  private constructor(options: MediaInputOptions, video: RtpReceiver, audio: RtpReceiver) {
    this.#options = options;
    this.#log = options.log;
    this.#clock = new MediaClock(options.after);
    this.#videoReceiver = video;
    this.#audioReceiver = audio;
    const { ffmpegBin, log, events } = options;
    this.#audio = new AudioInput({ ffmpegBin, log, events, onMediaChanged: () => this.#tellMedia() });
    this.#captureClock = new CaptureClock((time, unixMs) => events.onClock(time, unixMs));
  }

  /** Rejects where no socket can be had. */
  static async create(options: MediaInputOptions): Promise<MediaInput> {
    const { host } = options;
    const onBroken = (): void => {};
    // A receiver tells nothing before its `start`.
    const video = await RtpReceiver.create({
      ...{ host, onBroken },
      onFrame: (frame) => input.#takeVideo(frame),
      onSenderReport: (report) => input.#takeVideoReport(report),
    });
    let audio: RtpReceiver;
    try {
      audio = await RtpReceiver.create({
        ...{ host, onBroken },
        onFrame: (frame) => input.#audio.take(frame),
        onSenderReport: (report) => input.#audio.audioReport(report),
      });
    } catch (error) {
      video.close('no socket for audio');
      throw error;
    }
    const input = new MediaInput(options, video, audio);
    return input;
  }

  /** Where the taps send to. */
  get local(): { video: SocketAddress; audio: SocketAddress } {
    return { video: this.#videoReceiver.local, audio: this.#audioReceiver.local };
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Refuses where a tap carries what is not known; `onProblem` tells what shows later. */
  async start({ video, audio, keyFrameIntervalMs }: MediaInputStart): Promise<void> {
    if (this.#closed || this.#video) return;
    const tap = readTapParameters(video.rtpParameters, video.type);
    const late = (keyFrameIntervalMs ?? 0) > hlsTargetDurationS * 1000;
    this.#isH264 = tap.codec === 'h264';
    this.#video = new VideoInput({
      ffmpegBin: this.#options.ffmpegBin,
      preset: this.#options.preset,
      codec: tap.codec,
      layered: video.type === 'svc',
      lateKeyFramesMs: late ? keyFrameIntervalMs! : undefined,
      log: this.#log,
      events: this.#options.events,
      onMediaChanged: () => this.#tellMedia(),
      onDiscontinuity: (reason) => this.#tellDiscontinuity(reason),
      requestKeyFrame: () => this.#videoReceiver.requestKeyFrame(),
      onFatal: (message) => this.#fail(message),
    });
    await this.setAudio(audio);
    if (this.#closed) return;
    this.#videoReceiver.start(video.remote, tap);
    this.#tellMedia();
  }

  /** The publisher's audio, or undefined where it has none any more. Refuses what is not Opus. */
  async setAudio(audio: TapDescription | undefined): Promise<void> {
    if (this.#closed) return;
    if (!audio) this.#audio.stop();
    else {
      const tap = readAudioTapParameters(audio.rtpParameters);
      this.#audioReceiver.start(audio.remote, tap);
      this.#audio.start(tap.codec);
    }
    if (this.#video) this.#tellMedia();
  }

  /** PLI. What FFmpeg makes has a key frame every Segment anyway. */
  requestKeyFrame(): void {
    if (!this.#video?.transcodes) this.#videoReceiver.requestKeyFrame();
  }

  /** Copied key frames come too late. `why`, for people, is told with `onMedia`. */
  transcodeFromNow(why: string): void {
    this.#video?.transcodeFromNow(why);
  }

  #takeVideo(frame: EncodedFrame): void {
    if (this.#closed || !this.#video) return;
    const data = Buffer.from(frame.data.buffer, frame.data.byteOffset, frame.data.byteLength);
    const before = this.#clock.time;
    const reorders = this.#isH264 && hasBSlice(data);
    if (this.#clock.take(frame.rtpTimestamp, reorders)) {
      const seconds = Math.round((this.#clock.time - before) / videoClockRate);
      this.#captureClock.reset();
      this.#audio.reset();
      this.#video.reset();
      this.#tellDiscontinuity(
        `the publisher's clock jumped by ${seconds} s, modulo ${Math.round(2 ** 32 / videoClockRate)} s`,
      );
      if (!frame.key) return this.#videoReceiver.requireKeyFrame();
    }
    const { time } = this.#clock;
    this.#captureClock.frame(time, frame.receivedAtMs);
    this.#audio.video(time, frame.receivedAtMs);
    this.#video.take(frame, data, time);
  }

  #takeVideoReport({ rtpTimestamp, ntpUnixMs }: SenderReport): void {
    const time = this.#clock.at(rtpTimestamp);
    if (this.#closed || time === undefined) return;
    this.#captureClock.report(time, ntpUnixMs);
    this.#audio.videoReport(time, ntpUnixMs);
  }

  #tellDiscontinuity(reason: string): void {
    this.#discontinuities++;
    this.#options.events.onDiscontinuity(reason);
  }

  #tellMedia(): void {
    if (this.#closed || !this.#video) return;
    const media = { video: this.#video.media, audio: this.#audio.media };
    const text = JSON.stringify(media);
    if (text === this.#toldMedia) return;
    this.#toldMedia = text;
    this.#options.events.onMedia(media);
  }

  #fail(message: string): void {
    if (this.#closed) return;
    void this.close(message);
    this.#options.events.onProblem(message, true);
  }

  countKernelDrops(drops: UdpDrops): void {
    this.#videoReceiver.countKernelDrops(drops);
    this.#audioReceiver.countKernelDrops(drops);
  }

  /** Since it was made. */
  get counts(): MediaInputCounts {
    return {
      video: { ...this.#videoReceiver.counts, ...this.#video?.counts },
      audio: { ...this.#audioReceiver.counts, ...this.#audio.counts },
      discontinuities: this.#discontinuities,
    };
  }

  /** Resolves when its FFmpegs are gone. */
  close(reason = 'closed'): Promise<void> {
    return (this.#closing ??= this.#close(reason));
  }

  async #close(reason: string): Promise<void> {
    this.#closed = true;
    this.#videoReceiver.close(reason);
    this.#audioReceiver.close(reason);
    await Promise.all([this.#video?.close(reason), this.#audio.close(reason)]);
  }

  dump(): Record<string, unknown> {
    return {
      publicationId: this.#options.publicationId,
      time: this.#clock.time,
      video: { receiver: this.#videoReceiver.dump(), ...this.#video?.dump() },
      audio: { receiver: this.#audioReceiver.dump(), ...this.#audio.dump() },
      counts: this.counts,
    };
  }
}
