import { audioSampleTicks, type AudioSample, type MediaTime } from '../media.ts';

/** A raw_data_block of AAC-LC, stereo, that decodes to 1,024 zeros (a CPE without spectral data, ISO/IEC 14496-3 4.4.2.1). */
const silentFrame = Buffer.from([0x21, 0x00, 0x49, 0x90, 0x02, 0x19, 0x00, 0x23, 0x80]);

/**
 * Keeps one sound track going, whatever the publisher has: silence by the clock of its pictures where there is no sound. A
 * track that appears later, or goes, is another set of tracks, on which hls.js and others stop; and silence costs 5 kbit/s
 * and no FFmpeg.
 */
export class SilentTrack {
  readonly #onSample: (sample: AudioSample) => void;
  /** End of the last sample. */
  #end: MediaTime | undefined;
  /** Sound that came for a time at which there was silence already. */
  overlapping = 0;

  constructor(onSample: (sample: AudioSample) => void) {
    this.#onSample = onSample;
  }

  /** A picture came, and there is no sound. */
  picture(time: MediaTime): void {
    for (this.#end ??= time; this.#end + audioSampleTicks <= time; this.#end += audioSampleTicks)
      this.#onSample({ time: this.#end, data: silentFrame });
  }

  sound(sample: AudioSample): void {
    if (this.#end !== undefined && sample.time < this.#end - audioSampleTicks / 2) {
      this.overlapping++;
      return;
    }
    this.#end = sample.time + audioSampleTicks;
    this.#onSample(sample);
  }

  /** Media time jumped. */
  reset(): void {
    this.#end = undefined;
  }
}
