import type { DeviceFacts } from './findings.ts';

/** Names of the video codecs that this browser can encode; undefined where there is no WebRTC. */
export function encoderNames(): string[] | undefined {
  if (typeof RTCPeerConnection === 'undefined') return undefined;
  const codecs = RTCRtpSender.getCapabilities?.('video')?.codecs ?? [];
  return [...new Set(codecs.map(({ mimeType }) => mimeType.replace(/^video\//i, '').toUpperCase()))];
}

/** Asks for nothing: what the browser tells without a question to the person. */
export async function deviceFacts(kind: DeviceFacts['kind']): Promise<DeviceFacts> {
  const permission = await navigator.permissions
    ?.query({ name: kind as PermissionName })
    .then(({ state }) => state)
    .catch(() => undefined); // Firefox knows no such permission
  const devices = await navigator.mediaDevices?.enumerateDevices().catch(() => undefined);
  const input = kind === 'camera' ? 'videoinput' : 'audioinput';
  return { kind, permission, count: devices?.filter((device) => device.kind === input).length };
}

/** Whether one of the servers gives this browser a relay address. */
export async function gathersRelay(
  iceServers: RTCIceServer[],
  signal: AbortSignal,
  withinMs = 6_000,
): Promise<boolean> {
  const connection = new RTCPeerConnection({ iceServers, iceTransportPolicy: 'relay' });
  try {
    connection.createDataChannel('probe');
    const found = new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(false), withinMs);
      const settle = (relayed: boolean) => (clearTimeout(timer), resolve(relayed));
      connection.onicecandidate = ({ candidate }) => {
        if (candidate?.type === 'relay') settle(true);
        else if (!candidate) settle(false);
      };
      if (signal.aborted) settle(false);
      else signal.addEventListener('abort', () => settle(false), { once: true });
    });
    await connection.setLocalDescription();
    return await found;
  } finally {
    connection.close();
  }
}
