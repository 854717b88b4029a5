import type { ReceiverCounts } from '@framelock/server/protocol/tap';
import type { Metrics } from './metrics.ts';

const outcomes = ['malformed', 'foreign', 'duplicate', 'late', 'reordered', 'lost', 'kernelDropped'] as const;

/** The receivers of taps count for themselves, per packet; the metrics take what was added since. */
export class PacketCounts {
  readonly #metrics: Metrics;
  readonly #counted = new WeakMap<object, ReceiverCounts>();

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  count(receiver: { readonly receiverCounts: ReceiverCounts }): void {
    const now = receiver.receiverCounts;
    const before = this.#counted.get(receiver);
    const added = (key: keyof ReceiverCounts): number => now[key] - (before?.[key] ?? 0);
    const { packets, feedback, socketErrors } = this.#metrics;
    packets.inc({ outcome: 'taken' }, added('packets'));
    for (const outcome of outcomes) packets.inc({ outcome }, added(outcome));
    socketErrors.inc(added('socketErrors'));
    feedback.inc({ kind: 'nack' }, added('nackedPackets'));
    feedback.inc({ kind: 'pli' }, added('keyFrameRequests'));
    this.#counted.set(receiver, { ...now });
  }
}
