import type { ModelDescription, PackagerSettings, RpcCaller } from '@framelock/server/protocol';
import type { Logger } from 'pino';
import type { Publication } from '../Publication.ts';
import type { FrameTap } from '../tap/FrameTap.ts';
import type { HlsControlContract, TapEnd } from './hlsControl.ts';

export interface PublicationFeedOptions {
  publication: Publication;
  log: Logger;
}

/** The hls process as it runs now: it may be another one after a crash. */
export interface HlsProcess {
  rpc: RpcCaller<HlsControlContract>;
  sendDetection(publicationId: string, detection: Uint8Array): void;
}

/** Both ends are on this machine. */
const loopback = '127.0.0.1';
/** Descriptions kept for a hls process that has to be told anew. */
const maxDescriptions = 16;

/** What the hls process gets of one Publication: its settings, its model descriptions, and on request its media. */
export class PublicationFeed {
  readonly publication: Publication;
  readonly #log: Logger;
  #process: HlsProcess | undefined;
  #settings: PackagerSettings | undefined;
  #descriptions: ModelDescription[] = [];
  #isWanted = false;
  /** Steps that open and close taps, one after the other. */
  #last: Promise<void> = Promise.resolve();
  #video: FrameTap | undefined;
  #audio: FrameTap | undefined;
  #audioSocket: { ip: string; port: number } | undefined;
  #keyFrameIntervalMs: number | null = null;
  #closed = false;

  constructor({ publication, log }: PublicationFeedOptions) {
    this.publication = publication;
    this.#log = log;
    publication.on('producer', () => this.#enqueue());
    publication.on('producerClosed', () => this.#enqueue());
    publication.on('analysed', () => this.#enqueue());
    publication.on('ingest', ({ producers }) => {
      const video = producers.find(({ keyFrameIntervalMs }) => keyFrameIntervalMs !== undefined);
      this.#keyFrameIntervalMs = video?.keyFrameIntervalMs ?? this.#keyFrameIntervalMs;
    });
    publication.feed.mirror = (message) => {
      if (this.#isWanted) this.#process?.sendDetection(publication.id, message);
    };
  }

  get taps(): number {
    return (this.#video ? 1 : 0) + (this.#audio ? 1 : 0);
  }

  /** Tells a new hls process all that the one before knew. */
  async attach(process: HlsProcess, restarts: number): Promise<void> {
    this.detach();
    this.#process = process;
    const { id: publicationId, streamId } = this.publication;
    await process.rpc.request('addPublication', { publicationId, streamId, restarts });
    if (this.#settings) await process.rpc.request('setPackager', { publicationId, settings: this.#settings });
    for (const description of this.#descriptions)
      await process.rpc.request('describeModel', { publicationId, description });
  }

  /** The hls process is gone. */
  detach(): void {
    this.#process = undefined;
    this.#isWanted = false;
    this.#closeTaps('the hls process is gone');
  }

  async setPackager(settings: PackagerSettings): Promise<void> {
    this.#settings = settings;
    await this.#process?.rpc.request('setPackager', { publicationId: this.publication.id, settings });
  }

  async describeModel(description: ModelDescription): Promise<void> {
    this.#descriptions = [...this.#descriptions, description].slice(-maxDescriptions);
    await this.#process?.rpc.request('describeModel', { publicationId: this.publication.id, description });
  }

  setWanted(isWanted: boolean): void {
    this.#isWanted = isWanted;
    // At once: wanted again before the next step, it has to begin anew, for its sockets there are others then.
    if (!isWanted) this.#closeTaps('not wanted');
    this.#enqueue();
  }

  /** Brings the taps to what is wanted and there; a step that fails leaves none open and is tried with the next change. */
  #enqueue(): void {
    this.#last = this.#last
      .then(() => this.#settle())
      .catch((error: Error) => {
        this.#closeTaps('failed');
        const { id: publicationId } = this.publication;
        this.#log.warn({ publicationId, error: error.message }, 'no media for HLS');
        // The hls process asks anew when it gets nothing.
        void this.#process?.rpc.request('stopInput', { publicationId, reason: error.message }).catch(() => {});
      });
  }

  async #settle(): Promise<void> {
    const process = this.#process;
    if (!process || this.#closed) return;
    const { publication } = this;
    const publicationId = publication.id;
    const video = this.#isWanted ? publication.tapped('video') : undefined;
    if (!video) {
      const hadVideo = this.#video !== undefined;
      this.#closeTaps('not wanted');
      if (hadVideo && this.#isWanted)
        await process.rpc.request('stopInput', { publicationId, reason: 'there is no video' });
      return;
    }
    if (this.#video?.producerId !== video.id) return this.#start(process);
    if (this.#audio?.producerId !== publication.tapped('audio')?.id) await this.#changeAudio(process);
  }

  async #start({ rpc }: HlsProcess): Promise<void> {
    this.#closeTaps('another video');
    const { publication } = this;
    const publicationId = publication.id;
    const sockets = await rpc.request('openInput', { publicationId });
    this.#audioSocket = sockets.audio;
    const video = (this.#video = await publication.openMediaTap('video', sockets.video, loopback));
    const audio = publication.tapped('audio')
      ? (this.#audio = await publication.openMediaTap('audio', sockets.audio, loopback))
      : undefined;
    await rpc.request('startInput', {
      publicationId,
      video: endOf(video),
      audio: audio ? endOf(audio) : null,
      keyFrameIntervalMs: this.#keyFrameIntervalMs,
    });
    await Promise.all([video.resume(), audio?.resume()]);
  }

  async #changeAudio({ rpc }: HlsProcess): Promise<void> {
    this.#audio?.close('another audio');
    this.#audio = undefined;
    const { publication } = this;
    if (publication.tapped('audio'))
      this.#audio = await publication.openMediaTap('audio', this.#audioSocket!, loopback);
    const audio = this.#audio;
    await rpc.request('setAudio', { publicationId: publication.id, audio: audio ? endOf(audio) : null });
    await audio?.resume();
  }

  #closeTaps(reason: string): void {
    this.#video?.close(reason);
    this.#audio?.close(reason);
    this.#video = this.#audio = undefined;
  }

  /** With its Publication. */
  close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#closeTaps(reason);
    const { id: publicationId, feed } = this.publication;
    feed.mirror = undefined;
    void this.#process?.rpc.request('endPublication', { publicationId, reason }).catch(() => {});
  }
}

function endOf(tap: FrameTap): TapEnd {
  return { remote: tap.local, rtpParameters: { ...tap.rtpParameters }, type: tap.type };
}
