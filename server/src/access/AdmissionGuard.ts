import type { Logger } from 'pino';
import type { Metrics } from '../Metrics.ts';
import type { StreamPeer } from '../streams/StreamPeer.ts';
import type { Streams } from '../streams/Streams.ts';
import type { Access } from './Access.ts';

export interface AdmissionGuardOptions {
  access: Access;
  streams: Streams;
  logger: Logger;
  metrics: Metrics;
}

/** Ends what is live by a token, session, link or stream key that is good no more: sockets, WHIP and WHEP sessions. */
export class AdmissionGuard {
  readonly #options: AdmissionGuardOptions;

  constructor(options: AdmissionGuardOptions) {
    this.#options = options;
  }

  look({ keys }: { keys: boolean }): void {
    const { access, streams, logger } = this.#options;
    for (const live of streams.all) {
      for (const peer of live.peers) {
        if (peer.admission && access.stillAdmits(peer.admission) === false) this.#end(peer, live.id);
      }
    }
    if (!keys) return;
    this.#lookAtKeys().catch((error: unknown) => {
      this.#options.metrics.databaseFaults.inc();
      logger.warn({ reason: (error as Error).message }, 'whether stream keys were rotated is not known');
    });
  }

  /** A key that was rotated through another server is told by the same revision as all else. */
  async #lookAtKeys(): Promise<void> {
    const { access, streams } = this.#options;
    for (const live of streams.all) {
      if (!live.peers.some(({ admission }) => admission && 'keyDigest' in admission)) continue;
      const row = await streams.find(live.id);
      if (!row) continue; // deleted, which ends its peers anyway
      for (const peer of live.peers) {
        const { admission } = peer;
        if (admission && 'keyDigest' in admission && !access.isKeyOf(admission, row.streamKey)) {
          this.#end(peer, live.id);
        }
      }
    }
  }

  #end(peer: StreamPeer, streamId: string): void {
    const { logger, metrics } = this.#options;
    logger.info({ peerId: peer.id, streamId, role: peer.role }, 'a peer lost its right and is sent away');
    metrics.admissionsEnded.inc({ role: peer.role });
    peer.close('unauthorized', 'the token, sign-in or key that this came with is not valid any more');
  }
}
