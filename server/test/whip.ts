import type { RequestHandlers, SfuControlContract } from '../src/protocol/index.ts';
import type { FakeSfu } from './fakeNodes.ts';
import { routerCapabilities } from './routerCapabilities.ts';
import type { TestServer } from './TestServer.ts';

/** Has the fake sfu answer with what an SDP answer is made of. */
export function speakSdp(sfu: FakeSfu): void {
  let made = 0;
  const handlers: Partial<RequestHandlers<SfuControlContract>> = {
    routerRtpCapabilities: () => ({ rtpCapabilities: routerCapabilities }),
    transportState: () => ({ iceState: 'completed', dtlsState: 'connected', bytesReceived: ++made }),
    createTransport: () => ({
      transport: {
        id: `${sfu.heartbeat.nodeId}-rtc-${++made}`,
        iceParameters: { usernameFragment: 'sfuUfrag', password: 'sfuPassword12345678901234', iceLite: true },
        iceCandidates: [
          {
            foundation: 'udpcandidate',
            priority: 1,
            address: '10.0.0.1',
            ip: '10.0.0.1',
            protocol: 'udp',
            port: 40_000,
            type: 'host',
          },
        ],
        dtlsParameters: { role: 'auto', fingerprints: [{ algorithm: 'sha-256', value: 'AB:CD' }] },
      },
    }),
    restartIce: () => ({
      iceParameters: { usernameFragment: `restarted${++made}`, password: 'sfuPassword12345678901234', iceLite: true },
    }),
    produce: ({ kind, layer }) => ({
      producer: {
        id: `${kind}-${++made}`,
        kind,
        mimeType: `${kind}/any`,
        paused: false,
        ...(layer ? { layer: { ...layer, timeline: { state: 'checking' as const } } } : {}),
      },
    }),
  };
  Object.assign(sfu.handlers, handlers);
}

/** `POST /whip/:id` as OBS does it. */
export async function postOffer(
  server: TestServer,
  stream: { id: string; streamKey: string },
  offer: string | Uint8Array<ArrayBufferLike>,
  query = '',
) {
  const answer = await server.request(`/whip/${stream.id}${query}`, {
    method: 'POST',
    headers: { 'content-type': 'application/sdp' },
    body: offer as NonNullable<RequestInit['body']>,
    token: stream.streamKey,
  });
  return { ...answer, location: answer.headers.get('location') ?? '', etag: answer.headers.get('etag') ?? '' };
}

export const patchFragment = (
  server: TestServer,
  location: string,
  options: { token: string; ifMatch?: string; body?: string; type?: string },
) =>
  server.request(location, {
    method: 'PATCH',
    headers: {
      'content-type': options.type ?? 'application/trickle-ice-sdpfrag',
      ...(options.ifMatch === undefined ? {} : { 'if-match': options.ifMatch }),
    },
    body:
      options.body ??
      'a=ice-ufrag:Rt5Y\r\na=ice-pwd:2Wq8h6GCc3S1d7f0pXv9Za\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n' +
        'a=candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host generation 0\r\na=end-of-candidates\r\n',
    token: options.token,
  });

export const restartFragment = 'a=ice-ufrag:ysXw\r\na=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k\r\n';
