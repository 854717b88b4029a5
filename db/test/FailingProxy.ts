import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** What becomes of a connection on which this many bytes came from the database: nothing, an end, or a reset. */
export interface Fate {
  afterBytes: number;
  by: 'end' | 'reset';
}

/** Between a client and a Postgres, on a port of its own: loses connections where a test wants it. */
export class FailingProxy {
  readonly url: string;
  readonly #port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, sockets: Set<Socket>, databaseUrl: string) {
    this.#server = server;
    this.#sockets = sockets;
    this.#port = (server.address() as AddressInfo).port;
    const url = new URL(databaseUrl);
    url.port = `${this.#port}`;
    this.url = url.href;
  }

  /** `fate` is asked for each new connection; undefined: it lives. */
  static async create(databaseUrl: string, fate: () => Fate | undefined): Promise<FailingProxy> {
    const sockets = new Set<Socket>();
    const { hostname, port } = new URL(databaseUrl);
    const server = createServer((client) => {
      const database = connect(Number(port), hostname);
      sockets.add(client);
      const doom = fate();
      let left = doom?.afterBytes ?? Infinity;
      database.on('data', (data) => {
        client.write(data.subarray(0, left));
        left -= data.length;
        if (left >= 0) return;
        lose(client, doom!.by);
        database.destroy();
      });
      client.on('data', (data) => database.write(data));
      for (const socket of [client, database]) socket.on('error', () => undefined);
      client.on('close', () => {
        sockets.delete(client);
        database.destroy();
      });
      database.on('close', () => client.destroy());
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new FailingProxy(server, sockets, databaseUrl);
  }

  /** All connections are lost, and new ones refused until `listen`. */
  async refuse(by: Fate['by'] = 'end'): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.lose(by);
    await closed;
  }

  async listen(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  lose(by: Fate['by'] = 'end'): void {
    for (const socket of this.#sockets) lose(socket, by);
  }

  async close(): Promise<void> {
    if (this.#server.listening) await this.refuse();
  }
}

function lose(socket: Socket, by: Fate['by']): void {
  if (by === 'end') socket.destroy();
  else socket.resetAndDestroy();
}
