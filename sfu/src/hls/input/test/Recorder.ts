import type { HlsMedia } from '@framelock/server/protocol';
import type { AudioFormat, AudioSample, MediaInputEvents, VideoFormat, VideoSample } from '../../media.ts';

type Told =
  | { what: 'videoFormat'; format: VideoFormat }
  | { what: 'video'; sample: VideoSample }
  | { what: 'audioFormat'; format: AudioFormat | null }
  | { what: 'discontinuity'; reason: string };

/** Keeps what a MediaInput tells. */
export class Recorder implements MediaInputEvents {
  /** In order; sound is apart. */
  readonly told: Told[] = [];
  readonly audio: AudioSample[] = [];
  readonly media: { video: HlsMedia; audio: HlsMedia | null }[] = [];
  readonly clocks: { time: number; unixMs: number }[] = [];
  readonly problems: { message: string; fatal: boolean }[] = [];

  get samples(): VideoSample[] {
    return this.told.flatMap((one) => (one.what === 'video' ? [one.sample] : []));
  }

  get formats(): VideoFormat[] {
    return this.told.flatMap((one) => (one.what === 'videoFormat' ? [one.format] : []));
  }

  get discontinuities(): string[] {
    return this.told.flatMap((one) => (one.what === 'discontinuity' ? [one.reason] : []));
  }

  onVideoFormat(format: VideoFormat): void {
    this.told.push({ what: 'videoFormat', format });
  }

  onVideo(sample: VideoSample): void {
    this.told.push({ what: 'video', sample: { ...sample, data: Buffer.from(sample.data) } });
  }

  onAudioFormat(format: AudioFormat | null): void {
    this.told.push({ what: 'audioFormat', format });
  }

  onAudio(sample: AudioSample): void {
    this.audio.push({ ...sample, data: Buffer.from(sample.data) });
  }

  onDiscontinuity(reason: string): void {
    this.told.push({ what: 'discontinuity', reason });
  }

  onClock(time: number, unixMs: number): void {
    this.clocks.push({ time, unixMs });
  }

  onMedia(media: { video: HlsMedia; audio: HlsMedia | null }): void {
    this.media.push(media);
  }

  onProblem(message: string, fatal: boolean): void {
    this.problems.push({ message, fatal });
  }
}
