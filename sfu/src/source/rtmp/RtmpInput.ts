import { Refusal, type OpenSource } from '@framelock/server/protocol';
import type { InputEnd, SourceInput } from '../SourceInput.ts';
import { decodeAmf0, encodeAmf0, type Amf0Object, type Amf0Value } from './amf0.ts';
import { messageType, type RtmpMessage } from './ChunkReader.ts';
import { FlvBytes, type FlvQueueLimits, type TimedMedia } from './FlvBytes.ts';
import { avcProfileLevel, FlvUnsupported, readAudio, readVideo } from './flvTags.ts';
import { applicationName, type PublisherEnd, type PublishTarget, type RtmpPublisher } from './RtmpConnection.ts';
import type { ArmedKey, RtmpFront } from './RtmpFront.ts';
import { RtmpProtocolError } from './RtmpProtocolError.ts';
import { splitAggregate } from './splitAggregate.ts';

export interface RtmpInputOptions {
  front: RtmpFront;
  open: Pick<OpenSource, 'streamKey'>;
  /** Host name or address that encoders reach this node by. */
  host: string;
  queueLimits?: FlvQueueLimits;
  /** For counters. */
  onDropped(tags: number): void;
}

/** What the messages told so far, before FFmpeg has seen a byte. */
export interface RtmpMedia {
  hasVideo: boolean;
  hasAudio: boolean;
  /** Some picture's composition time was not its decoding time. */
  hasBFrames: boolean;
  /** H.264 profile_idc and level_idc. */
  profile: number | undefined;
  level: number | undefined;
  /** Between the last two key frames. */
  keyFrameIntervalMs: number | undefined;
}

/** From the last key frame on: what a further FFmpeg begins with. Beyond it, that one waits for the next key frame. */
const maxKept = { bytes: 8 * 1024 * 1024, tags: 2_000 };

/** `onMetaData` values that demuxers use; what else encoders write there never reaches FFmpeg. */
const keptMetadata = ['width', 'height', 'framerate', 'videodatarate', 'audiodatarate', 'audiosamplerate', 'stereo'];

/** One attempt of an RTMP Source: waits on the RTMP port for the publisher with its key, and gives FFmpeg FLV. */
export class RtmpInput implements SourceInput {
  /** Short looks: its header, metadata and sequence headers say at once what FFmpeg waits 5 s and more to be sure of. */
  readonly ffmpegArguments = [
    ...['-f', 'flv', '-analyzeduration', '1000000', '-fpsprobesize', '0'],
    ...['-i', 'pipe:0'],
  ] as const;
  readonly protocols = ['pipe'] as const;
  readonly ready: Promise<void>;
  readonly ended: Promise<InputEnd>;
  readonly #options: RtmpInputOptions;
  readonly #readyNow = Promise.withResolvers<void>();
  readonly #endedNow = Promise.withResolvers<InputEnd>();
  #armed: ArmedKey | undefined;
  #publisher: RtmpPublisher | undefined;
  #script: Buffer | undefined;
  readonly #configs = new Map<TimedMedia['type'], TimedMedia>();
  #kept: TimedMedia[] = [];
  #keptBytes = 0;
  #reader: FlvBytes | undefined;
  #over = false;
  #closed = false;
  #lastKeyMs: number | undefined;
  #media: RtmpMedia = {
    hasVideo: false,
    hasAudio: false,
    hasBFrames: false,
    profile: undefined,
    level: undefined,
    keyFrameIntervalMs: undefined,
  };

  private constructor(options: RtmpInputOptions) {
    this.#options = options;
    this.ready = this.#readyNow.promise;
    this.ended = this.#endedNow.promise;
  }

  /** @throws Refusal where the port can't be had, or another attempt waits with the same key. */
  static async create(options: RtmpInputOptions): Promise<RtmpInput> {
    const input = new RtmpInput(options);
    input.#armed = await options.front.arm(options.open.streamKey, {
      onPublisher: (publisher) => input.#onPublisher(publisher),
    });
    return input;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get listenUrl(): string {
    const { host } = this.#options;
    return `rtmp://${host.includes(':') ? `[${host}]` : host}:${this.#armed!.port}/${applicationName}`;
  }

  get media(): Readonly<RtmpMedia> {
    return this.#media;
  }

  openBytes(): FlvBytes {
    this.#reader?.destroy();
    const { queueLimits: limits, onDropped } = this.#options;
    const { hasAudio, hasVideo } = this.#media;
    const isAnnounced = this.#script !== undefined; // else what has not come yet may come
    const has = { audio: hasAudio || !isAnnounced, video: hasVideo || (!isAnnounced && !hasAudio) };
    const reader = new FlvBytes({ script: this.#script, has, onDropped, ...(limits ? { limits } : {}) });
    this.#reader = reader;
    for (const config of this.#configs.values()) reader.add(config);
    for (const media of this.#kept) reader.add(media);
    if (this.#over) reader.finish();
    return reader;
  }

  /** Nothing of it is left afterwards; the key may be armed again at once by the Source's next attempt. */
  close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    // Only who stopped the Source himself does not want the encoder back.
    this.#armed?.disarm({ expectAgain: reason !== 'requested' && reason !== 'shutdown' });
    this.#forget();
    this.#reader?.destroy();
    this.#readyNow.resolve();
  }

  #onPublisher(publisher: RtmpPublisher): PublishTarget {
    if (this.#over) throw new Refusal('unavailable', 'the Source starts again in a moment');
    this.#publisher = publisher;
    return {
      onMessage: (message) => this.#onMessage(message),
      onEnd: (end, message) => this.#onEnd(end, message),
    };
  }

  #onMessage(message: RtmpMessage): void {
    try {
      for (const one of message.type === messageType.aggregate ? splitAggregate(message) : [message]) this.#take(one);
    } catch (error) {
      if (!(error instanceof FlvUnsupported)) throw error;
      this.#publisher?.close('refused', error.message);
    }
  }

  #take({ type, timestampMs, payload }: RtmpMessage): void {
    if (type === messageType.dataAmf0) return this.#onData(payload);
    if (type === messageType.dataAmf3) return this.#onData(payload.subarray(1));
    const media = type === messageType.video ? readVideo(payload) : readAudio(payload);
    if (!media) return;
    const timed: TimedMedia = { ...media, timestampMs };
    this.#observe(timed);
    if (timed.part === 'config') this.#configs.set(timed.type, timed);
    else this.#keep(timed);
    this.#reader?.add(timed);
    this.#readyNow.resolve();
  }

  #observe({ type, part, payload, timestampMs, compositionMs }: TimedMedia): void {
    if (type === 'audio') {
      this.#media.hasAudio = true;
      return;
    }
    this.#media.hasVideo = true;
    if (compositionMs !== 0) this.#media.hasBFrames = true;
    if (part === 'config') Object.assign(this.#media, avcProfileLevel(payload));
    if (part !== 'key') return;
    if (this.#lastKeyMs !== undefined) this.#media.keyFrameIntervalMs = (timestampMs - this.#lastKeyMs) >>> 0;
    this.#lastKeyMs = timestampMs;
  }

  /** Keeps what follows the last key frame; nothing of sound alone, which can begin anywhere. */
  #keep(media: TimedMedia): void {
    if (media.part === 'key') this.#forget();
    else if (this.#kept.length === 0) return;
    this.#kept.push(media);
    this.#keptBytes += media.payload.length;
    if (this.#keptBytes > maxKept.bytes || this.#kept.length > maxKept.tags) this.#forget();
  }

  #forget(): void {
    this.#kept = [];
    this.#keptBytes = 0;
  }

  /** `@setDataFrame`, `onMetaData`, values. */
  #onData(payload: Buffer): void {
    const values = decodeOrNothing(payload);
    const at = values.indexOf('onMetaData');
    const metadata = at < 0 ? undefined : values[at + 1];
    if (typeof metadata !== 'object' || metadata === null) return;
    const kept = Object.fromEntries(
      keptMetadata.flatMap((key) => {
        const value = (metadata as Amf0Object)[key];
        return typeof value === 'number' || typeof value === 'boolean' ? [[key, value]] : [];
      }),
    );
    this.#script = encodeAmf0('onMetaData', kept);
    // Sound begins a moment after the picture with some encoders; what is announced here comes.
    const { videocodecid, audiocodecid } = metadata as Amf0Object;
    this.#media.hasVideo ||= videocodecid !== undefined && videocodecid !== 0;
    this.#media.hasAudio ||= audiocodecid !== undefined && audiocodecid !== 0;
  }

  #onEnd(end: PublisherEnd, message: string): void {
    this.#publisher = undefined;
    this.#over = true;
    this.#reader?.finish();
    if (this.#closed) return;
    // An encoder that comes back at once waits for the next attempt.
    this.#armed?.disarm({ expectAgain: true });
    this.#readyNow.resolve();
    this.#endedNow.resolve({ reason: end === 'finished' ? 'finished' : 'failed', message });
  }
}

/** Encoders write anything into their metadata, and nothing here depends on it. */
function decodeOrNothing(payload: Buffer): Amf0Value[] {
  try {
    return decodeAmf0(payload);
  } catch (error) {
    if (error instanceof RtmpProtocolError) return [];
    throw error;
  }
}
