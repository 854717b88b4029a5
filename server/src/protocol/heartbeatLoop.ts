import { heartbeatEveryMs, type NodeHeartbeat } from './nodes.ts';

export interface HeartbeatLoopOptions {
  /** Base URL of the server, e.g. `http://127.0.0.1:8080`. */
  serverUrl: string;
  nodeSecret: string;
  /** Asked before each beat, since load changes. */
  describe(): NodeHeartbeat | Promise<NodeHeartbeat>;
  /** Told on the first success and on each change between reached and not reached. */
  onReachable?(reachable: boolean, reason?: string): void;
}

/** Announces a node to the server until closed. The server being away is normal at start: it just tries again. */
export class HeartbeatLoop {
  readonly #options: HeartbeatLoopOptions;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #reachable: boolean | undefined;
  #closed = false;

  constructor(options: HeartbeatLoopOptions) {
    this.#options = options;
    void this.#beat();
  }

  async #beat(): Promise<void> {
    const { serverUrl, nodeSecret, describe } = this.#options;
    let problem: string | undefined;
    try {
      const response = await fetch(new URL('/internal/nodes/heartbeat', serverUrl), {
        method: 'POST',
        headers: { authorization: `Bearer ${nodeSecret}`, 'content-type': 'application/json' },
        body: JSON.stringify(await describe()),
        signal: AbortSignal.timeout(heartbeatEveryMs * 3),
      });
      if (!response.ok) problem = `the server answered ${response.status}`;
      await response.body?.cancel();
    } catch (error) {
      problem = (error as Error).message;
    }
    if (this.#closed) return;
    if ((problem === undefined) !== this.#reachable) {
      this.#reachable = problem === undefined;
      this.#options.onReachable?.(this.#reachable, problem);
    }
    this.#timer = setTimeout(() => void this.#beat(), heartbeatEveryMs);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }
}
