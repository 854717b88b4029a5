import { hlsNames } from '@framelock/server/protocol';
import type {
  AudioFormat,
  AudioSample,
  InitSection,
  MediaTime,
  Part,
  Segment,
  VideoFormat,
  VideoSample,
} from '../media.ts';
import { Segmenter } from '../mux/Segmenter.ts';
import { MediaPlaylist } from '../playlist/MediaPlaylist.ts';
import { HlsValidator } from './validateHls.ts';

export const testVideoFormat = (width = 1280, height = 720): VideoFormat => ({
  codec: 'avc1.42c01f',
  width,
  height,
  // Constrained baseline; the last byte differs with the size, as in real ones.
  sps: Buffer.from([0x67, 0x42, 0xc0, 0x1f, 0x8c, 0x8d, 0x40, width % 251, height % 251]),
  pps: Buffer.from([0x68, 0xce, 0x3c, 0x80]),
});

export const testAudioFormat = (channels = 2): AudioFormat => ({
  codec: 'mp4a.40.2',
  sampleRate: 48_000,
  channels,
  config: Buffer.from([0x11, 0x80 | (channels << 3)]),
});

/** One NAL unit whose payload says which sample it is. */
export function testVideoSample(time: MediaTime, key: boolean, receivedAtMs = 0): VideoSample {
  const data = Buffer.alloc(16);
  data.writeUInt32BE(12, 0);
  data[4] = key ? 0x65 : 0x41;
  data.writeDoubleBE(time, 8);
  return { time, key, data, receivedAtMs };
}

export function testAudioSample(time: MediaTime): AudioSample {
  const data = Buffer.alloc(9, 0x21);
  data.writeDoubleBE(time, 1);
  return { time, data };
}

export interface PackagerRunOptions {
  firstMsn?: number;
  firstInitIndex?: number;
  /** Segments that stay listed; more go. */
  keep?: number;
}

/** Segmenter and MediaPlaylist as a packager joins them, and a client that reloads at every change and checks it all. */
export class PackagerRun {
  readonly playlist: MediaPlaylist;
  readonly validator = new HlsValidator();
  readonly segmenter: Segmenter;
  readonly inits: InitSection[] = [];
  readonly parts: Part[] = [];
  readonly segments: Segment[] = [];
  keyFramesWanted = 0;
  lateKeyFrames = 0;
  readonly #keep: number | undefined;
  #reloads = 0;

  constructor({ firstMsn, firstInitIndex, keep }: PackagerRunOptions = {}) {
    this.#keep = keep;
    this.playlist = new MediaPlaylist({ firstMsn });
    this.segmenter = new Segmenter({
      firstMsn,
      firstInitIndex,
      onInit: (init) => {
        this.inits.push(init);
        this.validator.media(hlsNames.init(init.index), init.data);
      },
      onPart: (part, segment, last) => {
        this.parts.push(part);
        this.validator.media(hlsNames.part(part.msn, part.index), part.data);
        if (!last) this.#publish(() => this.playlist.addPart(part, segment));
      },
      onSegment: (segment) => {
        this.segments.push(segment);
        this.validator.media(hlsNames.segment(segment.msn), Buffer.concat(segment.parts.map((part) => part.data)));
        this.#publish(() => this.playlist.addSegment(segment));
        if (this.#keep !== undefined) this.playlist.removeBefore(segment.msn - this.#keep + 1);
      },
      onWantKeyFrame: () => this.keyFramesWanted++,
      onLateKeyFrame: () => this.lateKeyFrames++,
    });
  }

  /** Those that are not 0. */
  counts(): Record<string, number> {
    return Object.fromEntries(Object.entries(this.segmenter.counts).filter(([, count]) => count > 0));
  }

  /** Ends, and returns everything that the validator found. */
  end(): string[] {
    this.segmenter.end();
    this.playlist.end();
    this.validator.playlist(this.playlist.lowLatency());
    this.validator.playlist(this.playlist.plain());
    return this.validator.finish({ complete: true });
  }

  /** As clients do: the reload names the next Part. */
  #publish(change: () => void): void {
    const { playlist, validator } = this;
    const next = { msn: playlist.last + 1, part: playlist.openParts };
    change();
    const skip = ++this.#reloads % 3 !== 0;
    validator.playlist(skip ? playlist.delta() : playlist.lowLatency(), { ...next, skip });
    if (this.#reloads % 5 === 0) validator.playlist(playlist.plain());
  }
}
