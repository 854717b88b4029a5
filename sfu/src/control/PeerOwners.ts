/** How long the peers of a server that went away are kept, ms: a server that redials within it finds them. */
export const ownerGraceMs = 5_000;

interface Owner {
  readonly peers: Set<string>;
  connections: number;
  timer: NodeJS.Timeout | undefined;
}

export interface PeerOwnersOptions {
  graceMs?: number;
  /** The owner of these peers is gone for good. */
  onOrphans(peerIds: string[]): void;
}

/**
 * Which server has which peers. Signalling dies with its server, and clients join again elsewhere with new peers; media
 * of the old ones would stay until ICE consent runs out, so it ends `graceMs` after the server's last connection.
 */
export class PeerOwners {
  readonly #owners = new Map<string, Owner>();
  readonly #ownerOf = new Map<string, string>();
  readonly #graceMs: number;
  readonly #onOrphans: (peerIds: string[]) => void;

  constructor({ graceMs = ownerGraceMs, onOrphans }: PeerOwnersOptions) {
    this.#graceMs = graceMs;
    this.#onOrphans = onOrphans;
  }

  connect(ownerId: string): void {
    const owner = this.#owners.get(ownerId) ?? { peers: new Set(), connections: 0, timer: undefined };
    this.#owners.set(ownerId, owner);
    owner.connections++;
    clearTimeout(owner.timer);
  }

  disconnect(ownerId: string): void {
    const owner = this.#owners.get(ownerId);
    if (!owner || --owner.connections > 0) return;
    owner.timer = setTimeout(() => {
      this.#owners.delete(ownerId);
      for (const peerId of owner.peers) this.#ownerOf.delete(peerId);
      if (owner.peers.size > 0) this.#onOrphans([...owner.peers]);
    }, this.#graceMs);
  }

  /** The last server that makes a transport for a peer has it. */
  claim(ownerId: string, peerId: string): void {
    this.forget(peerId);
    this.#owners.get(ownerId)?.peers.add(peerId);
    this.#ownerOf.set(peerId, ownerId);
  }

  forget(peerId: string): void {
    const ownerId = this.#ownerOf.get(peerId);
    if (ownerId === undefined) return;
    this.#ownerOf.delete(peerId);
    this.#owners.get(ownerId)?.peers.delete(peerId);
  }

  dump(): Record<string, { connections: number; peers: string[] }> {
    const owners = [...this.#owners].map(([id, { connections, peers }]) => [id, { connections, peers: [...peers] }]);
    return Object.fromEntries(owners) as Record<string, { connections: number; peers: string[] }>;
  }

  close(): void {
    for (const { timer } of this.#owners.values()) clearTimeout(timer);
    this.#owners.clear();
    this.#ownerOf.clear();
  }
}
