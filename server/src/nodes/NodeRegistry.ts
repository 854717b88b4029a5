import type { NodeRow, NodeStore } from '@framelock/db';
import type { Logger } from 'pino';
import type { Metrics } from '../Metrics.ts';
import {
  type EventHandlers,
  heartbeatEveryMs,
  inferenceControlContract,
  type InferenceControlContract,
  type NodeHeartbeat,
  nodeTimeoutMs,
  Refusal,
  sfuControlContract,
  type SfuControlContract,
} from '../protocol/index.ts';
import { NodeConnection } from './NodeConnection.ts';

export type SfuNode = NodeConnection<SfuControlContract>;
export type InferenceNode = NodeConnection<InferenceControlContract>;

/** More would be somebody's mistake, or somebody with the secret playing. */
const maxNodes = 200;

export interface NodeRegistryOptions {
  store: NodeStore;
  nodeSecret: string;
  serverId: string;
  logger: Logger;
  metrics: Metrics;
  onSfu(node: SfuNode): EventHandlers<SfuControlContract>;
  onInference(node: InferenceNode): EventHandlers<InferenceControlContract>;
  onOpened(node: SfuNode | InferenceNode): void;
  onLost(node: SfuNode | InferenceNode, reason: string): void;
}

/**
 * The sfu and inference nodes that announced themselves, each with a connection. Heartbeats go through the database, so
 * that a node which beats at one server replica is known to all of them.
 */
export class NodeRegistry {
  readonly #options: NodeRegistryOptions;
  readonly #sfus = new Map<string, SfuNode>();
  readonly #inferences = new Map<string, InferenceNode>();
  /** When each node was last heard of, by our own monotonic clock. */
  readonly #heardAtMs = new Map<string, number>();
  readonly #probing = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  private constructor(options: NodeRegistryOptions) {
    this.#options = options;
  }

  static create(options: NodeRegistryOptions): NodeRegistry {
    const registry = new NodeRegistry(options);
    registry.#timer = setTimeout(() => void registry.#refresh(), 0);
    return registry;
  }

  get sfus(): SfuNode[] {
    return [...this.#sfus.values()].filter((node) => node.open);
  }

  get inferences(): InferenceNode[] {
    return [...this.#inferences.values()].filter((node) => node.open);
  }

  /** Also those that are being dialled again. */
  get nodes(): (SfuNode | InferenceNode)[] {
    return [...this.#sfus.values(), ...this.#inferences.values()];
  }

  /** Seconds since each node was heard of, by its id. */
  *heartbeatAges(): Iterable<[string, number]> {
    for (const [nodeId, heardAtMs] of this.#heardAtMs) yield [nodeId, (performance.now() - heardAtMs) / 1_000];
  }

  /** Also one that is being dialled again. */
  sfu(nodeId: string): SfuNode | undefined {
    return this.#sfus.get(nodeId);
  }

  /** A heartbeat that came to this server. */
  async heartbeat(heartbeat: NodeHeartbeat): Promise<void> {
    this.#heard(heartbeat);
    // Other replicas have no use for the figures, and the database none for a write of them each second.
    const { nodeId: id, figures: _figures, ...rest } = heartbeat;
    try {
      await this.#options.store.seen({ id, ...rest });
    } catch (error) {
      // The node stays known here; other replicas learn of it when the database is back.
      this.#options.metrics.databaseFaults.inc();
      this.#options.logger.warn({ nodeId: id, reason: (error as Error).message }, 'heartbeat not stored');
    }
  }

  #heard(heartbeat: NodeHeartbeat): void {
    if (this.#closed) return;
    const { nodeId, kind, controlUrl } = heartbeat;
    const known = this.#sfus.get(nodeId) ?? this.#inferences.get(nodeId);
    if (known && known.kind === kind && known.controlUrl === controlUrl) {
      this.#heardAtMs.set(nodeId, performance.now());
      known.beat(heartbeat);
      return;
    }
    if (!known && this.#heardAtMs.size >= maxNodes) throw new Refusal('rateLimited', `more than ${maxNodes} nodes`);
    if (known) this.#forget(nodeId, 'it came back at another address');
    this.#heardAtMs.set(nodeId, performance.now());
    if (kind === 'sfu') this.#connectSfu(heartbeat);
    else this.#connectInference(heartbeat);
  }

  #connectSfu(heartbeat: NodeHeartbeat): void {
    const handlers: EventHandlers<SfuControlContract> = {};
    const node: SfuNode = NodeConnection.create({
      ...this.#connectionOptions(heartbeat, () => node),
      contract: sfuControlContract,
      on: handlers,
    });
    Object.assign(handlers, this.#options.onSfu(node));
    this.#sfus.set(node.id, node);
  }

  #connectInference(heartbeat: NodeHeartbeat): void {
    const handlers: EventHandlers<InferenceControlContract> = {};
    const node: InferenceNode = NodeConnection.create({
      ...this.#connectionOptions(heartbeat, () => node),
      contract: inferenceControlContract,
      on: handlers,
    });
    Object.assign(handlers, this.#options.onInference(node));
    this.#inferences.set(node.id, node);
  }

  #connectionOptions(heartbeat: NodeHeartbeat, self: () => SfuNode | InferenceNode) {
    const { nodeSecret, serverId, logger, metrics, onOpened, onLost } = this.#options;
    return {
      heartbeat,
      nodeSecret,
      serverId,
      logger,
      onOpened: () => onOpened(self()),
      onLost: (reason: string) => {
        metrics.nodesLost.inc({ kind: heartbeat.kind });
        onLost(self(), reason);
      },
      onMalformed: (reason: string) => metrics.malformed.inc({ door: 'control', reason }),
    };
  }

  #forget(nodeId: string, reason: string): void {
    const node = this.#sfus.get(nodeId) ?? this.#inferences.get(nodeId);
    this.#sfus.delete(nodeId);
    this.#inferences.delete(nodeId);
    this.#heardAtMs.delete(nodeId);
    node?.close(reason);
  }

  /** Learns of nodes that beat at other replicas, and forgets those not heard of for `nodeTimeoutMs`. */
  async #refresh(): Promise<void> {
    try {
      for (const row of await this.#options.store.listAlive(nodeTimeoutMs)) this.#heardFromStore(row);
    } catch (error) {
      this.#options.logger.debug({ reason: (error as Error).message }, 'nodes could not be read from the database');
    }
    if (this.#closed) return;
    for (const [nodeId, heardAtMs] of this.#heardAtMs) {
      if (performance.now() - heardAtMs > nodeTimeoutMs) void this.#forgetUnlessItAnswers(nodeId);
    }
    this.#timer = setTimeout(() => void this.#refresh(), heartbeatEveryMs);
  }

  /** Only of nodes not heard of directly: a row may be one beat old, and its address with it. */
  #heardFromStore(row: NodeRow): void {
    if (row.kind === 'server' || this.#heardAtMs.has(row.id)) {
      if (row.kind !== 'server' && this.#isStale(row.id)) this.#heardAtMs.set(row.id, performance.now());
      return;
    }
    const { id: nodeId, kind, controlUrl, capacity, load, version, hlsUrl } = row;
    this.#heard({ nodeId, kind, controlUrl, capacity, load, version, ...(hlsUrl === null ? {} : { hlsUrl }) });
  }

  #isStale(nodeId: string): boolean {
    const heardAtMs = this.#heardAtMs.get(nodeId);
    return heardAtMs !== undefined && performance.now() - heardAtMs > nodeTimeoutMs / 2;
  }

  /** Its way to us may be cut while ours to it works (or we were asleep): video must not end for that. */
  async #forgetUnlessItAnswers(nodeId: string): Promise<void> {
    const node = this.#sfus.get(nodeId) ?? this.#inferences.get(nodeId);
    if (this.#probing.has(nodeId)) return;
    this.#probing.add(nodeId);
    const answers = await node?.probe();
    this.#probing.delete(nodeId);
    if (answers) this.#heardAtMs.set(nodeId, performance.now());
    else this.#forget(nodeId, 'no heartbeat');
  }

  close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const nodeId of [...this.#heardAtMs.keys()]) this.#forget(nodeId, reason);
  }

  dump(): Record<string, unknown> {
    return { nodes: [...this.#sfus.values(), ...this.#inferences.values()].map((node) => node.dump()) };
  }
}

/** The least full of them. */
export function leastFull<T extends { fullness: number }>(nodes: readonly T[]): T | undefined {
  return nodes.reduce<T | undefined>((best, node) => (best && best.fullness <= node.fullness ? best : node), undefined);
}
