import { EventEmitter, once } from 'node:events';
import { WebSocket } from 'ws';
import {
  type EventData,
  type EventHandlers,
  type EventOf,
  type ParamsIn,
  RpcCaller,
  type ResultOf,
  signalingContract,
  type SignalingContract,
} from '../src/protocol/index.ts';

type Method = keyof SignalingContract['requests'];
type Event = EventOf<SignalingContract>;

/** One signalling socket; remembers every event, so that a test may ask for one before or after it came. */
export class SignalingClient {
  readonly socket: WebSocket;
  readonly closed: Promise<number>;
  readonly #caller: RpcCaller<SignalingContract>;
  readonly #seen: { [E in Event]?: EventData<SignalingContract, E>[] } = {};
  readonly #emitter = new EventEmitter();

  private constructor(socket: WebSocket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => socket.on('close', (code) => resolve(code)));
    const on = Object.fromEntries(
      Object.keys(signalingContract.events).map((event) => [
        event,
        (data: never) => {
          ((this.#seen[event as Event] ??= [] as never) as unknown[]).push(data);
          this.#emitter.emit('event');
        },
      ]),
    ) as EventHandlers<SignalingContract>;
    this.#caller = new RpcCaller(signalingContract, { send: (text) => socket.send(text), on, timeoutMs: 20_000 });
    socket.on('message', (data) => this.#caller.receive((data as Buffer).toString()));
    socket.on('close', () => this.#caller.close('closed'));
    socket.on('error', () => undefined);
  }

  static async create(serverUrl: string, headers: Record<string, string> = {}): Promise<SignalingClient> {
    const client = new SignalingClient(new WebSocket(`${serverUrl.replace('http', 'ws')}/ws`, { headers }));
    await once(client.socket, 'open');
    return client;
  }

  request<M extends Method>(
    method: M,
    params: ParamsIn<SignalingContract, M>,
  ): Promise<ResultOf<SignalingContract, M>> {
    return this.#caller.request(method, params);
  }

  events<E extends Event>(event: E): EventData<SignalingContract, E>[] {
    return (this.#seen[event] ?? []) as EventData<SignalingContract, E>[];
  }

  /** The first event of this name that `accepts` does, also one that came already. */
  async event<E extends Event>(
    event: E,
    accepts: (data: EventData<SignalingContract, E>) => boolean = () => true,
  ): Promise<EventData<SignalingContract, E>> {
    for (;;) {
      const found = this.events(event).find(accepts);
      if (found) return found;
      await once(this.#emitter, 'event', { signal: AbortSignal.timeout(20_000) });
    }
  }

  /** Joins and publishes video; answers what the server said. */
  async publish(streamId: string, token?: string) {
    const joined = await this.request('join', { streamId, role: 'publish', ...(token ? { token } : {}) });
    const { transport } = await this.request('createTransport', { direction: 'send' });
    const transportId = transport.id as string;
    const produced = await this.request('produce', { transportId, kind: 'video', rtpParameters: {} });
    return { ...joined, ...produced, transportId };
  }

  close(): void {
    this.socket.terminate();
  }
}
