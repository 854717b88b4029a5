import { once } from 'node:events';
import { WebSocket } from 'ws';
import {
  RpcCaller,
  sfuControlContract,
  type EventData,
  type EventOf,
  type MethodOf,
  type ParamsIn,
  type ResultOf,
  type SfuControlContract,
} from '@framelock/server/protocol';

type AnyEvent = {
  [E in EventOf<SfuControlContract>]: { event: E; data: EventData<SfuControlContract, E> };
}[EventOf<SfuControlContract>];

/** A server's end of the control connection. */
export class ControlClient {
  readonly events: AnyEvent[] = [];
  readonly malformed: string[] = [];
  readonly socket: WebSocket;
  readonly #caller: RpcCaller<SfuControlContract>;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    const note = (event: string) => (data: unknown) => void this.events.push({ event, data } as AnyEvent);
    const names = Object.keys(sfuControlContract.events);
    this.#caller = new RpcCaller(sfuControlContract, {
      send: (text) => socket.send(text),
      on: Object.fromEntries(names.map((name) => [name, note(name)])),
      onMalformed: (reason) => this.malformed.push(reason),
    });
    socket.on('message', (data) => this.#caller.receive((data as Buffer).toString('utf8')));
    socket.on('close', () => this.#caller.close('closed'));
  }

  static async create(url: string, secret: string, headers: Record<string, string> = {}): Promise<ControlClient> {
    const socket = new WebSocket(`${url}/control`, { headers: { authorization: `Bearer ${secret}`, ...headers } });
    await once(socket, 'open');
    return new ControlClient(socket);
  }

  ask<M extends MethodOf<SfuControlContract>>(
    method: M,
    params: ParamsIn<SfuControlContract, M>,
  ): Promise<ResultOf<SfuControlContract, M>> {
    return this.#caller.request(method, params);
  }

  told<E extends EventOf<SfuControlContract>>(event: E): EventData<SfuControlContract, E>[] {
    return this.events.filter((one) => one.event === event).map((one) => one.data as EventData<SfuControlContract, E>);
  }

  close(): void {
    this.socket.terminate();
  }
}
