import { createSocket } from 'node:dgram';
import { createHash } from 'node:crypto';
import { Refusal } from '@framelock/server/protocol';

/** Streams that can listen for SRT at the same time on one node. */
export const srtPortCount = 100;

/** UDP ports of SRT listeners: a Stream finds its own again, whatever restarts, unless another one has it. */
export class SrtPorts {
  readonly #first: number;
  readonly #host: string;
  readonly #taken = new Set<number>();

  /** `first` 0 = any free port (tests). */
  constructor(first: number, host: string) {
    this.#first = first;
    this.#host = host;
  }

  /** @throws Refusal where all are in use. */
  async take(streamId: string): Promise<number> {
    const wished = createHash('sha256').update(streamId).digest().readUInt32BE(0) % srtPortCount;
    for (let i = 0; i < srtPortCount; i++) {
      const port = this.#first === 0 ? 0 : this.#first + ((wished + i) % srtPortCount);
      if (this.#taken.has(port)) continue;
      if (port !== 0) this.#taken.add(port);
      const free = await freePort(port, this.#host);
      if (free !== undefined) {
        this.#taken.add(free);
        return free;
      }
      this.#taken.delete(port);
    }
    const last = this.#first + srtPortCount - 1;
    throw new Refusal('unavailable', `no SRT port from ${this.#first} to ${last} is free: stop another Source`);
  }

  release(port: number): void {
    this.#taken.delete(port);
  }

  get size(): number {
    return this.#taken.size;
  }
}

function freePort(port: number, host: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    socket.once('error', () => {
      socket.close();
      resolve(undefined);
    });
    socket.bind(port, host, () => {
      const { port: bound } = socket.address();
      socket.close(() => resolve(bound));
    });
  });
}
