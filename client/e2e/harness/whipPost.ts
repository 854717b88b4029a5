/** A WHIP server's answer that OBS takes for a failure: anything but 201. */
export class WhipRefused extends Error {
  readonly status: number;
  readonly body: string;

  constructor(status: number, body: string) {
    super(`the WHIP server answered ${status}: ${body}`);
    this.status = status;
    this.body = body;
  }
}

export interface WhipResource {
  answer: string;
  /** The session's absolute URL. */
  url: string;
}

/** What OBS 32 names itself (generate_user_agent in whip-utils.h). */
export const obsUserAgent = 'Mozilla/5.0 (OBS-Studio/32.2.2; Linux x86_64; en-US)';
const timeoutMs = 8_000;

/** POST of an offer as OBS does it: exactly 201 with a body and a Location, which may be relative. */
export async function whipPost(whipUrl: string, bearer: string | undefined, offer: string): Promise<WhipResource> {
  const response = await fetch(whipUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/sdp', 'user-agent': obsUserAgent, ...authorization(bearer) },
    body: offer,
    signal: AbortSignal.timeout(timeoutMs),
  });
  const body = await response.text();
  if (response.status !== 201) throw new WhipRefused(response.status, body);
  if (body === '') throw new Error('201 without an answer');
  const location = response.headers.get('location');
  if (!location) throw new Error('201 without a Location');
  return { answer: body.slice(body.indexOf('v=0')), url: resolveAsObs(location, response.url) };
}

/** OBS puts a Location that does not begin with `http` in the place of the URL's path: it has to begin with `/`. */
function resolveAsObs(location: string, effectiveUrl: string): string {
  if (location.startsWith('http')) return location;
  if (!location.startsWith('/')) throw new Error(`OBS can't use the Location ${location}`);
  return new URL(location, effectiveUrl).href;
}

/** OBS warns unless the answer is 200. */
export async function whipDelete(url: string, bearer: string | undefined): Promise<number> {
  const response = await fetch(url, {
    method: 'DELETE',
    headers: { 'user-agent': obsUserAgent, ...authorization(bearer) },
    signal: AbortSignal.timeout(timeoutMs),
  });
  await response.arrayBuffer();
  return response.status;
}

function authorization(bearer: string | undefined): Record<string, string> {
  return bearer === undefined ? {} : { authorization: `Bearer ${bearer}` };
}
