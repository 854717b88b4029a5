import type { Logger } from 'pino';
import type { WebSocket } from 'ws';
import type { Access, Admission, Caller } from '../access/Access.ts';
import type { IceServersFor } from '../access/iceServers.ts';
import type { Metrics } from '../Metrics.ts';
import { newId } from '../newId.ts';
import type { SfuNode } from '../nodes/NodeRegistry.ts';
import {
  type EventData,
  type EventOf,
  idSchema,
  type Opaque,
  type ParamsOf,
  Refusal,
  type RequestHandlers,
  type ResultOf,
  RpcCallee,
  signalingContract,
  type SignalingContract,
} from '../protocol/index.ts';
import { traced } from '../protocol/tracing/index.ts';
import type { LiveStream } from '../streams/LiveStream.ts';
import type { StreamPeer } from '../streams/StreamPeer.ts';
import type { Streams } from '../streams/Streams.ts';
import { PeerSocket } from './PeerSocket.ts';
import { ViewerTally } from './ViewerTally.ts';

/** Transports of one peer: one for each direction, and one more of each while ICE is rebuilt. */
const maxTransports = 4;
/** Media Consumers of one peer. */
const maxConsumers = 16;
const joinWithinMs = 10_000;
/** They come every second. */
const untraced = new Set(['ping', 'reportPublisher', 'reportViewer', 'reportAnalysis']);

export interface PeerOptions {
  socket: WebSocket;
  streams: Streams;
  access: Access;
  /** Who opened the socket, or whose token this is. */
  identify(token: string | undefined): Caller;
  metrics: Metrics;
  logger: Logger;
  iceServersFor: IceServersFor;
  onClosed(): void;
}

interface Membership {
  live: LiveStream;
  role: 'publish' | 'watch';
  admission: Admission;
}

/** One signalling socket: who it is, what it owns on the sfu, and the requests it may make. */
export class Peer implements StreamPeer {
  readonly id = newId();
  readonly #options: PeerOptions;
  readonly #logger: Logger;
  readonly #socket: PeerSocket;
  readonly #callee: RpcCallee<SignalingContract>;
  readonly #tally: ViewerTally;
  readonly #transports = new Map<string, { sfu: SfuNode; direction: 'send' | 'recv' }>();
  readonly #consumers = new Map<string, SfuNode>();
  #consumersComing = 0;
  /** Ended on the sfu before its answer was taken in: both can come in one tick, and the event is handled first. */
  readonly #endedEarly = new Set<string>();
  readonly #joinTimer: ReturnType<typeof setTimeout>;
  /** sfu nodes on which something was asked for in its name. */
  readonly #sfus = new Set<SfuNode>();
  #joining = false;
  #membership: Membership | undefined;

  private constructor(options: PeerOptions) {
    this.#options = options;
    this.#logger = options.logger.child({ peerId: this.id });
    this.#tally = new ViewerTally(options.metrics);
    this.#socket = new PeerSocket({
      socket: options.socket,
      onText: (text) => void this.#callee.receive(text),
      onMalformed: (reason) => options.metrics.malformed.inc({ door: 'signaling', reason }),
      onClosed: (cause) => this.#left(cause),
    });
    this.#callee = new RpcCallee(signalingContract, {
      send: (text) => this.#socket.send(text),
      handlers: this.#handlers(),
      maxInFlight: 32,
      around: (method, _, run) => (untraced.has(method) ? run() : traced(`signaling ${method}`, {}, run)),
      onMalformed: (reason) => this.#socket.malformed(reason),
      onRefused: (method, error) => this.#refused(method, error),
    });
    this.#joinTimer = setTimeout(() => this.close('timeout', 'join comes first'), joinWithinMs);
  }

  static create(options: PeerOptions): Peer {
    return new Peer(options);
  }

  get closed(): boolean {
    return this.#socket.closed;
  }

  get role(): 'publish' | 'watch' {
    return this.#membership?.role ?? 'watch';
  }

  get admission(): Admission | undefined {
    return this.#membership?.admission;
  }

  emit<E extends EventOf<SignalingContract>>(event: E, data: EventData<SignalingContract, E>): void {
    this.#callee.emit(event, data as never);
  }

  answers(withinMs: number): Promise<boolean> {
    return this.#socket.answers(withinMs);
  }

  close(code: string, message: string): void {
    this.#socket.close(code, message);
  }

  /** Something it owned ended on the sfu by itself. */
  transportClosed(transportId: string, reason: string): void {
    if (this.#transports.delete(transportId)) this.emit('transportClosed', { transportId, reason });
    else if (this.#transportsComing > 0) this.#endedEarly.add(transportId);
  }

  consumerClosed(consumerId: string, reason: string): void {
    if (this.#consumers.delete(consumerId)) this.emit('consumerClosed', { consumerId, reason });
    else if (this.#consumersComing > 0) this.#endedEarly.add(consumerId);
  }

  consumerLayers(layers: EventData<SignalingContract, 'consumerLayers'>): void {
    if (this.#consumers.has(layers.consumerId)) this.emit('consumerLayers', layers);
  }

  sfuLost(sfu: SfuNode, reason: string): void {
    if (this.#sfus.delete(sfu)) void sfu.requestIfOpen('closePeer', { peerId: this.id });
    for (const [consumerId, node] of this.#consumers) if (node === sfu) this.#consumers.delete(consumerId);
    for (const [transportId, transport] of [...this.#transports]) {
      if (transport.sfu === sfu) this.transportClosed(transportId, reason);
    }
  }

  #refused(method: string, error: unknown): void {
    const code = error instanceof Refusal ? error.code : 'internal';
    this.#options.metrics.refused.inc({ door: 'signaling', code });
    if (!(error instanceof Refusal)) this.#logger.error({ err: error, method }, 'a request failed');
  }

  #left(cause: string): void {
    clearTimeout(this.#joinTimer);
    this.#callee.close();
    this.#options.metrics.peersClosed.inc({ cause });
    this.#membership?.live.leave(this);
    for (const sfu of this.#sfus) void sfu.requestIfOpen('closePeer', { peerId: this.id });
    this.#sfus.clear();
    if (this.#membership) this.#logger.info({ streamId: this.#membership.live.id, cause }, 'peer left');
    this.#options.onClosed();
  }

  #handlers(): RequestHandlers<SignalingContract> {
    return {
      join: (params) => this.#join(params),
      createTransport: ({ direction, data }) => this.#createTransport(direction, data ?? false),
      connectTransport: ({ transportId, dtlsParameters }) =>
        this.#transport(transportId).sfu.request('connectTransport', { transportId, dtlsParameters }),
      restartIce: ({ transportId }) => this.#transport(transportId).sfu.request('restartIce', { transportId }),
      produce: ({ transportId, kind, rtpParameters }) => {
        const live = this.#member('publish').live;
        return live.produce(this, this.#transport(transportId, 'send').sfu, transportId, kind, rtpParameters);
      },
      setProducerPaused: async ({ producerId, paused }) => {
        await this.#member('publish').live.setProducerPaused(this, producerId, paused);
        return {};
      },
      closeProducer: async ({ producerId }) => {
        await this.#member('publish').live.closeProducer(this, producerId);
        return {};
      },
      consume: (params) => this.#consume(params),
      resumeConsumer: (params) => this.#consumer(params.consumerId).request('resumeConsumer', params),
      closeConsumer: (params) => {
        const sfu = this.#consumer(params.consumerId);
        this.#consumers.delete(params.consumerId);
        return sfu.request('closeConsumer', params);
      },
      setPreferredLayers: (params) => this.#consumer(params.consumerId).request('setPreferredLayers', params),
      requestKeyFrame: (params) => this.#consumer(params.consumerId).request('requestKeyFrame', params),
      consumeDetections: ({ transportId, hiddenLabels }) => this.#consumeDetections(transportId, hiddenLabels),
      setAnalysis: (wish) => this.#member('publish').live.analysis.setAnalysis(this, wish),
      produceDetections: ({ transportId, sctpStreamParameters }) => {
        const { live } = this.#member('publish');
        const { sfu } = this.#transport(transportId, 'send');
        return live.analysis.produceDetections(this, sfu, transportId, sctpStreamParameters);
      },
      reportAnalysis: (report) => {
        this.#member('publish').live.analysis.report(this, report);
        return {};
      },
      reportPublisher: (report) => {
        const { live } = this.#member('publish');
        if (!live.isPublisher(this)) throw new Refusal('conflict', 'this peer publishes nothing just now');
        live.tellPublisherReport(report);
        return {};
      },
      reportViewer: (report) => {
        this.#member('watch');
        this.#tally.add(report);
        return {};
      },
      ping: () => {
        this.#member();
        return { serverTimeMs: Date.now() };
      },
    };
  }

  async #join(params: ParamsOf<SignalingContract, 'join'>): Promise<ResultOf<SignalingContract, 'join'>> {
    if (this.#joining || this.#membership) throw new Refusal('conflict', 'this peer has joined already');
    this.#joining = true;
    const { streams } = this.#options;
    let live: LiveStream | undefined;
    try {
      const { role } = params;
      const admission = await this.#authorise(params);
      if (role === 'publish') await streams.live(params.streamId)?.claimPublisher(this);
      live = streams.open(await streams.get(params.streamId));
      const { rtpCapabilities } = await live.sfu().request('routerRtpCapabilities', {});
      // It may have emptied and gone, or been deleted, while we waited.
      const row = await streams.get(params.streamId);
      live = streams.open(row);
      if (this.closed) throw new Refusal('gone', 'the peer has left');
      const { access } = this.#options;
      if (!(access.stillAdmits(admission) ?? access.isKeyOf(admission, row.streamKey))) {
        throw new Refusal('unauthorized', 'this token or key was withdrawn');
      }
      this.#membership = { live, role, admission };
      live.join(this);
      clearTimeout(this.#joinTimer);
      this.#logger.info({ streamId: live.id, role }, 'peer joined');
      return {
        peerId: this.id,
        streamName: live.name,
        iceServers: this.#options.iceServersFor(this.id),
        routerRtpCapabilities: rtpCapabilities,
        serverTimeMs: Date.now(),
        publication: live.publication,
        analysis: live.analysisView,
        modelDescription: live.modelDescription,
        viewers: live.viewers,
        zones: live.zones.settings,
        ...live.hls.view,
      };
    } finally {
      this.#joining = false;
      live?.closeIfEmpty();
    }
  }

  /** Off loopback nobody learns without a token which Streams there are. */
  async #authorise({ streamId, role, token }: ParamsOf<SignalingContract, 'join'>): Promise<Admission> {
    const { access, streams, identify } = this.#options;
    const caller = identify(token);
    if (role === 'watch') access.require(caller, 'watch', streamId);
    else if (!access.may(caller, 'publish', streamId)) {
      access.requirePublisher(caller, streamId, (await streams.find(streamId))?.streamKey);
    }
    return access.admissionOf(caller, role, streamId);
  }

  #member(role?: 'publish' | 'watch'): Membership {
    if (!this.#membership) throw new Refusal('badRequest', 'join comes first');
    if (role !== undefined && this.#membership.role !== role) {
      throw new Refusal('forbidden', role === 'publish' ? 'a viewer may not publish' : 'a publisher does not watch');
    }
    return this.#membership;
  }

  #transport(transportId: string, direction?: 'send' | 'recv') {
    this.#member();
    const transport = this.#transports.get(transportId);
    if (!transport || (direction !== undefined && transport.direction !== direction)) {
      throw new Refusal('notFound', `there is no such ${direction ?? ''} transport of this peer`.replace('  ', ' '));
    }
    return transport;
  }

  #consumer(consumerId: string): SfuNode {
    this.#member();
    const sfu = this.#consumers.get(consumerId);
    if (!sfu) throw new Refusal('notFound', 'there is no such Consumer of this peer');
    return sfu;
  }

  #transportsComing = 0;

  async #createTransport(direction: 'send' | 'recv', data: boolean): Promise<{ transport: Opaque }> {
    if (data && direction === 'recv') throw new Refusal('badRequest', 'data: only of a send transport');
    const { live } = this.#member(direction === 'send' ? 'publish' : 'watch');
    if (this.#transports.size + this.#transportsComing >= maxTransports) {
      throw new Refusal('rateLimited', `a peer has at most ${maxTransports} transports`);
    }
    const sfu = live.sfu();
    this.#sfus.add(sfu);
    this.#transportsComing++;
    try {
      const request = { streamId: live.id, peerId: this.id, direction, ...(data ? { data } : {}) };
      const { transport } = await sfu.request('createTransport', request);
      this.#stillHere(sfu);
      const transportId = idOf(transport);
      if (this.#endedEarly.has(transportId)) throw new Refusal('unavailable', 'the transport ended while it was made');
      this.#transports.set(transportId, { sfu, direction });
      return { transport };
    } finally {
      this.#transportsComing--;
      this.#forgetEnded();
    }
  }

  #forgetEnded(): void {
    if (this.#transportsComing === 0 && this.#consumersComing === 0) this.#endedEarly.clear();
  }

  /** A peer that left while the sfu worked for it must leave nothing there. */
  #stillHere(sfu: SfuNode): void {
    if (!this.closed) return;
    void sfu.requestIfOpen('closePeer', { peerId: this.id });
    throw new Refusal('gone', 'the peer has left');
  }

  async #consume({ transportId, producerId, rtpCapabilities }: ParamsOf<SignalingContract, 'consume'>) {
    const { live } = this.#member('watch');
    const { sfu } = this.#transport(transportId, 'recv');
    live.publicationOn(sfu, producerId);
    return this.#withRoomForConsumer(async () => {
      const result = await sfu.request('consume', { transportId, producerId, rtpCapabilities });
      this.#stillHere(sfu);
      const consumerId = idOf(result.consumer);
      if (this.#endedEarly.has(consumerId)) throw new Refusal('gone', 'the Producer ended meanwhile');
      this.#consumers.set(consumerId, sfu);
      return result;
    });
  }

  async #consumeDetections(transportId: string, hiddenLabels: string[]): Promise<{ dataConsumer: Opaque }> {
    const { live } = this.#member('watch');
    const { sfu } = this.#transport(transportId, 'recv');
    const publicationId = live.publicationOn(sfu).id;
    // Not among `#consumers`: nothing is asked of one later, the sfu bounds them, and nobody tells when they end.
    const result = await sfu.request('consumeDetections', { transportId, publicationId, hiddenLabels });
    this.#stillHere(sfu);
    return result;
  }

  /** Those that are being made count as well, else a burst of requests gets past the limit. */
  async #withRoomForConsumer<T>(make: () => Promise<T>): Promise<T> {
    if (this.#consumers.size + this.#consumersComing >= maxConsumers) {
      throw new Refusal('rateLimited', `a peer has at most ${maxConsumers} Consumers`);
    }
    this.#consumersComing++;
    try {
      return await make();
    } finally {
      this.#consumersComing--;
      this.#forgetEnded();
    }
  }

  dump(): Record<string, unknown> {
    return {
      id: this.id,
      role: this.#membership?.role ?? null,
      streamId: this.#membership?.live.id ?? null,
      transports: [...this.#transports.keys()],
      consumers: [...this.#consumers.keys()],
    };
  }
}

function idOf(made: Opaque): string {
  const id = idSchema.safeParse(made.id);
  if (!id.success) throw new Error('the sfu made something without an id');
  return id.data;
}
