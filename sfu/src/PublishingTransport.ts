import type { types } from 'mediasoup';
import type { MediaKind } from '@framelock/server/protocol';

/** What a Publication takes Producers from: the send transport of a peer, or one elementary stream of a Source. */
export interface PublishingTransport {
  /** All Producers of a Publication come from one publisher. */
  readonly publisherId: string;
  readonly closed: boolean;
  /** `rid`: of the simulcast layer that this Producer is. */
  produce(kind: MediaKind, rtpParameters: unknown, rid?: string): Promise<types.Producer>;
  once(event: 'closed', listener: (reason: string) => void): unknown;
  off(event: 'closed', listener: (reason: string) => void): unknown;
}
