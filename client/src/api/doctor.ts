import {
  doctorReportSchema,
  errorBodySchema,
  Refusal,
  sessionRequestHeader,
  type DoctorReport,
} from '@framelock/server/protocol';
import { iceServersOfLink } from '../doctor/iceServersOfLink.ts';
import type { OpenedSession } from '../doctor/TestSession.ts';
import { accessToken } from './accessToken.ts';
import { request } from './request.ts';

export function readDoctorReport(streamId: string, signal: AbortSignal): Promise<DoctorReport> {
  return request('get', '/api/v1/doctor', doctorReportSchema, { query: { streamId }, signal, needed: false });
}

/** A WHIP-like session whose media the server throws away. `streamKey`: the bearer where no token is known. */
export async function openDoctorSession(
  offer: string,
  signal: AbortSignal,
  streamKey: string | undefined,
): Promise<OpenedSession> {
  const bearer = accessToken.value ?? streamKey;
  const headers: Record<string, string> = {
    [sessionRequestHeader]: '1',
    ...(bearer ? { authorization: `Bearer ${bearer}` } : {}),
  };
  const response = await fetch('/api/v1/doctor/session', {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/sdp' },
    body: offer,
    signal: AbortSignal.any([signal, AbortSignal.timeout(10_000)]),
  }).catch((error: unknown) => {
    if (signal.aborted) throw error;
    throw new Refusal('unavailable', "can't reach the Framelock server");
  });
  if (response.status !== 201) {
    const refused = errorBodySchema.safeParse(await response.json().catch(() => undefined));
    if (refused.success) throw new Refusal(refused.data.error.code, refused.data.error.message);
    throw new Refusal('internal', `the server answered ${response.status} to the test session`);
  }
  const location = response.headers.get('location');
  return {
    answer: await response.text(),
    iceServers: iceServersOfLink(response.headers.get('link')),
    close: async () => {
      if (location)
        await fetch(location, { method: 'DELETE', headers, keepalive: true, signal: AbortSignal.timeout(5_000) });
    },
  };
}
