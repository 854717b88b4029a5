import type { Logger } from 'pino';
import WebSocket from 'ws';
import {
  type Contract,
  type EventHandlers,
  type MalformedReason,
  type MethodOf,
  type NodeHeartbeat,
  type ParamsIn,
  Refusal,
  type ResultOf,
  RpcCaller,
} from '../protocol/index.ts';
import { tracedCall } from '../protocol/tracing/index.ts';

/** Control messages are small, but a `dump` of a busy node is not. */
const maxControlBytes = 8 * 1024 * 1024;
const clockEveryMs = 5_000;
const clockTimeoutMs = 2_500;
/** What is over this ends by the node's own rules: silent transports, a server that is gone. */
const maxToTidy = 10_000;
const redialFirstMs = 200;
const redialMaxMs = 3_000;

export interface NodeConnectionOptions<C extends Contract> {
  contract: C;
  heartbeat: NodeHeartbeat;
  nodeSecret: string;
  /** Names this server to the node, which keeps what is ours for some seconds after a control socket is lost. */
  serverId: string;
  logger: Logger;
  on: EventHandlers<C>;
  onOpened(): void;
  /** Only after `onOpened`: whatever the node held for us is to be taken as gone. */
  onLost(reason: string): void;
  onMalformed(reason: MalformedReason): void;
}

/** Dials a node's control port, redials for as long as the node is known, and measures its clock. */
export class NodeConnection<C extends Contract> {
  readonly id: string;
  readonly kind: 'sfu' | 'inference';
  readonly controlUrl: string;
  /** The latest heartbeat's figures. */
  heartbeat: NodeHeartbeat;
  /** Publications given to it since that heartbeat: two at once must not both go to the node that was the idlest. */
  assigned = 0;
  /** Clock of the node minus ours, ms, from the round trip with the least delay of the last five. */
  clockOffsetMs: number | undefined;
  readonly #options: NodeConnectionOptions<C>;
  readonly #logger: Logger;
  readonly #clockSamples: { roundTripMs: number; offsetMs: number }[] = [];
  #socket: WebSocket | undefined;
  #caller: RpcCaller<C> | undefined;
  #open = false;
  #wasOpen = false;
  /** Asked for while it was being dialled again. */
  readonly #toTidy: (() => void)[] = [];
  #closed = false;
  #redialMs = redialFirstMs;
  #redialTimer: ReturnType<typeof setTimeout> | undefined;
  #clockTimer: ReturnType<typeof setTimeout> | undefined;
  #clockFailures = 0;

  private constructor(options: NodeConnectionOptions<C>) {
    this.#options = options;
    this.heartbeat = options.heartbeat;
    this.id = options.heartbeat.nodeId;
    this.kind = options.heartbeat.kind;
    this.controlUrl = options.heartbeat.controlUrl;
    this.#logger = options.logger.child({ nodeId: this.id, kind: this.kind });
  }

  /** Returns at once; `onOpened` says when it can be asked. */
  static create<C extends Contract>(options: NodeConnectionOptions<C>): NodeConnection<C> {
    const connection = new NodeConnection(options);
    connection.#dial();
    return connection;
  }

  /** The control socket is up and the node answered on it. */
  get open(): boolean {
    return this.#open;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** How full it is; 1 = as much as it means to take. */
  get fullness(): number {
    return (this.heartbeat.load + this.assigned) / this.heartbeat.capacity;
  }

  beat(heartbeat: NodeHeartbeat): void {
    this.heartbeat = heartbeat;
    this.assigned = 0;
  }

  request<M extends MethodOf<C>>(method: M, params: ParamsIn<C, M>, timeoutMs?: number): Promise<ResultOf<C, M>> {
    if (!this.#open || !this.#caller) {
      return Promise.reject(new Refusal('unavailable', `the ${this.kind} node ${this.id} is not connected`));
    }
    const caller = this.#caller;
    const attributes = { 'rpc.method': method, 'framelock.node_id': this.id };
    return tracedCall(`${this.kind} ${method}`, attributes, (traceparent) =>
      caller.request(method, params, timeoutMs, traceparent),
    );
  }

  /**
   * For tidying up: a node that is gone or refuses has nothing left to tidy. One that we are dialling again knows us by
   * name and has kept what is ours: it is asked first thing when it is back.
   */
  async requestIfOpen<M extends MethodOf<C>>(method: M, params: ParamsIn<C, M>): Promise<void> {
    if (!this.#open) {
      if (this.#wasOpen && !this.#closed && this.#toTidy.length < maxToTidy) {
        this.#toTidy.push(() => void this.requestIfOpen(method, params));
      }
      return;
    }
    await this.request(method, params).catch((error: unknown) => {
      this.#logger.debug({ method, reason: (error as Error).message }, 'tidying up was refused');
    });
  }

  #dial(): void {
    const socket = new WebSocket(new URL('control', `${this.controlUrl.replace(/\/*$/, '')}/`), {
      headers: {
        authorization: `Bearer ${this.#options.nodeSecret}`,
        'x-framelock-server': this.#options.serverId,
      },
      maxPayload: maxControlBytes,
      handshakeTimeout: 5_000,
      perMessageDeflate: false,
    });
    this.#socket = socket;
    const caller = new RpcCaller(this.#options.contract, {
      send: (text) => socket.send(text),
      on: this.#options.on,
      onMalformed: this.#options.onMalformed,
    });
    let problem = '';
    socket.on('open', () => {
      this.#caller = caller;
      void this.#measureClock(caller);
    });
    socket.on('message', (data, isBinary) => {
      if (isBinary) this.#options.onMalformed('notAMessage');
      else caller.receive((data as Buffer).toString('utf8'));
    });
    socket.on('error', (error) => (problem = error.message));
    socket.on('close', () => {
      caller.close('the control socket closed');
      this.#lost(problem || 'the control socket closed');
    });
  }

  /** The first answer opens the connection: a socket that accepts and says nothing is no node. */
  async #measureClock(caller: RpcCaller<C>): Promise<void> {
    const askedAt = performance.now();
    try {
      const answer = (await caller.request('clock' as MethodOf<C>, {} as never, clockTimeoutMs)) as { timeMs: number };
      const roundTripMs = performance.now() - askedAt;
      this.#clockSamples.push({ roundTripMs, offsetMs: answer.timeMs - (Date.now() - roundTripMs / 2) });
      if (this.#clockSamples.length > 5) this.#clockSamples.shift();
      this.clockOffsetMs = this.#clockSamples.reduce((best, one) =>
        one.roundTripMs < best.roundTripMs ? one : best,
      ).offsetMs;
      this.#clockFailures = 0;
    } catch (error) {
      if (caller.closed) return;
      this.#clockFailures++;
      if (!this.#open || this.#clockFailures >= 2) {
        this.#logger.warn({ reason: (error as Error).message }, 'node does not answer');
        this.#socket?.terminate();
        return;
      }
    }
    if (caller.closed || this.#closed) return;
    if (!this.#open) {
      this.#open = true;
      this.#redialMs = redialFirstMs;
      this.#wasOpen = true;
      for (const tidy of this.#toTidy.splice(0)) tidy();
      this.#logger.info({ controlUrl: this.controlUrl, clockOffsetMs: this.clockOffsetMs }, 'node connected');
      this.#options.onOpened();
    }
    clearTimeout(this.#clockTimer);
    this.#clockTimer = setTimeout(() => void this.#measureClock(caller), clockEveryMs);
  }

  /** Drops the socket now unless the node answers: its heartbeats have stopped. */
  async probe(): Promise<boolean> {
    if (!this.#open || !this.#caller) return false;
    try {
      await this.#caller.request('clock' as MethodOf<C>, {} as never, clockTimeoutMs);
      return true;
    } catch {
      return false;
    }
  }

  #lost(reason: string): void {
    clearTimeout(this.#clockTimer);
    this.#caller = undefined;
    const wasOpen = this.#open;
    this.#open = false;
    this.#clockFailures = 0;
    if (wasOpen) {
      this.#logger.warn({ reason }, 'node lost');
      this.#options.onLost(reason);
    }
    if (this.#closed) return;
    this.#redialTimer = setTimeout(() => this.#dial(), this.#redialMs);
    this.#redialMs = Math.min(this.#redialMs * 2, redialMaxMs);
  }

  close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#toTidy.length = 0;
    clearTimeout(this.#redialTimer);
    clearTimeout(this.#clockTimer);
    this.#caller?.close(reason);
    this.#socket?.terminate();
    this.#lost(reason);
  }

  dump(): Record<string, unknown> {
    const { load, capacity, version } = this.heartbeat;
    const { id, kind, controlUrl, open, clockOffsetMs } = this;
    return { id, kind, controlUrl, open, load, capacity, version, clockOffsetMs };
  }
}
