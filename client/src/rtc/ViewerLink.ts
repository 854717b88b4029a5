import {
  Refusal,
  type AnalysisView,
  type Delivery,
  type EventHandlers,
  type HlsView,
  type ModelDescription,
  type Opaque,
  type PublicationView,
  type PublisherReport,
  type SignalingContract,
  type ZoneSettings,
  type ZonesLive,
} from '@framelock/server/protocol';
import type { Device } from 'mediasoup-client';
import type { Consumer, ConsumerOptions, Transport, TransportOptions } from 'mediasoup-client/types';
import { SignalingClient, type JoinResult } from '../signaling/SignalingClient.ts';
import { chooseVideo, simulcastLayers } from './chooseVideo.ts';
import { createDevice } from './createDevice.ts';
import { DetectionsChannel } from './DetectionsChannel.ts';
import type { Link, LinkEnd } from './Reconnector.ts';
import { watchTransport } from './watchTransport.ts';

/** Facts for the link's owner. Everything about media names the Publication, so that late answers can be told apart. */
export interface ViewerLinkCallbacks {
  /** Before everything else. */
  onJoined?(joined: JoinResult): void;
  /** First on join, then on every change; null = the Stream is idle. */
  onPublication(publication: PublicationView | null, reason?: string): void;
  /**
   * With a promise: of a layer that takes the place of another. Resolves true when it is shown, and the one before is let
   * go then; false when it is not wanted any more.
   */
  onVideo(consumer: Consumer, publicationId: string, type: string): void | Promise<boolean>;
  onAudio(consumer: Consumer, publicationId: string): void;
  /** One binary message of the detections data channel. */
  onDetections(bytes: ArrayBuffer, publicationId: string): void;
  onAnalysis?(analysis: AnalysisView): void;
  onModelDescription?(description: ModelDescription): void;
  onPublisherReport?(report: PublisherReport): void;
  onViewers?(count: number): void;
  /** How viewers are to watch, and what HLS does; null = it is off for this Stream. */
  onDelivery?(delivery: Delivery, hls: HlsView | null): void;
  /** What is drawn on the picture: on join, then on every change. */
  onZones?(zones: ZoneSettings): void;
  onZonesLive?(live: ZonesLive): void;
  onLayers?(spatialLayer: number | null): void;
  /** Something of the media could not be had; the rest goes on. */
  onProblem?(code: string, message: string): void;
}

export interface ViewerLinkOptions extends ViewerLinkCallbacks {
  streamId: string;
  token?: string;
  signalingUrl: string;
  /** Of SVC or simulcast, 0 = smallest; undefined = highest. */
  spatialLayer?: number | undefined;
}

/** A link's end where signalling was there and media did not get through. */
export const noPathCode = 'noPath';

/** Above what any Stream has; the sfu takes the highest there is. */
const highestLayer = 7;
/** Of the labels that are not drawn anyway, so many need not be sent. */
const maxHiddenLabels = 200;

/** One viewer's connected path: signalling, and for each Publication Consumers and the detections channel. */
export class ViewerLink implements Link {
  signaling!: SignalingClient;
  readonly ended: Promise<LinkEnd>;
  readonly #options: ViewerLinkOptions;
  /** Events that came before the answer to `join` was taken in; it comes within seconds or the link is none. */
  #early: (() => void)[] | undefined = [];
  #end!: (end: LinkEnd) => void;
  #device: Device | undefined;
  #transport: Promise<Transport> | undefined;
  #stopWatching: (() => void) | undefined;
  #publication: PublicationView | null = null;
  readonly #consumers = new Map<string, Consumer>();
  /** Producers asked for, so that two events in a row do not ask twice. */
  readonly #consuming = new Set<string>();
  /** Consumers that ended before we had them: the event can overtake what follows the answer. */
  readonly #endedEarly = new Set<string>();
  readonly #detections: DetectionsChannel;
  #spatialLayer: number | undefined;
  /** Of the video that the owner shows. */
  #shownProducerId: string | undefined;
  #closed = false;

  static async create(options: ViewerLinkOptions): Promise<ViewerLink> {
    const link = new ViewerLink(options);
    const { signalingUrl: url, streamId, token } = options;
    link.signaling = await SignalingClient.create({
      url,
      streamId,
      role: 'watch',
      ...(token ? { token } : {}),
      on: link.#eventHandlers(),
    });
    try {
      await link.#begin();
      if (link.#closed) throw new Refusal('unavailable', 'the connection was lost while joining');
      return link;
    } catch (error) {
      link.close('joining failed');
      throw error;
    }
  }

  private constructor(options: ViewerLinkOptions) {
    this.#options = options;
    this.#detections = new DetectionsChannel({
      transport: () => this.#recvTransport(),
      request: async (transportId, hidden) => {
        const asked = { transportId, hiddenLabels: hidden.slice(0, maxHiddenLabels) };
        return (await this.signaling.request('consumeDetections', asked)).dataConsumer;
      },
      isCurrent: (publicationId) => this.#isCurrent(publicationId),
      onMessage: options.onDetections,
      onError: (error, publicationId, forget) => this.#onMediaError(error, publicationId, forget),
    });
    this.#spatialLayer = options.spatialLayer;
    this.ended = new Promise((resolve) => (this.#end = resolve));
  }

  get closed(): boolean {
    return this.#closed;
  }

  get transport(): Promise<Transport> | undefined {
    return this.#transport;
  }

  async #begin(): Promise<void> {
    const { signaling } = this;
    signaling.on('closed', ({ reason, code }) => this.close(reason, code));
    const { routerRtpCapabilities, publication, analysis, modelDescription, viewers, delivery, hls } = signaling.joined;
    this.#options.onJoined?.(signaling.joined);
    this.#options.onDelivery?.(delivery, hls);
    this.#options.onZones?.(signaling.joined.zones);
    // Before anything is awaited: events from here on change it. Consuming begins when the device is loaded.
    this.#setPublication(publication);
    this.#options.onViewers?.(viewers);
    this.#options.onAnalysis?.(analysis);
    if (modelDescription) this.#options.onModelDescription?.(modelDescription);
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const apply of early) apply();
    this.#device = await createDevice(routerRtpCapabilities);
    if (this.#publication && !this.#closed) this.#consumeAll(this.#publication);
  }

  #eventHandlers(): EventHandlers<SignalingContract> {
    const options = this.#options;
    return {
      publicationStarted: this.#inOrder(({ publication }) => this.#setPublication(publication)),
      publicationChanged: this.#inOrder(({ publication }) => this.#setPublication(publication)),
      publicationEnded: this.#inOrder(({ publicationId, reason }) => {
        if (this.#publication?.id === publicationId) this.#setPublication(null, reason);
      }),
      // Revisions and states of another Publication mean nothing here.
      analysis: this.#inOrder(({ publicationId, analysis }) => {
        if (this.#isCurrent(publicationId)) options.onAnalysis?.(analysis);
      }),
      modelDescription: this.#inOrder(({ publicationId, description }) => {
        if (this.#isCurrent(publicationId)) options.onModelDescription?.(description);
      }),
      publisherReport: this.#inOrder((report) => options.onPublisherReport?.(report)),
      delivery: this.#inOrder(({ delivery, hls }) => options.onDelivery?.(delivery, hls)),
      zones: this.#inOrder((zones) => options.onZones?.(zones)),
      zonesLive: this.#inOrder(({ publicationId, live }) => {
        if (this.#isCurrent(publicationId)) options.onZonesLive?.(live);
      }),
      viewers: this.#inOrder(({ count }) => options.onViewers?.(count)),
      consumerLayers: ({ spatialLayer }) => options.onLayers?.(spatialLayer),
      consumerClosed: ({ consumerId }) => this.#onConsumerClosed(consumerId),
      transportClosed: ({ reason }) => this.close(reason),
    };
  }

  /** What `join` answered is older than the events that come with it, so they wait for it. */
  #inOrder<T>(handle: (data: T) => void): (data: T) => void {
    return (data) => {
      if (this.#early) this.#early.push(() => handle(data));
      else handle(data);
    };
  }

  #onConsumerClosed(consumerId: string): void {
    if (this.#consumers.has(consumerId)) this.#dropConsumer(consumerId);
    else if (this.#consuming.size > this.#consumers.size) this.#endedEarly.add(consumerId);
  }

  #setPublication(publication: PublicationView | null, reason?: string): void {
    if (this.#closed) return;
    const before = this.#publication;
    this.#publication = publication;
    if (before && before.id !== publication?.id) this.#dropMedia();
    this.#options.onPublication(publication, reason);
    if (publication) this.#consumeAll(publication);
  }

  #consumeAll(publication: PublicationView): void {
    if (!this.#device) return; // #begin comes back to it
    const present = new Set(publication.producers.map(({ id }) => id));
    const wanted = this.#wantedProducers(publication);
    // The layer that was chosen before stays until the next one is shown.
    const chosenIsShown = wanted.has(this.#shownProducerId ?? '');
    for (const { id, kind, producerId } of this.#consumers.values()) {
      const overtaken = kind === 'video' && !wanted.has(producerId) && producerId !== this.#shownProducerId;
      const replaced = kind === 'video' && !wanted.has(producerId) && chosenIsShown;
      if (!present.has(producerId)) this.#dropConsumer(id);
      else if (overtaken || replaced) this.#giveUp(id);
    }
    for (const id of wanted) void this.#consume(id, publication.id);
    this.#detections.consume(publication.id);
  }

  /** Of a simulcast one layer only. */
  #wantedProducers(publication: PublicationView): Set<string> {
    const audio = publication.producers.filter(({ kind }) => kind === 'audio');
    return new Set([...audio, ...chooseVideo(publication, this.#spatialLayer)].map(({ id }) => id));
  }

  /** The first video is shown at once; a layer in its place when the owner says so. */
  #onVideo(consumer: Consumer, publicationId: string, type: string): void {
    const shown = this.#options.onVideo(consumer, publicationId, type);
    if (!shown) return this.#videoShown(consumer);
    void shown.then((isShown) => {
      if (isShown) this.#videoShown(consumer);
      else if (consumer.producerId !== this.#shownProducerId) this.#giveUp(consumer.id);
    });
  }

  #videoShown({ id, producerId }: Consumer): void {
    if (!this.#consumers.has(id)) return;
    this.#shownProducerId = producerId;
    if (simulcastLayers(this.#publication).length === 0) return;
    for (const other of [...this.#consumers.values()]) {
      if (other.kind === 'video' && other.id !== id) this.#giveUp(other.id);
    }
    // Another may have been chosen meanwhile.
    if (this.#publication) this.#consumeAll(this.#publication);
  }

  #isCurrent(publicationId: string): boolean {
    return !this.#closed && this.#publication?.id === publicationId;
  }

  #isWanted(producerId: string, publicationId: string): boolean {
    return this.#isCurrent(publicationId) && this.#wantedProducers(this.#publication!).has(producerId);
  }

  async #consume(producerId: string, publicationId: string): Promise<void> {
    if (this.#consuming.has(producerId)) return;
    this.#consuming.add(producerId);
    try {
      const transport = await this.#recvTransport();
      const { consumer: options, type } = await this.signaling.request('consume', {
        transportId: transport.id,
        producerId,
        rtpCapabilities: this.#device!.recvRtpCapabilities as unknown as Opaque,
      });
      if (!this.#isWanted(producerId, publicationId)) {
        this.#consuming.delete(producerId);
        return this.#closeThere(options['id'] as string);
      }
      const consumer = await transport.consume(options as unknown as ConsumerOptions);
      const ended = this.#endedEarly.delete(consumer.id);
      if (ended || !this.#isWanted(producerId, publicationId)) {
        this.#consuming.delete(producerId);
        if (!ended) this.#closeThere(consumer.id);
        return consumer.close();
      }
      this.#consumers.set(consumer.id, consumer);
      if (consumer.kind === 'video') {
        this.#onVideo(consumer, publicationId, type);
        if (type !== 'simple') await this.#applyLayer(consumer.id);
      } else this.#options.onAudio(consumer, publicationId);
      await this.signaling.request('resumeConsumer', { consumerId: consumer.id });
    } catch (error) {
      this.#onMediaError(error, publicationId, () => this.#consuming.delete(producerId));
    }
  }

  /** A Producer that is gone meanwhile is told by an event; anything else is worth a whole new link. */
  #onMediaError(error: unknown, publicationId: string, forget: () => void): void {
    if (!this.#isCurrent(publicationId)) return;
    forget();
    const code = error instanceof Refusal ? error.code : 'internal';
    const message = error instanceof Error ? error.message : String(error);
    if (code === 'notFound' || code === 'gone') return;
    this.#options.onProblem?.(code, message);
    if (code !== 'unsupported') this.close(message);
  }

  #recvTransport(): Promise<Transport> {
    if (!this.#transport) {
      const coming = this.#createRecvTransport();
      this.#transport = coming;
      // Who asks next tries again.
      coming.catch(() => {
        if (this.#transport === coming) this.#transport = undefined;
      });
    }
    return this.#transport;
  }

  async #createRecvTransport(): Promise<Transport> {
    const { signaling } = this;
    const { transport: options } = await signaling.request('createTransport', { direction: 'recv' });
    const transport = this.#device!.createRecvTransport({
      ...(options as unknown as TransportOptions),
      iceServers: signaling.joined.iceServers,
    });
    if (this.#closed) transport.close();
    transport.on('connect', ({ dtlsParameters }, done, fail) => {
      signaling
        .request('connectTransport', { transportId: transport.id, dtlsParameters: dtlsParameters as unknown as Opaque })
        .then(done, fail);
    });
    this.#stopWatching = watchTransport(transport, signaling, (reason) => this.close(reason, noPathCode));
    return transport;
  }

  /** Asks for a layer of an SVC or simulcast video; undefined = the highest. Kept for later Publications. */
  setSpatialLayer(layer: number | undefined): void {
    this.#spatialLayer = layer;
    const publication = this.#publication;
    if (publication && simulcastLayers(publication).length > 0) return this.#consumeAll(publication);
    for (const consumer of this.#consumers.values()) {
      if (consumer.kind === 'video') void this.#applyLayer(consumer.id).catch(() => undefined);
    }
  }

  /** Objects of these labels need not be sent. */
  hideLabels(labels: readonly string[]): void {
    this.#detections.hide(labels);
  }

  async #applyLayer(consumerId: string): Promise<void> {
    await this.signaling.request('setPreferredLayers', {
      consumerId,
      spatialLayer: Math.min(highestLayer, Math.max(0, this.#spatialLayer ?? highestLayer)),
      temporalLayer: highestLayer,
    });
  }

  #dropConsumer(consumerId: string): void {
    const consumer = this.#consumers.get(consumerId);
    if (!consumer) return;
    this.#consumers.delete(consumerId);
    this.#consuming.delete(consumer.producerId);
    if (this.#shownProducerId === consumer.producerId) this.#shownProducerId = undefined;
    consumer.close();
  }

  /** Of a Producer that goes on: the sfu would send it as well until the viewer leaves. */
  #giveUp(consumerId: string): void {
    if (!this.#consumers.has(consumerId)) return;
    this.#dropConsumer(consumerId);
    this.#closeThere(consumerId);
  }

  #closeThere(consumerId: string): void {
    if (this.#closed) return;
    // It may have ended there meanwhile.
    void this.signaling.request('closeConsumer', { consumerId }).catch(() => undefined);
  }

  #dropMedia(): void {
    for (const id of [...this.#consumers.keys()]) this.#dropConsumer(id);
    this.#consuming.clear();
    this.#endedEarly.clear();
    this.#detections.drop();
  }

  close(reason: string, code?: string): void {
    if (this.#closed) return;
    this.#dropMedia();
    this.#closed = true;
    this.#stopWatching?.();
    void this.#transport?.then((transport) => transport.close()).catch(() => undefined);
    this.signaling?.close(reason);
    this.#end(code === undefined ? { reason } : { reason, code });
  }

  dump(): Record<string, unknown> {
    return {
      closed: this.#closed,
      publicationId: this.#publication?.id,
      consumers: [...this.#consumers.values()].map(({ id, producerId, kind }) => ({ id, producerId, kind })),
      detections: this.#detections.state,
      signaling: this.signaling?.dump(),
    };
  }
}
