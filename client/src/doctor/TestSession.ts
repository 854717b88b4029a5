import { firstAddress, keepCandidates, type CandidateProtocol } from './candidates.ts';
import type { RouteResult } from './findings.ts';
import { readSendFigures, type SendFigures } from './sendFigures.ts';

/** A session on the server that receives a test picture and throws it away; asked for by the caller, with its bearer. */
export interface OpenedSession {
  answer: string;
  iceServers: RTCIceServer[];
  close(): Promise<void>;
}
export type OpenSession = (offer: string, signal: AbortSignal) => Promise<OpenedSession>;

export interface TestSessionOptions {
  open: OpenSession;
  track: MediaStreamTrack;
  protocol: CandidateProtocol;
  signal: AbortSignal;
  connectWithinMs?: number;
}

/** One RTCPeerConnection that sends a test picture to the server by one protocol only. */
export class TestSession {
  readonly iceServers: RTCIceServer[];
  readonly route: RouteResult;
  readonly #connection: RTCPeerConnection;
  readonly #opened: OpenedSession;
  #closed = false;

  /** Resolves also where no connection comes about (`route` says so); rejects where the server refuses the session. */
  static async create({
    open,
    track,
    protocol,
    signal,
    connectWithinMs = 8_000,
  }: TestSessionOptions): Promise<TestSession> {
    const connection = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    try {
      const sender = connection.addTransceiver(track, { direction: 'sendonly' }).sender;
      await connection.setLocalDescription();
      const opened = await open(connection.localDescription!.sdp, signal);
      try {
        const { sdp, kept } = keepCandidates(opened.answer, protocol);
        if (kept === 0) return new TestSession(connection, opened, { state: 'notOffered' });
        const beganAtMs = performance.now();
        await connection.setRemoteDescription({ type: 'answer', sdp });
        await allowBitrate(sender);
        const connected = await connects(connection, signal, connectWithinMs);
        const address = firstAddress(sdp);
        const route: RouteResult = connected
          ? { state: 'connected', afterMs: performance.now() - beganAtMs, address }
          : { state: 'failed', address };
        return new TestSession(connection, opened, route);
      } catch (error) {
        await opened.close().catch(() => undefined);
        throw error;
      }
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  private constructor(connection: RTCPeerConnection, opened: OpenedSession, route: RouteResult) {
    this.#connection = connection;
    this.#opened = opened;
    this.iceServers = opened.iceServers;
    this.route = route;
  }

  get closed(): boolean {
    return this.#closed;
  }

  async figures(): Promise<SendFigures> {
    return readSendFigures((await this.#connection.getStats()) as unknown as Map<string, unknown>);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#connection.close();
    await this.#opened.close().catch(() => undefined); // the server ends it by itself as well
  }
}

/** As much as a good publication needs, so that the estimate can grow to it. */
async function allowBitrate(sender: RTCRtpSender): Promise<void> {
  const parameters = sender.getParameters();
  for (const encoding of parameters.encodings) encoding.maxBitrate = 8_000_000;
  await sender.setParameters(parameters).catch(() => undefined);
}

function connects(connection: RTCPeerConnection, signal: AbortSignal, withinMs: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const settle = (connected?: boolean) => {
      clearTimeout(timer);
      connection.removeEventListener('connectionstatechange', look);
      signal.removeEventListener('abort', abort);
      if (connected === undefined) reject(signal.reason as Error);
      else resolve(connected);
    };
    const look = () => {
      if (connection.connectionState === 'connected') settle(true);
      else if (connection.connectionState === 'failed') settle(false);
    };
    const abort = () => settle();
    const timer = setTimeout(() => settle(false), withinMs);
    connection.addEventListener('connectionstatechange', look);
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    else look();
  });
}
