import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo, Server as NetServer } from 'node:net';
import type { Duplex } from 'node:stream';
import { Database } from '@framelock/db';
import { getRequestListener } from '@hono/node-server';
import type { Logger } from 'pino';
import { AccessControl } from './access/AccessControl.ts';
import { withAdminToken } from './access/adminToken.ts';
import { createIceServersFor, type IceServersFor } from './access/iceServers.ts';
import { AnalysisScheduler } from './analysis/AnalysisScheduler.ts';
import { Brands } from './brands/Brands.ts';
import type { Config } from './config.ts';
import { Doctor } from './doctor/Doctor.ts';
import { DoctorSessions } from './doctor/DoctorSessions.ts';
import { createEventsOut } from './events/createEventsOut.ts';
import type { EventsOut } from './events/EventsOut.ts';
import { Exposures } from './exposure/Exposures.ts';
import { HlsNodes } from './hls/HlsNodes.ts';
import { HlsProxy, maxWaiting as maxHlsWaiting } from './hls/HlsProxy.ts';
import { RecordingDownload } from './hls/RecordingDownload.ts';
import { createHistory } from './history/createHistory.ts';
import type { History } from './history/History.ts';
import { createApp } from './http/createApp.ts';
import { endSlowBodies } from './http/endSlowBodies.ts';
import { listenProblem } from './http/listenProblem.ts';
import { sayFingerprint, TlsDoor } from './http/TlsDoor.ts';
import { Metrics } from './Metrics.ts';
import { newId } from './newId.ts';
import { type InferenceNode, NodeRegistry, type SfuNode } from './nodes/NodeRegistry.ts';
import { type Readiness, nodeTimeoutMs } from './protocol/index.ts';
import { hlsOriginToken } from './protocol/node.ts';
import { Recordings } from './recordings/Recordings.ts';
import { addServerGauges } from './serverGauges.ts';
import { SignalingServer } from './signaling/SignalingServer.ts';
import { SourceFiles } from './sources/SourceFiles.ts';
import { Sources } from './sources/Sources.ts';
import { Streams } from './streams/Streams.ts';
import { SystemMonitor } from './system/SystemMonitor.ts';
import { WhepEndpoint } from './whep/WhepEndpoint.ts';
import { WhipEndpoint } from './whip/WhipEndpoint.ts';

const dbPingTimeoutMs = 2_000;
const serverBeatMs = 2_000;

interface Assembly {
  config: Config;
  logger: Logger;
  database: Database;
  files: SourceFiles;
  control: AccessControl;
  metrics: Metrics;
  door: TlsDoor | undefined;
}

/** The control plane: database, nodes, Streams, HTTP and signalling. */
export class FramelockServer {
  readonly #config: Config;
  readonly #logger: Logger;
  readonly #database: Database;
  readonly #serverId = newId();
  readonly #metrics: Metrics;
  readonly #control: AccessControl;
  readonly #iceServersFor: IceServersFor;
  readonly #registry: NodeRegistry;
  readonly #analyses: AnalysisScheduler;
  readonly #streams: Streams;
  readonly #files: SourceFiles;
  readonly #sources: Sources;
  readonly #recordings: Recordings;
  readonly #exposures: Exposures;
  readonly #history: History;
  readonly #events: EventsOut;
  readonly #brands: Brands;
  readonly #hls: HlsProxy;
  readonly #doctorSessions: DoctorSessions;
  readonly #system: SystemMonitor;
  readonly #signaling: SignalingServer;
  readonly #whip: WhipEndpoint;
  readonly #whep: WhepEndpoint;
  readonly door: TlsDoor | undefined;
  readonly #http: Server;
  #beatTimer: ReturnType<typeof setTimeout> | undefined;
  #closing: Promise<void> | undefined;

  private constructor(options: Assembly) {
    const { config, logger, database, files, control, metrics, door } = options;
    this.#config = config;
    this.#logger = logger;
    this.#database = database;
    this.#metrics = metrics;
    this.#control = control;
    const { access, addresses } = control;
    this.#iceServersFor = createIceServersFor(config);
    this.#analyses = new AnalysisScheduler({ logger, metrics, inferenceNodes: () => this.#registry.inferences });
    this.#registry = this.#createRegistry();
    this.#streams = new Streams({
      database,
      logger,
      metrics,
      serverId: this.#serverId,
      analyses: this.#analyses,
      sfuNodes: () => this.#registry.sfus,
      inferenceNodes: () => this.#registry.inferences,
      hlsPlayers: (publicationId) => this.#hls.players(publicationId),
      onPublicationStarted: (stream, id) => this.#events.publicationStarted(stream, id),
      onPublicationEnded: (stream, id, reason) => this.#events.publicationEnded(stream, id, reason),
      onPeerEvent: {
        transportClosed: (event) => {
          this.#signaling.peerEvents.transportClosed?.(event);
          this.#whip.peerEvents.transportClosed?.(event);
          this.#doctorSessions.transportClosed(event);
          this.#whep.peerEvents.transportClosed?.(event);
        },
        consumerClosed: (event) => this.#signaling.peerEvents.consumerClosed?.(event),
        consumerLayers: (event) => this.#signaling.peerEvents.consumerLayers?.(event),
      },
    });
    control.guard(this.#streams);
    this.#files = files;
    this.#doctorSessions = new DoctorSessions({ sfuNodes: () => this.#registry.sfus, logger });
    this.#sources = new Sources({
      streams: this.#streams,
      store: database.streams,
      files,
      allowPrivateAddresses: config.sourceAllowPrivate,
      logger,
      metrics,
    });
    this.#recordings = Recordings.create({
      store: database.recordings,
      sfuNodes: () => this.#registry.sfus,
      logger,
      metrics,
      onDeleted: ({ streamId, id }) => this.#hls.forget(streamId, id),
    });
    this.#exposures = Exposures.create({
      store: database.exposure,
      publications: database.publications,
      serverId: this.#serverId,
      maxAgeDays: config.exposureMaxAgeDays,
      onReport: (report) => this.#events.exposure(report),
      logger,
      metrics,
    });
    this.#history = createHistory({
      ...{ config, database, logger, metrics },
      ...{ serverId: this.#serverId, streams: this.#streams },
    });
    this.#events = createEventsOut({
      ...{ config, database, logger, metrics, serverId: this.#serverId },
      ...{ history: this.#history, streams: this.#streams },
    });
    this.#brands = Brands.create({ store: database.brands, metrics, logger });
    this.#hls = this.#createHls();
    const { maxPeers } = config;
    this.#signaling = new SignalingServer({
      access,
      addresses,
      metrics,
      logger,
      maxPeers,
      iceServersFor: this.#iceServersFor,
      streams: this.#streams,
    });
    const { maxWhipSessions: maxSessions, whipPostsPerMinute: postsPerMinute } = config;
    this.#whip = new WhipEndpoint({ streams: this.#streams, logger, maxSessions, postsPerMinute });
    this.#whep = new WhepEndpoint({ streams: this.#streams, logger, maxSessions: maxPeers });
    this.door = door;
    this.#system = SystemMonitor.create({
      ...{ metrics, database, registry: this.#registry, hlsWaitingLimit: maxHlsWaiting },
      liveStreams: () => this.#streams.all,
    });
    this.#http = this.#createHttp();
    addServerGauges(metrics, {
      ...{ streams: this.#streams, analyses: this.#analyses, signaling: this.#signaling, whip: this.#whip },
      ...{ whep: this.#whep, hls: this.#hls, exposures: this.#exposures, history: this.#history },
      ...{ sources: this.#sources, brands: this.#brands, registry: this.#registry },
    });
  }

  /** Opens the database, closes what a dead server left open, and listens. */
  static async create(options: { config: Config; logger: Logger }): Promise<FramelockServer> {
    // First: it says best what is wrong with a DATA_DIR.
    const database = await Database.create(options.config);
    const server = await FramelockServer.#assemble(options, database).catch(async (error: unknown) => {
      await database.close();
      throw error;
    });
    try {
      await server.#events.start();
      await server.#beat();
      await server.#sources.restore();
      await server.#listen();
    } catch (error) {
      await server.close('could not start');
      throw error;
    }
    return server;
  }

  static async #assemble(options: { config: Config; logger: Logger }, database: Database): Promise<FramelockServer> {
    const { logger } = options;
    const config = await withAdminToken(options.config, logger);
    const metrics = new Metrics();
    const door = config.tls && (await TlsDoor.create(config.tls, logger));
    const files = await SourceFiles.create({ folder: config.sourceFilesDir, maxBytes: config.maxUploadBytes });
    const control = await AccessControl.create({ config, database, logger, metrics });
    return new FramelockServer({ config, logger, database, files, control, metrics, door });
  }

  /** Where it listens, e.g. `http://127.0.0.1:8080`. */
  get url(): string {
    const { address, family, port } = this.#front.address() as AddressInfo;
    const host = family === 'IPv6' ? `[${address}]` : address;
    return `${this.door ? 'https' : 'http'}://${host}:${port}`;
  }

  /** What listens. */
  get #front(): NetServer {
    return this.door?.front ?? this.#http;
  }

  #createRegistry(): NodeRegistry {
    return NodeRegistry.create({
      store: this.#database.nodes,
      nodeSecret: this.#config.nodeSecret,
      serverId: this.#serverId,
      logger: this.#logger,
      metrics: this.#metrics,
      onSfu: (node) => ({
        ...this.#streams.sfuEvents,
        ...this.#sources.sfuEvents,
        ...this.#recordings.eventsOf(node),
      }),
      onInference: (node) => ({
        ...this.#analyses.eventsOf(node),
        ...this.#exposures.eventsOf(node),
        ...this.#history.eventsOf(node),
      }),
      onOpened: (node) => {
        if (node.kind === 'inference') {
          this.#brands.nodeOpened(node as InferenceNode);
          return this.#analyses.nodeOpened();
        }
        this.#sources.nodeOpened();
        this.#recordings.nodeOpened(node as SfuNode);
      },
      onLost: (node, reason) => {
        if (node.kind === 'sfu') return this.#streams.sfuLost(node as SfuNode, reason);
        this.#brands.nodeLost(node as InferenceNode);
        this.#analyses.nodeLost(node as InferenceNode);
      },
    });
  }

  #createHls(): HlsProxy {
    const { publications } = this.#database;
    return new HlsProxy({
      access: this.#control.access,
      addresses: this.#control.addresses,
      originToken: hlsOriginToken(this.#config.nodeSecret),
      nodes: new HlsNodes({
        live: (streamId) => this.#streams.live(streamId),
        sfuNode: (nodeId) => this.#registry.sfu(nodeId),
        recording: (id) => this.#recordings.find(id),
        publications,
      }),
      logger: this.#logger,
      metrics: this.#metrics,
      onFault: (error, method, path) => this.#logger.error({ err: error, method, path }, 'a request failed'),
    });
  }

  #createHttp(): Server {
    const { access, addresses, directory, accounts, tokens, audit } = this.#control;
    const app = createApp({
      ...{ access, directory, accounts, tokens, audit },
      tls: () => this.door && { fingerprint: this.door.fingerprint, selfSigned: this.door.isSelfSigned },
      auditStore: this.#database.audit,
      callerOf: (context) => this.#control.callerOf(context),
      addressOf: (context) => this.#control.addressOf(context),
      streams: this.#streams,
      sources: this.#sources,
      files: this.#files,
      recordings: this.#recordings,
      brands: this.#brands,
      ...{ exposure: this.#database.exposure, historyQueries: this.#database.historyQueries },
      events: this.#events,
      doctorSessions: this.#doctorSessions,
      doctor: new Doctor({
        host: this.#config.host,
        openAccess: () => access.open,
        dataDir: this.#config.dataDir,
        registry: this.#registry,
        streams: this.#streams,
        sources: this.#sources,
        iceServersFor: this.#iceServersFor,
      }),
      registry: this.#registry,
      metrics: this.#metrics,
      iceServersFor: this.#iceServersFor,
      whip: this.#whip,
      whep: this.#whep,
      whipPostsPerMinute: this.#config.whipPostsPerMinute,
      clientDist: this.#config.clientDist,
      system: this.#system,
      readiness: () => this.#readiness(),
      onFault: (error, method, path) => this.#logger.error({ err: error, method, path }, 'a request failed'),
    });
    const listener = getRequestListener(app.fetch);
    const downloads = new RecordingDownload({ access, addresses, recordings: this.#recordings, hls: this.#hls });
    const answer: RequestListener = (request, response) => {
      if (request.url?.startsWith('/hls/')) this.#hls.handle(request, response);
      else if (!downloads.takes(request, response)) void listener(request, response);
    };
    const http = this.door?.https ?? createServer(answer);
    this.door?.serve(answer);
    const upload = /^\/api\/v1\/(?:files|brands\/import)(?:\?|$)/;
    endSlowBodies(http, 60_000, ({ method, url }) => method === 'POST' && upload.test(url ?? ''));
    http.headersTimeout = 15_000;
    http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) =>
      this.#signaling.upgrade(request, socket, head),
    );
    return http;
  }

  /** Says in the database that this server lives, and ends the Publications of those that do not. */
  async #beat(): Promise<void> {
    const { nodes, publications } = this.#database;
    const row = { id: this.#serverId, kind: 'server' as const, controlUrl: '', version: '', capacity: 1, load: 0 };
    await nodes.seen(row);
    // PGlite has one server at a time, by its lock: any other one is dead, however lately it was seen.
    if (this.#database.engine === 'pglite') await nodes.deleteServersExcept(this.#serverId);
    const ended = await publications.endAbandoned({ serverTimeoutMs: serverBeatMs * 5 });
    if (ended.length > 0) this.#logger.info({ ended: ended.length }, 'publications of a dead server closed');
    await this.#events.abandoned(ended);
    await nodes.deleteOlderThan(nodeTimeoutMs * 100);
    this.#scheduleBeat();
  }

  #scheduleBeat(): void {
    if (this.#closing) return;
    this.#beatTimer = setTimeout(() => {
      this.#beat().catch((error: unknown) => {
        this.#metrics.databaseFaults.inc();
        this.#logger.warn({ reason: (error as Error).message }, 'the database does not answer');
        this.#scheduleBeat();
      });
    }, serverBeatMs);
  }

  #listen(): Promise<void> {
    const { port, host } = this.#config;
    return new Promise((resolve, reject) => {
      const refuse = (error: Error) => reject(listenProblem(error, host, port));
      this.#front.once('error', refuse);
      this.#front.listen(port, host, () => {
        this.#front.off('error', refuse);
        if (this.door?.isSelfSigned) sayFingerprint(this.door.fingerprint);
        this.#logger.info({ url: this.url, access: this.#control.access.open ? 'open' : 'restricted' }, 'listening');
        resolve();
      });
    });
  }

  async #readiness(): Promise<Readiness> {
    const db = await Promise.race([
      this.#database.ping().then(
        () => true,
        () => false,
      ),
      new Promise<false>((resolve) => setTimeout(resolve, dbPingTimeoutMs, false).unref()),
    ]);
    const parts = { db, sfu: this.#registry.sfus.length > 0, inference: this.#registry.inferences.length > 0 };
    const missing = Object.entries(parts).flatMap(([name, answers]) => (answers ? [] : [name]));
    return { ready: missing.length === 0, ...parts, missing };
  }

  /** Ends Publications (before their peers, so that the reason told is the real one), peers, nodes, HTTP and the database, in this order. */
  close(reason: string): Promise<void> {
    this.#closing ??= (async () => {
      this.#logger.info({ reason }, 'closing');
      clearTimeout(this.#beatTimer);
      this.#system.close();
      const streamsClosed = this.#streams.close('serverStopped');
      this.#signaling.close(reason);
      this.#whip.close(reason);
      this.#doctorSessions.close();
      this.#whep.close(reason);
      await Promise.all([streamsClosed, this.#sources.close()]);
      this.#registry.close(reason);
      this.#hls.close();
      await this.#recordings.close();
      await this.#brands.close();
      await this.#exposures.close();
      await this.#history.close();
      await this.#events.close();
      await new Promise<void>((resolve) => {
        if (!this.#front.listening) return resolve();
        this.#front.close(() => resolve());
        this.#http.closeAllConnections();
        this.door?.closeAllConnections();
      });
      await this.#control.close();
      await this.#database.nodes.delete(this.#serverId).catch(() => undefined); // it will be found dead
      await this.#database.close();
      this.#logger.info('closed');
    })();
    return this.#closing;
  }

  dump(): Record<string, unknown> {
    return {
      serverId: this.#serverId,
      ...this.#registry.dump(),
      ...this.#signaling.dump(),
      ...this.#whip.dump(),
      ...this.#whep.dump(),
      ...this.#analyses.dump(),
      streams: this.#streams.all.map((live) => live.dump()),
      ...this.#sources.dump(),
      ...this.#brands.dump(),
    };
  }
}
