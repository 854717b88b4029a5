/** What the Origin reads of one Publication's folder, whoever writes it. Names are checked by the caller. */
export interface StoredFiles {
  /** Held in memory: the live edge. */
  held(name: string): Buffer | undefined;
  /** Where it lies otherwise, if it does. */
  path(name: string): string;
  /**
   * It does not exist yet but is the next one: resolves with it, or with undefined when it turns out that it never comes.
   * undefined: there is nothing to wait for. All who wait for one name share one promise.
   */
  wait(name: string): Promise<Buffer | undefined> | undefined;
}
