interface Awaited {
  promise: Promise<Buffer | undefined>;
  resolve(data: Buffer | undefined): void;
}

/** Files that somebody asked for just before they exist. At most a handful of names: who waits is counted by the Origin. */
export class AwaitedFiles {
  readonly #names = new Map<string, Awaited>();

  wait(name: string): Promise<Buffer | undefined> {
    let awaited = this.#names.get(name);
    if (!awaited) {
      const { promise, resolve } = Promise.withResolvers<Buffer | undefined>();
      this.#names.set(name, (awaited = { promise, resolve }));
    }
    return awaited.promise;
  }

  settle(name: string, data: Buffer | undefined): void {
    if (this.#names.size === 0) return;
    const awaited = this.#names.get(name);
    if (!awaited) return;
    this.#names.delete(name);
    awaited.resolve(data);
  }

  /** Those that never come. */
  giveUp(isHopeless: (name: string) => boolean): void {
    for (const name of this.#names.keys()) if (isHopeless(name)) this.settle(name, undefined);
  }
}
