import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';

const candidateLine = /^a=candidate:.*\r?\n/gm;

/**
 * A network between a publisher and the server that a test can break: UDP from the publisher comes here, goes on to the
 * server from one socket, and back. `drop` decides about each packet from the publisher; `cut` loses both ways.
 */
export class UdpRelay {
  drop: (packet: Buffer) => boolean = () => false;
  dropped = 0;
  forwarded = 0;
  #cut = false;
  #peer: RemoteInfo | undefined;
  readonly #near: Socket;
  readonly #far: Socket;

  private constructor(near: Socket, far: Socket) {
    this.#near = near;
    this.#far = far;
  }

  static async create(): Promise<UdpRelay> {
    const sockets = [createSocket('udp4'), createSocket('udp4')] as const;
    for (const socket of sockets) {
      socket.bind(0, '127.0.0.1');
      await once(socket, 'listening');
    }
    return new UdpRelay(...sockets);
  }

  /** The answer with one candidate, this relay, in the place of the server's first UDP candidate. */
  between(answer: string): string {
    const candidates = answer.match(candidateLine) ?? [];
    const chosen = candidates.find((line) => /^a=candidate:\S+ 1 udp /i.test(line) && !line.includes(' ::'));
    if (!chosen) throw new Error(`the answer has no UDP candidate:\n${answer}`);
    const fields = chosen.trim().split(' ');
    const [ip, port] = [fields[4]!, Number(fields[5])];
    this.#near.on('message', (packet, from) => {
      this.#peer = from;
      if (this.#cut || this.drop(packet)) this.dropped++;
      else {
        this.forwarded++;
        this.#far.send(packet, port, ip);
      }
    });
    this.#far.on('message', (packet) => {
      if (!this.#cut && this.#peer) this.#near.send(packet, this.#peer.port, this.#peer.address);
    });
    [fields[4], fields[5]] = ['127.0.0.1', String(this.#near.address().port)];
    const relayed = `${fields.join(' ')}\r\n`;
    let written = false;
    // One candidate under one m-line: BUNDLE makes it everybody's.
    return answer.replaceAll(candidateLine, () => {
      if (written) return '';
      written = true;
      return relayed;
    });
  }

  cut(): void {
    this.#cut = true;
  }

  close(): void {
    this.#near.close();
    this.#far.close();
  }
}
