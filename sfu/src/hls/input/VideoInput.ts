import type { HlsMedia } from '@framelock/server/protocol';
import type { EncodedFrame, VideoCodec } from '@framelock/server/protocol/tap';
import type { Logger } from 'pino';
import type { MediaTime, VideoFormat, VideoSample } from '../media.ts';
import { type AccessUnit, toAnnexB } from './accessUnit.ts';
import { ffmpegDecoders } from './ffmpegDecoders.ts';
import { GopFrames } from './GopFrames.ts';
import { H264Samples } from './H264Samples.ts';
import { joinSuperframe } from './superframe.ts';
import { type TranscoderFrame, VideoTranscoder } from './VideoTranscoder.ts';

/** What a publisher whose key frames are said to come late gets to show that it makes one when it is asked. */
const keyFrameAnswerMs = 1_000;

const codecNames: Record<VideoCodec, string> = { h264: 'H264', vp8: 'VP8', vp9: 'VP9', av1: 'AV1' };

export interface VideoInputOptions {
  ffmpegBin: string;
  preset?: string;
  codec: VideoCodec;
  /** Its pictures may have several spatial layers. */
  layered: boolean;
  /** Between key frames, as measured, where that is too long for HLS. */
  lateKeyFramesMs: number | undefined;
  log: Logger;
  events: { onVideoFormat(format: VideoFormat): void; onVideo(sample: VideoSample): void };
  onMediaChanged(): void;
  onDiscontinuity(reason: string): void;
  requestKeyFrame(): void;
  onFatal(message: string): void;
}

export interface VideoCounts {
  copied: number;
  transcoded: number;
  transcoderDropped: number;
  transcoderRestarts: number;
  strangeTimes: number;
}

interface HeldUnit {
  unit: AccessUnit;
  time: MediaTime;
  receivedAtMs: number;
}

/** Pictures in media time -> H264 samples: copied where they are H264 for browsers, transcoded otherwise. */
export class VideoInput {
  readonly #options: VideoInputOptions;
  readonly #samples: H264Samples;
  /** In the form of samples. */
  readonly #gop = new GopFrames<TranscoderFrame>();
  #transcoder: VideoTranscoder | undefined;
  /** Why it is transcoded, for people; undefined: it is copied. */
  #why: string | undefined;
  /** Not passed on until it shows whether its key frames come when they are asked for. */
  #held: HeldUnit[] | undefined;
  #heldTimer: NodeJS.Timeout | undefined;
  #provesKeyFrames: boolean;
  /** First time that was not passed on yet. */
  #from: MediaTime = 0;
  /** Frames that wait for what FFmpeg can; they begin with a key frame. */
  #early = new GopFrames<TranscoderFrame>();
  #decoders: readonly string[] | undefined;
  #copied = 0;
  #before = { dropped: 0, restarts: 0, strangeTimes: 0, pictures: 0 };
  #closed = false;

  constructor(options: VideoInputOptions) {
    this.#options = options;
    this.#provesKeyFrames = options.lateKeyFramesMs !== undefined;
    this.#samples = new H264Samples({
      onVideoFormat: (format) => options.events.onVideoFormat(format),
      onVideo: (sample) => options.events.onVideo(sample),
    });
    if (options.codec !== 'h264') {
      this.#why = `HLS players take H264; published as H264 it would cost nothing`;
      this.#prepareFfmpeg();
    }
  }

  get transcodes(): boolean {
    return this.#why !== undefined;
  }

  get media(): HlsMedia {
    const codec = codecNames[this.#options.codec];
    return this.#why === undefined ? { codec, how: 'copied' } : { codec, how: 'transcoded', why: this.#why };
  }

  get counts(): VideoCounts {
    const { dropped, restarts, strangeTimes, pictures } = sumCounts(this.#before, this.#transcoder?.counts);
    return {
      copied: this.#copied,
      transcoded: pictures,
      transcoderDropped: dropped,
      transcoderRestarts: restarts,
      strangeTimes,
    };
  }

  /** `data` is the frame's and may be overwritten. */
  take(frame: EncodedFrame, data: Buffer, time: MediaTime): void {
    if (this.#closed) return;
    const { key, receivedAtMs, unitBytes } = frame;
    if (!this.transcodes) return this.#copy(data, time, key, receivedAtMs);
    const whole = this.#options.codec === 'vp9' ? joinSuperframe(data, unitBytes) : data;
    this.#transcode({
      ...{ time, key, receivedAtMs },
      data: whole,
      layers: this.#options.codec === 'vp9' ? unitBytes.length : 1,
      lastUnitBytes: unitBytes.at(-1) ?? 0,
    });
  }

  #copy(data: Buffer, time: MediaTime, key: boolean, receivedAtMs: number): void {
    const unit = this.#samples.read(data);
    if (unit.data.length === 0) return;
    this.#gop.add({ time, key, data: unit.data, receivedAtMs, layers: 1, lastUnitBytes: 0 });
    const objection = this.#samples.objection(unit);
    if (objection !== undefined) return this.transcodeFromNow(objection, unit.bSlice);
    if (this.#held) {
      if (key) this.#release();
    } else if (this.#provesKeyFrames) this.#hold();
    if (this.#held) this.#held.push({ unit, time, receivedAtMs });
    else this.#passOn({ unit, time, receivedAtMs });
  }

  #passOn({ unit, time, receivedAtMs }: HeldUnit): void {
    this.#copied++;
    this.#from = time + 1;
    this.#samples.emit(time, receivedAtMs, unit);
  }

  #hold(): void {
    this.#provesKeyFrames = false;
    this.#held = [];
    this.#options.requestKeyFrame();
    const seconds = Math.round(this.#options.lateKeyFramesMs! / 1000);
    this.#heldTimer = setTimeout(() => {
      this.transcodeFromNow(
        `its key frames come every ${seconds} s, and not when they are asked for; with a key frame interval of 2 s in the encoder it costs nothing`,
      );
    }, keyFrameAnswerMs);
  }

  /** It made a key frame when it was asked. */
  #release(): void {
    clearTimeout(this.#heldTimer);
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const one of held) this.#passOn(one);
  }

  /** From what comes next on; what was copied already is not shown twice. */
  transcodeFromNow(why: string, reordered = false): void {
    if (this.#closed || this.transcodes) return;
    this.#why = why.slice(0, 300);
    clearTimeout(this.#heldTimer);
    this.#held = undefined;
    const { format } = this.#samples;
    const sets = format ? [format.sps, format.pps] : [];
    for (const frame of this.#gop.frames) {
      this.#early.add({ ...frame, data: toAnnexB(frame.key ? sets : [], frame.data) });
    }
    this.#gop.clear();
    this.#reordered = reordered;
    this.#options.log.info({ why: this.#why }, 'video is transcoded from now on');
    this.#prepareFfmpeg();
    this.#options.onMediaChanged();
  }

  #reordered = false;

  #prepareFfmpeg(): void {
    ffmpegDecoders(this.#options.ffmpegBin).then(
      (decoders) => {
        if (this.#closed) return;
        this.#decoders = decoders;
        const { frames } = this.#early;
        if (frames.length > 0) this.#begin(frames);
      },
      () => {
        const { ffmpegBin, codec } = this.#options;
        if (!this.#closed)
          this.#options.onFatal(
            `${codecNames[codec]} must be transcoded for HLS, and FFmpeg (${ffmpegBin}) does not run: install ffmpeg or set FFMPEG_BIN`,
          );
      },
    );
  }

  #transcode(frame: TranscoderFrame): void {
    if (this.#transcoder) return this.#transcoder.push(frame);
    if (this.#decoders && frame.key) return this.#begin([frame]);
    this.#early.add(frame);
    if (this.#early.frames.length === 0) this.#options.requestKeyFrame();
    else if (this.#decoders) this.#begin(this.#early.frames);
  }

  #begin(frames: readonly TranscoderFrame[]): void {
    const { ffmpegBin, preset, codec, layered, requestKeyFrame, onDiscontinuity, onFatal } = this.#options;
    this.#transcoder = new VideoTranscoder(
      {
        ...{ bin: ffmpegBin, preset, codec, layered, requestKeyFrame, onDiscontinuity },
        decoders: this.#decoders!,
        reordered: this.#reordered,
        onPicture: ({ time, receivedAtMs }, data) => {
          this.#from = time + 1;
          this.#samples.emit(time, receivedAtMs, this.#samples.read(data));
        },
        onGaveUp: onFatal,
      },
      frames,
      this.#from,
    );
    this.#early.clear();
  }

  /** Media time jumped: nothing that came before is of use. */
  reset(): void {
    this.#before = sumCounts(this.#before, this.#transcoder?.counts);
    void this.#transcoder?.close('media time jumped');
    this.#transcoder = undefined;
    this.#early.clear();
    this.#gop.clear();
    clearTimeout(this.#heldTimer);
    if (this.#held) this.#provesKeyFrames = true;
    this.#held = undefined;
  }

  async close(reason: string): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#heldTimer);
    this.#held = undefined;
    this.#gop.clear();
    this.#early.clear();
    await this.#transcoder?.close(reason);
  }

  dump(): Record<string, unknown> {
    return { media: this.media, format: this.#samples.format?.codec, ffmpeg: this.#transcoder?.pid };
  }
}

type TranscoderCounts = VideoTranscoder['counts'];

function sumCounts(a: TranscoderCounts, b: TranscoderCounts | undefined): TranscoderCounts {
  if (!b) return { ...a };
  return {
    dropped: a.dropped + b.dropped,
    restarts: a.restarts + b.restarts,
    strangeTimes: a.strangeTimes + b.strangeTimes,
    pictures: a.pictures + b.pictures,
  };
}
