import { hlsTimescale } from '@framelock/server/protocol';
import { opusClockRate } from '@framelock/server/protocol/tap';
import { FfmpegProcess } from '../../source/FfmpegProcess.ts';
import { type AudioSample, audioSampleTicks, type MediaTime } from '../media.ts';
import { ticksPerSample } from './AudioClock.ts';
import { FeedQueue } from './FeedQueue.ts';
import { NutReader } from './NutReader.ts';
import { OggWriter } from './ogg.ts';
import { opusSamples, opusSilence, silenceStepSamples } from './opusPacket.ts';
import { RestartPlan } from './RestartPlan.ts';

/** Sound that is off by less stays where it is: its packets follow each other to the sample. */
const toleranceTicks = hlsTimescale / 50;
/** Sound may come so much later than its picture before silence takes its place. */
const patienceTicks = hlsTimescale / 4;
/** Nothing came for so long: it is muted, and silence does not wait. */
const mutedAfterMs = 1_000;
/** A packet placed further away than this is placed wrongly. */
const maxAheadTicks = 10 * hlsTimescale;
const maxWaitingBytes = 1024 * 1024;
/** Where the first sample is on the child's own line: the encoder begins 1,024 before it, and times stay positive. */
const firstGranule = opusClockRate;
/** Look-ahead of Opus encoders, which their decoders give first (what `pre-skip` is for, RFC 7845 section 4.2). */
const opusDelaySamples = 312;

export interface AudioTranscoderOptions {
  bin: string;
  decoders: readonly string[];
  /** Media time of the first sample. */
  begin: MediaTime;
  /** Unix ms: a packet is waited for from here on. */
  nowMs: number;
  onSample(sample: AudioSample): void;
  /** Too many of its FFmpegs died. */
  onGaveUp(message: string): void;
}

/**
 * Opus packets -> AAC without a hole: what is missing is silence, what comes too late is left out, and so an AAC frame's
 * number is its time. AAC-LC, 48 kHz, stereo.
 */
export class AudioTranscoder {
  readonly #options: AudioTranscoderOptions;
  readonly #restarts = new RestartPlan();
  #ffmpeg: FfmpegProcess | undefined;
  #queue = new FeedQueue();
  #ogg = new OggWriter();
  /** Of sample 0 that goes into the FFmpeg of now. */
  #begin: MediaTime;
  #samples = 0;
  #next: MediaTime | undefined;
  #lastPacketAtMs: number;
  #restartTimer: NodeJS.Timeout | undefined;
  #closed = false;
  readonly counts = { packets: 0, malformed: 0, late: 0, silentMs: 0, overflow: 0, restarts: 0, frames: 0 };

  constructor(options: AudioTranscoderOptions) {
    this.#options = options;
    this.#begin = options.begin;
    this.#lastPacketAtMs = options.nowMs;
    this.#start();
  }

  get pid(): number | undefined {
    return this.#ffmpeg?.pid;
  }

  /** Where the next packet goes. */
  get #position(): MediaTime {
    return this.#begin + this.#samples * ticksPerSample;
  }

  push(packet: Buffer, time: MediaTime, receivedAtMs: number): void {
    const samples = opusSamples(packet);
    if (samples === undefined) {
      this.counts.malformed++;
      return;
    }
    this.#lastPacketAtMs = receivedAtMs;
    const ahead = time - this.#position;
    if (Math.abs(ahead) > maxAheadTicks || ahead < -toleranceTicks) {
      this.counts.late++;
      return;
    }
    if (ahead > toleranceTicks) this.#fillUpTo(time);
    this.counts.packets++;
    this.#write(packet, samples);
  }

  /** A picture of this time has come: sound is not waited for much longer. */
  video(time: MediaTime, receivedAtMs: number): void {
    const muted = receivedAtMs - this.#lastPacketAtMs > mutedAfterMs;
    const due = muted ? time : time - patienceTicks;
    if (due - this.#position >= toleranceTicks) this.#fillUpTo(due);
  }

  #fillUpTo(time: MediaTime): void {
    const steps = Math.round((time - this.#position) / ticksPerSample / silenceStepSamples);
    for (const { packet, samples } of opusSilence(steps * silenceStepSamples)) {
      this.counts.silentMs += (samples * 1000) / opusClockRate;
      this.#write(packet, samples);
    }
  }

  #write(packet: Buffer, samples: number): void {
    if (!this.#ffmpeg || this.#ffmpeg.gone) return;
    if (this.#queue.bytes > maxWaitingBytes) {
      this.counts.overflow++;
      return;
    }
    this.#samples += samples;
    this.#queue.push(this.#ogg.page(packet, firstGranule + this.#samples));
  }

  #start(): void {
    this.#queue = new FeedQueue();
    this.#ogg = new OggWriter();
    this.#samples = 0;
    const reader = new NutReader({
      onStream: () => {},
      onPacket: ({ pts, data }) => this.#output(ffmpeg, pts, data),
    });
    const ffmpeg = new FfmpegProcess({
      bin: this.#options.bin,
      args: audioArguments(this.#options.decoders),
      stdin: this.#queue.stream,
      onBytes: (chunk) => this.#read(ffmpeg, reader, chunk),
    });
    this.#ffmpeg = ffmpeg;
    this.#queue.push(this.#ogg.header());
    void ffmpeg.exited.then(({ message }) => this.#exited(ffmpeg, message));
  }

  #read(ffmpeg: FfmpegProcess, reader: NutReader, chunk: Buffer): void {
    if (this.#closed || ffmpeg !== this.#ffmpeg) return;
    try {
      reader.push(chunk);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      void ffmpeg.kill();
    }
  }

  #output(ffmpeg: FfmpegProcess, granule: number, data: Buffer): void {
    if (this.#closed || ffmpeg !== this.#ffmpeg) return;
    const samples = granule - firstGranule;
    // The encoder's priming: nothing of ours is in it.
    if (samples < 0) return;
    const time = this.#begin + (samples - opusDelaySamples) * ticksPerSample;
    if (this.#next !== undefined && time !== this.#next) {
      // It lost samples: everything after would be early.
      void ffmpeg.kill();
      return;
    }
    this.#next = time + audioSampleTicks;
    this.counts.frames++;
    this.#options.onSample({ time, data });
  }

  #exited(ffmpeg: FfmpegProcess, message: string): void {
    if (this.#closed || ffmpeg !== this.#ffmpeg) return;
    const waitMs = this.#restarts.died(performance.now());
    if (waitMs === undefined) {
      void this.close('gave up');
      return this.#options.onGaveUp(`FFmpeg, which transcodes the audio, ended: ${message}`);
    }
    this.counts.restarts++;
    // Frames go on where they ended; the pictures' time tells how much silence it takes to catch up.
    if (this.#next !== undefined) this.#begin = this.#next + opusDelaySamples * ticksPerSample;
    this.#samples = 0;
    this.#restartTimer = setTimeout(() => this.#start(), waitMs);
  }

  /** Resolves when its FFmpeg is gone. */
  async close(_reason: string): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#restartTimer);
    await this.#ffmpeg?.kill();
  }
}

function audioArguments(decoders: readonly string[]): string[] {
  // libopus gives exactly the samples that a packet says; FFmpeg's own decoder holds some back where SILK changes rates.
  const decoder = decoders.includes('libopus') ? ['-c:a', 'libopus'] : [];
  return [
    ...['-nostdin', '-copyts', '-threads', '1', ...decoder],
    ...['-probesize', '32', '-analyzeduration', '0', '-f', 'ogg', '-i', 'pipe:0'],
    ...['-map', '0:a:0', '-c:a', 'aac', '-profile:a', 'aac_low', '-ar', '48000', '-ac', '2', '-b:a', '128k'],
    ...['-threads', '1', '-flush_packets', '1', '-f', 'nut', 'pipe:1'],
  ];
}
