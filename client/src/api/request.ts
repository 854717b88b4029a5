import { Refusal, refusalStatus, sessionRequestHeader, type RefusalCode } from '@framelock/server/protocol';
import type { z } from 'zod';
import { accessNeeded, accessToken } from './accessToken.ts';
import { ApiError, FramelockClient, type CallArguments, type Method, type PathsOf } from './FramelockClient.ts';

/** The server that the page came from, by the bearer or the session of this tab. */
const client = new FramelockClient({
  token: () => accessToken.value,
  headers: { [sessionRequestHeader]: '1' },
});

export interface PageOptions {
  /** false: what a page can do without. A 401 then is an error like others, and the app asks for no token. */
  needed?: boolean;
}
type PageArguments<M extends Method, P extends PathsOf<M>> =
  CallArguments<M, P> extends [infer Input]
    ? [input: Input & PageOptions]
    : [input?: CallArguments<M, P>[0] & PageOptions];

/**
 * One call of the API, as its document has it; the answer is looked at before a page gets it.
 * Rejects with a Refusal: the server's own, or `unavailable` when no server answers.
 */
export async function request<M extends Method, P extends PathsOf<M>, T extends z.ZodType>(
  method: M,
  path: P,
  schema: T,
  ...[input]: PageArguments<M, P>
): Promise<z.output<T>> {
  const call = client.request(method, path, ...([input] as CallArguments<M, P>));
  const answer: unknown = await call.catch((error: unknown) => {
    throw refusalOf(error, path, input?.needed);
  });
  const parsed = schema.safeParse(answer);
  if (parsed.success) return parsed.data;
  throw notUnderstood(path);
}

/** A file to keep, whatever it is. */
export async function requestFile<P extends PathsOf<'get'>>(
  path: P,
  ...[input]: PageArguments<'get', P>
): Promise<Blob> {
  try {
    return await (await client.raw('get', path, ...([input] as CallArguments<'get', P>))).blob();
  } catch (error) {
    throw refusalOf(error, path, false);
  }
}

/** The bytes of a picture at an address that the server gave, which `<img src>` could not send the bearer to. */
export function requestBlob(address: string, options: { signal?: AbortSignal } = {}): Promise<Blob> {
  // The client knows paths; this one came from it.
  return requestFile(address as '/api/v1/brands/export', options);
}

const notUnderstood = (path: string) =>
  new Refusal('internal', `the server's answer to ${path} is not understood; is it another version?`);

/** An ApiError as the pages know it; anything else, as what a signal was aborted with, as it is. */
function refusalOf(error: unknown, path: string, needed = true): unknown {
  if (!(error instanceof ApiError)) return error;
  const { status, code, message, details } = error;
  if (status === 0) return new Refusal('unavailable', "can't reach the Framelock server");
  if (status < 400) return notUnderstood(path);
  if (status === 401 && needed) accessNeeded.value = true;
  // A proxy in between answered (502, 503, 504 in HTML), or another server altogether.
  return new Refusal(Object.hasOwn(refusalStatus, code) ? (code as RefusalCode) : codeOf(status), message, details);
}

function codeOf(status: number): RefusalCode {
  const found = Object.entries(refusalStatus).find(([, value]) => value === status);
  return found ? (found[0] as RefusalCode) : status >= 502 ? 'unavailable' : 'internal';
}
