import type { Admission } from '../access/Access.ts';
import type { SfuNode } from '../nodes/NodeRegistry.ts';
import type { EventData, EventOf, PublishedBy, SignalingContract } from '../protocol/index.ts';

/** What a LiveStream knows of a peer that joined it. */
export interface StreamPeer {
  readonly id: string;
  readonly role: 'publish' | 'watch';
  readonly closed: boolean;
  /** What its Publications come from; nothing = a browser. */
  readonly publishedBy?: PublishedBy;
  /** Why it was let in, where anybody had to be; asked again while it lasts. */
  readonly admission?: Admission | undefined;
  emit<E extends EventOf<SignalingContract>>(event: E, data: EventData<SignalingContract, E>): void;
  /** Whether its socket answers a ping; a cut network keeps a dead one open for minutes. */
  answers(withinMs: number): Promise<boolean>;
  /** All it had on that node is gone. */
  sfuLost(sfu: SfuNode, reason: string): void;
  close(code: string, message: string): void;
}
