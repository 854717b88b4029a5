import type { EventTargetRow } from '@framelock/db';

/** What came of one attempt. */
export type Outcome =
  | { ok: true; status: number | null }
  | {
      ok: false;
      status: number | null;
      /** For people. */
      error: string;
      retryAfterMs?: number | undefined;
      /** The receiver wants nothing more, ever. */
      gone?: true;
    };

export interface Message {
  /** Of the delivery. */
  id: string;
  /** A DeliveryBody as JSON. */
  body: Uint8Array;
}

/** Sends to one kind of target. Never rejects. */
export interface Sender {
  send(target: EventTargetRow, message: Message): Promise<Outcome>;
  close(): Promise<void>;
}
