/** The least typed event emitter that browsers and Node share. A listener's throw is its own and stops nobody else. */
export class TypedEmitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<(data: never) => void>>();

  /** Answers the function that ends the subscription. */
  on<E extends keyof Events>(event: E, listener: (data: Events[E]) => void): () => void {
    let listeners = this.#listeners.get(event);
    if (!listeners) this.#listeners.set(event, (listeners = new Set()));
    listeners.add(listener as (data: never) => void);
    return () => void listeners.delete(listener as (data: never) => void);
  }

  emit<E extends keyof Events>(event: E, data: Events[E]): void {
    const listeners = this.#listeners.get(event);
    if (!listeners) return;
    for (const listener of listeners) {
      try {
        (listener as (data: Events[E]) => void)(data);
      } catch (error) {
        reportError(error);
      }
    }
  }

  clear(): void {
    this.#listeners.clear();
  }
}

/** Loud like an uncaught error, but after the loop: the video must not stop for a listener's bug. */
function reportError(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
