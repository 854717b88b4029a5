import type { SignalingContract, ResultOf } from '@framelock/server/protocol';
import type { IceParameters, Transport } from 'mediasoup-client/types';

/** ICE that says `disconnected` often comes back by itself; after this long it is restarted. */
const disconnectedPatienceMs = 2_000;
/** A restart that has not connected by then never will. */
const restartPatienceMs = 3_000;
/** A transport that was asked to connect and has not by then never will. */
const connectPatienceMs = 8_000;

/** What is watched of a mediasoup-client Transport. */
export type WatchedTransport = Pick<Transport, 'id' | 'restartIce'> & {
  on(event: 'connectionstatechange', listener: (state: Transport['connectionState']) => void): unknown;
};

/** What a restart asks the sfu through. */
export interface RestartSignaling {
  request(method: 'restartIce', params: { transportId: string }): Promise<ResultOf<SignalingContract, 'restartIce'>>;
}

/**
 * Heals a transport's path by one ICE restart, which keeps its Publication, its Consumers and their timestamps (RFC 8445
 * section 9), and calls `onLost` once when that does not help; answers the function that stops watching.
 */
export function watchTransport(
  transport: WatchedTransport,
  signaling: RestartSignaling,
  onLost: (reason: string) => void,
): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let done = false;
  let restarting = false;
  const stop = (): void => {
    done = true;
    clearTimeout(timer);
  };
  const lose = (reason: string): void => {
    if (done) return;
    stop();
    onLost(reason);
  };
  const restart = (): void => {
    clearTimeout(timer);
    restarting = true;
    timer = setTimeout(() => lose('the media path was lost'), restartPatienceMs);
    restartIce(transport, signaling).catch(() => lose('the media path was lost'));
  };
  transport.on('connectionstatechange', (state) => {
    if (done) return;
    if (state === 'closed') return lose('the media path was closed');
    if (state === 'connected') restarting = false;
    else if (restarting) return; // on its way through `connecting` or `failed`: its deadline decides
    clearTimeout(timer);
    if (state === 'failed') restart();
    else if (state === 'disconnected') timer = setTimeout(restart, disconnectedPatienceMs);
    else if (state === 'connecting') timer = setTimeout(() => lose('no media path was found'), connectPatienceMs);
  });
  return stop;
}

/** New ICE credentials on both ends; DTLS, SRTP and everything on the transport stay. */
export async function restartIce(
  transport: Pick<Transport, 'id' | 'restartIce'>,
  signaling: RestartSignaling,
): Promise<void> {
  const { iceParameters } = await signaling.request('restartIce', { transportId: transport.id });
  await transport.restartIce({ iceParameters: iceParameters as unknown as IceParameters });
}
