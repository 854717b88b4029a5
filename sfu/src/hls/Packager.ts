import { decode } from '@msgpack/msgpack';
import { hlsTimescale, rtpTicksBetween, type ModelDescription } from '@framelock/server/protocol';
import type { Beginning } from './Continuation.ts';
import type { InitSection, MediaTime, Part, Segment, VideoFormat, VideoSample } from './media.ts';
import { Segmenter } from './mux/Segmenter.ts';
import type { MediaPlaylist } from './playlist/MediaPlaylist.ts';
import { SidecarWriter } from './sidecar/SidecarWriter.ts';
import type { SegmentStore } from './store/SegmentStore.ts';
import type { Thumbnailer } from './store/Thumbnailer.ts';

export interface PackagerOptions {
  publicationId: string;
  store: SegmentStore;
  thumbnailer: Thumbnailer;
  begin: Beginning;
  onWantKeyFrame(): void;
  onLateKeyFrame(): void;
  /** A Segment is whole, listed and stored. */
  onSegment(segment: Segment): void;
  /** A fault in what is done by the clock. */
  onFault(error: unknown): void;
}

const tickEveryMs = 50;
/** Without a message for so long nothing is being analysed: sidecars need not wait. */
const analysedForMs = 3_000;

/**
 * Samples in; Parts, Segments, sidecars and a playlist out. Everything is in memory, and so to be had, before the playlist
 * tells of it; the disk follows.
 */
export class Packager {
  readonly store: SegmentStore;
  readonly playlist: MediaPlaylist;
  readonly segmenter: Segmenter;
  readonly sidecars: SidecarWriter;
  readonly #options: PackagerOptions;
  readonly #timer: NodeJS.Timeout;
  #init: InitSection | undefined;
  #initData: Buffer | undefined;
  #format: VideoFormat | undefined;
  /** Media time of the newest picture, which detections' timestamps are unwrapped by. */
  #newest: MediaTime | undefined;
  #analysedUntilMs = 0;
  #closed = false;
  /** Messages that are none, or came before any picture. */
  detectionsDropped = 0;

  constructor(options: PackagerOptions) {
    this.#options = options;
    const { store, publicationId, begin } = options;
    const { firstMsn, firstInitIndex, playlist } = begin;
    this.store = store;
    this.playlist = playlist;
    this.sidecars = new SidecarWriter({ publicationId, onSidecar: (name, bytes) => store.putSidecar(name, bytes) });
    this.sidecars.setAnalysed(false);
    this.segmenter = new Segmenter({
      firstMsn,
      firstInitIndex,
      onInit: (init) => this.#onInit(init),
      onPart: (part, segment, last) => this.#onPart(part, segment, last),
      onSegment: (segment) => this.#onSegment(segment),
      onWantKeyFrame: options.onWantKeyFrame,
      onLateKeyFrame: options.onLateKeyFrame,
    });
    this.#timer = setInterval(() => this.#tick(), tickEveryMs);
  }

  get init(): InitSection | undefined {
    return this.#init;
  }

  get format(): VideoFormat | undefined {
    return this.#format;
  }

  videoFormat(format: VideoFormat): void {
    this.#format = format;
    this.segmenter.videoFormat(format);
  }

  video(sample: VideoSample): void {
    this.#newest = sample.time;
    this.segmenter.video(sample);
  }

  /** A detection message as viewers get it: of a picture that came a little earlier. */
  addDetection(bytes: Uint8Array): void {
    const rtp = rtpOf(bytes);
    if (rtp === undefined || this.#newest === undefined || this.#closed) {
      this.detectionsDropped++;
      return;
    }
    if (this.#analysedUntilMs === 0) this.sidecars.setAnalysed(true);
    this.#analysedUntilMs = performance.now() + analysedForMs;
    const time = this.#newest + rtpTicksBetween(rtp, this.#newest >>> 0);
    // Of a picture before the first that HLS has.
    if (time < 0) {
      this.detectionsDropped++;
      return;
    }
    this.sidecars.add(time, bytes);
    this.segmenter.addDetection(time, bytes);
  }

  describeModel(description: ModelDescription): void {
    this.store.putModel(description.revision, Buffer.from(JSON.stringify(description)));
  }

  #onInit(init: InitSection): void {
    this.#init = init;
    this.#initData = init.data;
    this.store.putInit(init);
  }

  #onPart(part: Part, segment: Segment, last: boolean): void {
    this.store.putPart(part, segment);
    this.sidecars.addPart(part);
    // The last one is told of with its whole Segment, so that nobody is sent to wait for one behind it.
    if (!last) this.playlist.addPart(part, segment);
  }

  #onSegment(segment: Segment): void {
    this.store.endSegment(segment);
    this.sidecars.endSegment(segment);
    this.playlist.addSegment(segment);
    this.#options.thumbnailer.offer(segment, this.#initData!, (data) => {
      if (!this.#closed) this.store.putThumbnail(segment.msn, data);
    });
    this.#options.onSegment(segment);
  }

  #tick(): void {
    const nowMs = performance.now();
    try {
      this.segmenter.tick(nowMs);
    } catch (error) {
      return this.#options.onFault(error);
    }
    if (this.#analysedUntilMs === 0 || nowMs < this.#analysedUntilMs) return;
    this.#analysedUntilMs = 0;
    this.sidecars.setAnalysed(false);
  }

  /** Nothing comes any more: what there is goes out, and the playlist ends where `ended`. Writes are the store's own. */
  close({ ended }: { ended: boolean }): void {
    if (this.#closed) return;
    if (ended) this.segmenter.end();
    this.#closed = true;
    clearInterval(this.#timer);
    this.sidecars.close();
    this.playlist.end();
  }

  get windowS(): number {
    return this.playlist.entries.reduce((sum, { duration }) => sum + duration, 0) / hlsTimescale;
  }
}

/** Without making an object of all that it holds would be nicer; at 30 a second this is 20 µs each. */
function rtpOf(bytes: Uint8Array): number | undefined {
  try {
    const rtp = (decode(bytes) as { rtp?: unknown } | null)?.rtp;
    return typeof rtp === 'number' && Number.isInteger(rtp) && rtp >= 0 && rtp <= 0xffffffff ? rtp : undefined;
  } catch {
    return undefined;
  }
}
