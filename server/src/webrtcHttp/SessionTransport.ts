import type { SfuNode } from '../nodes/NodeRegistry.ts';
import { type Opaque, type ParamsOf, Refusal, type SfuControlContract } from '../protocol/index.ts';
import { IceNegotiation, type PatchAnswer } from '../sdp/IceNegotiation.ts';
import type { Offer } from '../sdp/offer.ts';
import { readSfuTransport, remoteDtlsRole, type SfuTransport } from '../sdp/writeAnswer.ts';
import { TokenBucket } from '../signaling/TokenBucket.ts';

/** PATCHes at once and a second: a client that trickles each candidate by itself sends some twenty. */
const patchBurst = 50;
const patchesPerSecond = 2;

export interface SessionTransportOptions {
  /** Its owner's name on the sfu. */
  peerId: string;
  offer: Offer;
  /** It ended on the sfu by itself. */
  onClosed(reason: string): void;
}

/** The sfu's side of one WHIP or WHEP session: one transport, its ICE restarts, and an end that leaves nothing there. */
export class SessionTransport {
  readonly #options: SessionTransportOptions;
  readonly #ice: IceNegotiation;
  readonly #patches = new TokenBucket({ capacity: patchBurst, perSecond: patchesPerSecond });
  /** Ended on the sfu before its answer was taken in. */
  readonly #endedEarly = new Set<string>();
  #sfu: SfuNode | undefined;
  #transport: SfuTransport | undefined;
  #closed = false;

  constructor(options: SessionTransportOptions) {
    this.#options = options;
    this.#ice = new IceNegotiation(options.offer, () => this.#restartIce());
  }

  get etag(): string {
    return this.#ice.etag;
  }

  get id(): string | undefined {
    return this.#transport?.id;
  }

  get sfu(): SfuNode | undefined {
    return this.#sfu;
  }

  /** Made, and told of the other side's DTLS. */
  async open(
    sfu: SfuNode,
    request: Omit<ParamsOf<SfuControlContract, 'createTransport'>, 'peerId'>,
  ): Promise<SfuTransport> {
    const { peerId, offer } = this.#options;
    this.#sfu = sfu;
    const made = await this.ask(() => sfu.request('createTransport', { ...request, peerId }));
    const transport = readSfuTransport(made.transport);
    if (this.#endedEarly.has(transport.id)) throw new Refusal('unavailable', 'the transport ended while it was made');
    this.#transport = transport;
    const { fingerprints } = offer.transport;
    const dtlsParameters = { role: remoteDtlsRole(offer), fingerprints };
    await this.ask(() => sfu.request('connectTransport', { transportId: transport.id, dtlsParameters }));
    return transport;
  }

  /** One request of the sfu. Whoever left meanwhile must leave nothing there. */
  async ask<T>(request: () => Promise<T>): Promise<T> {
    const answer = await request();
    if (!this.#closed) return answer;
    this.#closeOnSfu();
    throw new Refusal('gone', 'the session ended while it was made: try again');
  }

  patch(ifMatch: string | undefined, body: string): Promise<PatchAnswer> {
    if (!this.#patches.take()) throw new Refusal('rateLimited', 'too many PATCHes: send candidates together');
    return this.#ice.patch(ifMatch, body);
  }

  async #restartIce(): Promise<Opaque> {
    const [sfu, transportId] = [this.#sfu, this.id];
    if (this.#closed || !sfu || transportId === undefined) throw new Refusal('notFound', 'the session has ended');
    return (await sfu.request('restartIce', { transportId })).iceParameters;
  }

  /** What the sfu tells of a transport of this peer. */
  ended(transportId: string, reason: string): void {
    if (this.id === undefined) this.#endedEarly.add(transportId);
    if (this.id === transportId) this.#options.onClosed(reason);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#closeOnSfu();
  }

  #closeOnSfu(): void {
    void this.#sfu?.requestIfOpen('closePeer', { peerId: this.#options.peerId });
  }
}
