import type { HlsMedia } from '@framelock/server/protocol';
import { type AudioCodec, type EncodedFrame, opusClockRate, type SenderReport } from '@framelock/server/protocol/tap';
import type { Logger } from 'pino';
import type { AudioFormat, AudioSample, MediaTime } from '../media.ts';
import { AudioClock } from './AudioClock.ts';
import { AudioTranscoder } from './AudioTranscoder.ts';
import { ffmpegDecoders } from './ffmpegDecoders.ts';
import { SilentTrack } from './SilentTrack.ts';

export interface AudioInputOptions {
  ffmpegBin: string;
  log: Logger;
  events: {
    onAudioFormat(format: AudioFormat): void;
    onAudio(sample: AudioSample): void;
    onProblem(message: string, fatal: boolean): void;
  };
  onMediaChanged(): void;
}

/** AAC-LC, 48 kHz, stereo (ISO/IEC 14496-3, 1.6.2.1): what AudioTranscoder has FFmpeg make. */
const aac: AudioFormat = {
  codec: 'mp4a.40.2',
  sampleRate: opusClockRate,
  channels: 2,
  config: Buffer.from([0x11, 0x90]),
};

export type AudioCounts = AudioTranscoder['counts'];

/** The publisher's Opus, while there is any -> AAC on the clock of its pictures. Without it there is silence. */
export class AudioInput {
  readonly #options: AudioInputOptions;
  readonly #clock = new AudioClock();
  #codec: AudioCodec | undefined;
  #decoders: readonly string[] | undefined;
  #transcoder: AudioTranscoder | undefined;
  readonly #silent: SilentTrack;
  #told = false;
  /** The first picture that there is sound for. */
  #first: { time: MediaTime; receivedAtMs: number } | undefined;
  #closed = false;

  constructor(options: AudioInputOptions) {
    this.#options = options;
    this.#silent = new SilentTrack((sample) => options.events.onAudio(sample));
  }

  get media(): HlsMedia | null {
    if (!this.#codec) return null;
    return { codec: this.#codec, how: 'transcoded', why: 'HLS players take AAC' };
  }

  get counts(): Partial<AudioCounts> & { overlapping: number } {
    return { ...this.#transcoder?.counts, overlapping: this.#silent.overlapping };
  }

  start(codec: AudioCodec): void {
    if (this.#closed) return;
    this.#codec = codec;
    // Another Producer counts from elsewhere.
    this.#clock.resetAudio();
    if (this.#decoders) return;
    const { ffmpegBin } = this.#options;
    ffmpegDecoders(ffmpegBin).then(
      (decoders) => (this.#decoders = decoders),
      () => this.#giveUp(`HLS has no sound: FFmpeg (${ffmpegBin}) does not run: install ffmpeg or set FFMPEG_BIN`),
    );
  }

  stop(): void {
    this.#codec = undefined;
    void this.#transcoder?.close('the audio ended');
    this.#transcoder = this.#first = undefined;
  }

  take(frame: EncodedFrame): void {
    if (this.#closed || !this.#codec) return;
    const time = this.#clock.at(frame.rtpTimestamp, frame.receivedAtMs);
    if (time === undefined || !this.#transcoder) return;
    const { buffer, byteOffset, byteLength } = frame.data;
    this.#transcoder.push(Buffer.from(buffer, byteOffset, byteLength), time, frame.receivedAtMs);
  }

  audioReport({ rtpTimestamp, ntpUnixMs }: SenderReport): void {
    this.#clock.audioReport(rtpTimestamp, ntpUnixMs);
  }

  videoReport(time: MediaTime, ntpUnixMs: number): void {
    this.#clock.videoReport(time, ntpUnixMs);
  }

  /** A picture came. */
  video(time: MediaTime, receivedAtMs: number): void {
    this.#clock.videoFrame(time, receivedAtMs);
    if (this.#closed) return;
    // Before any of it: the first Segment has its sound, though FFmpeg begins later than pictures that are copied.
    if (!this.#told) this.#options.events.onAudioFormat(aac);
    this.#told = true;
    if (!this.#codec) return this.#silent.picture(time);
    this.#first ??= { time, receivedAtMs };
    if (!this.#decoders) return;
    this.#transcoder ??= this.#begin(this.#first.time, this.#first.receivedAtMs);
    this.#transcoder.video(time, receivedAtMs);
  }

  #begin(time: MediaTime, nowMs: number): AudioTranscoder {
    const { ffmpegBin } = this.#options;
    return new AudioTranscoder({
      ...{ bin: ffmpegBin, decoders: this.#decoders!, begin: time, nowMs },
      onSample: (sample) => this.#silent.sound(sample),
      onGaveUp: (message) => this.#giveUp(message),
    });
  }

  #giveUp(message: string): void {
    if (this.#closed || !this.#codec) return;
    this.stop();
    this.#options.events.onProblem(message, false);
    this.#options.onMediaChanged();
  }

  /** Media time jumped: sound begins anew with the next picture. */
  reset(): void {
    this.#clock.reset();
    this.#silent.reset();
    void this.#transcoder?.close('media time jumped');
    this.#transcoder = this.#first = undefined;
  }

  async close(reason: string): Promise<void> {
    this.#closed = true;
    await this.#transcoder?.close(reason);
  }

  dump(): Record<string, unknown> {
    return { media: this.media, clock: this.#clock.dump(), ffmpeg: this.#transcoder?.pid };
  }
}
