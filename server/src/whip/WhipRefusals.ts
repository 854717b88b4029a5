import { Refusal, type WhipRefusal } from '../protocol/index.ts';

const maxStreams = 1000;
const maxWords = 500;

/**
 * Why a Stream's last WHIP publisher was refused. OBS shows the status and throws the words away, so the publish page
 * says them. Of 1000 Streams; the oldest goes first.
 */
export class WhipRefusals {
  readonly #byStream = new Map<string, WhipRefusal>();

  note(streamId: string, error: unknown): void {
    if (!(error instanceof Refusal)) return;
    this.forget(streamId);
    const { code, message } = error;
    this.#byStream.set(streamId, { at: new Date().toISOString(), code, message: message.slice(0, maxWords) });
    if (this.#byStream.size > maxStreams) this.forget(this.#byStream.keys().next().value!);
  }

  of(streamId: string): WhipRefusal | undefined {
    return this.#byStream.get(streamId);
  }

  /** One came in. */
  forget(streamId: string): void {
    this.#byStream.delete(streamId);
  }
}
