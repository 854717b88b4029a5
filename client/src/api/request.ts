import {
  errorBodySchema,
  Refusal,
  refusalStatus,
  sessionRequestHeader,
  type RefusalCode,
} from '@framelock/server/protocol';
import type { z } from 'zod';
import { accessNeeded, accessToken } from './accessToken.ts';

const defaultTimeoutMs = 10_000;

export interface RequestOptions {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** JSON, or a Blob or a form sent as it is. */
  body?: unknown;
  signal?: AbortSignal;
  /** Statuses that are answers and not errors (`/readyz` says 503 with a body). */
  accept?: number[];
  /** false: what a page can do without. A 401 then is an error like others, and the app asks for no token. */
  needed?: boolean;
  timeoutMs?: number;
}

/** Rejects with a Refusal: the server's own, or `unavailable` when no server answers. */
export async function request<T extends z.ZodType>(
  path: string,
  schema: T,
  options: RequestOptions = {},
): Promise<z.output<T>> {
  const response = await send(path, options);
  if (!response.ok && !options.accept?.includes(response.status)) throw await refusalFrom(response, options.needed);
  const body: unknown = response.status === 204 ? undefined : await response.json().catch(() => undefined);
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw new Refusal('internal', `the server's answer to ${path} is not understood; is it another version?`);
}

/** The bytes of a picture that may need the bearer, which `<img src>` cannot send. */
export async function requestBlob(
  path: string,
  options: Pick<RequestOptions, 'signal' | 'timeoutMs'> = {},
): Promise<Blob> {
  const response = await send(path, options);
  if (!response.ok) throw await refusalFrom(response, false);
  return response.blob();
}

async function send(path: string, options: RequestOptions): Promise<Response> {
  const { method = 'GET', body, signal, timeoutMs = defaultTimeoutMs } = options;
  const headers: Record<string, string> = { accept: 'application/json', [sessionRequestHeader]: '1' };
  if (accessToken.value) headers['authorization'] = `Bearer ${accessToken.value}`;
  const isRaw = body instanceof Blob || body instanceof FormData;
  // A form's type has a boundary in it that only the browser knows.
  if (body !== undefined && !(body instanceof FormData)) {
    headers['content-type'] = body instanceof Blob ? body.type : 'application/json';
  }
  const limit = AbortSignal.timeout(timeoutMs);
  try {
    return await fetch(path, {
      method,
      headers,
      body: body === undefined ? null : isRaw ? body : JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
      cache: 'no-store',
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Refusal('unavailable', "can't reach the Framelock server");
  }
}

async function refusalFrom(response: Response, needed = true): Promise<Refusal> {
  if (response.status === 401 && needed) accessNeeded.value = true;
  const parsed = errorBodySchema.safeParse(await response.json().catch(() => undefined));
  if (parsed.success) return new Refusal(parsed.data.error.code, parsed.data.error.message, parsed.data.error.details);
  // A proxy in between answered (502, 503, 504 in HTML), or another server altogether.
  return new Refusal(codeOf(response.status), `the server answered ${response.status}`);
}

function codeOf(status: number): RefusalCode {
  const found = Object.entries(refusalStatus).find(([, value]) => value === status);
  return found ? (found[0] as RefusalCode) : status >= 502 ? 'unavailable' : 'internal';
}
