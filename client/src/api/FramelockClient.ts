import type { paths } from './generated/api.ts';

export type { components, operations, paths } from './generated/api.ts';

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';
/** Paths of the API that take this method. */
export type PathsOf<M extends Method> = {
  [P in keyof paths]: paths[P][M] extends { responses: unknown } ? P : never;
}[keyof paths];

type Operation<M extends Method, P extends keyof paths> = Exclude<paths[P][M], undefined>;
type Part<O, K extends string> = O extends { parameters: { [k in K]?: infer V } } ? Exclude<V, undefined> : never;
/** `{path}` where the path has parameters, `{query?}` where none of it is required, and so on. */
type Given<K extends string, V> = [V] extends [never]
  ? { [k in K]?: undefined }
  : Partial<V> extends V
    ? { [k in K]?: V }
    : { [k in K]: V };
type BodyOf<C> = C extends { 'application/json': infer J }
  ? J | Blob
  : C extends { 'multipart/form-data': unknown }
    ? FormData
    : Blob | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | string;
type Body<O> = O extends { requestBody: { content: infer C } } ? { body: BodyOf<C> } : { body?: undefined };

export interface CallOptions {
  signal?: AbortSignal;
  /** For the whole of it, the answer's body included; ends as an ApiError `timeout`. `Infinity`: never. */
  timeoutMs?: number;
  headers?: Record<string, string>;
  /** Of a POST of bytes, where the API takes more than one. */
  contentType?: string;
  /** Statuses that are answers and not errors (`/readyz` says 503 with a body). */
  accept?: readonly number[];
}
/** What a call of this operation has to say. */
export type CallInput<M extends Method, P extends keyof paths> = Given<'path', Part<Operation<M, P>, 'path'>> &
  Given<'query', Part<Operation<M, P>, 'query'>> &
  Body<Operation<M, P>> &
  CallOptions;
/** Left out where nothing of it is required. */
export type CallArguments<M extends Method, P extends keyof paths> =
  Partial<CallInput<M, P>> extends CallInput<M, P> ? [input?: CallInput<M, P>] : [input: CallInput<M, P>];

type Content<R> = R extends { content: infer C }
  ? C extends { 'application/json': infer J }
    ? J
    : C extends Record<`text/${string}` | `application/sdp` | `application/vnd.${string}`, unknown>
      ? string
      : keyof C extends `text/${string}`
        ? string
        : Blob
  : undefined;
/** What this operation answers: JSON as it is, text as a string, anything else as a Blob, 204 as undefined. */
export type AnswerOf<M extends Method, P extends keyof paths> =
  Operation<M, P> extends { responses: infer R }
    ? { [S in keyof R]: S extends 200 | 201 | 202 | 204 ? Content<R[S]> : never }[keyof R]
    : never;

/**
 * What the server refused, with its own `code` and words. `unavailable` with status 0: no server answers. `timeout`: not in
 * time. `notUnderstood`: what answers is not Framelock, or a proxy in between that has an error of its own.
 */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly details: unknown;
  /** When to try again, where the server said so. */
  readonly retryAfterS: number | undefined;

  constructor(facts: { status: number; code: string; message: string; details?: unknown; retryAfterS?: number }) {
    super(facts.message);
    this.name = 'ApiError';
    this.status = facts.status;
    this.code = facts.code;
    this.details = facts.details;
    this.retryAfterS = facts.retryAfterS;
  }
}

export interface FramelockClientOptions {
  /** `https://framelock.example`; nothing = the page's own. */
  url?: string;
  /** An API token, admin token, token of a share link, or stream key. A function is asked before each call. */
  token?: string | (() => string | undefined);
  /** With each call. */
  headers?: Record<string, string>;
  timeoutMs?: number;
  fetch?: typeof fetch;
}

type AnyInput = CallOptions & {
  path?: object | undefined;
  query?: object | undefined;
  body?: unknown;
};

const defaultTimeoutMs = 10_000;

/**
 * The HTTP API, typed by its OpenAPI document. No dependency: this file and `generated/api.ts` run wherever there is
 * `fetch`. Every method rejects with an ApiError, or with the reason of its `signal`.
 */
export class FramelockClient {
  readonly #options: FramelockClientOptions;

  constructor(options: FramelockClientOptions = {}) {
    this.#options = options;
  }

  get<P extends PathsOf<'get'>>(path: P, ...[input]: CallArguments<'get', P>): Promise<AnswerOf<'get', P>> {
    return this.#call('get', path, input as AnyInput);
  }

  post<P extends PathsOf<'post'>>(path: P, ...[input]: CallArguments<'post', P>): Promise<AnswerOf<'post', P>> {
    return this.#call('post', path, input as AnyInput);
  }

  put<P extends PathsOf<'put'>>(path: P, ...[input]: CallArguments<'put', P>): Promise<AnswerOf<'put', P>> {
    return this.#call('put', path, input as AnyInput);
  }

  patch<P extends PathsOf<'patch'>>(path: P, ...[input]: CallArguments<'patch', P>): Promise<AnswerOf<'patch', P>> {
    return this.#call('patch', path, input as AnyInput);
  }

  delete<P extends PathsOf<'delete'>>(path: P, ...[input]: CallArguments<'delete', P>): Promise<AnswerOf<'delete', P>> {
    return this.#call('delete', path, input as AnyInput);
  }

  /** Any of the above, by its method. */
  request<M extends Method, P extends PathsOf<M>>(
    method: M,
    path: P,
    ...[input]: CallArguments<M, P>
  ): Promise<AnswerOf<M, P>> {
    return this.#call(method, path, input as AnyInput);
  }

  /** The Response itself, for what is read while it comes or is not worth a string: files, server-sent events. */
  raw<M extends Method, P extends PathsOf<M>>(method: M, path: P, ...[input]: CallArguments<M, P>): Promise<Response> {
    return this.#send(method, path, (input ?? {}) as AnyInput);
  }

  async #call<A>(method: Method, path: string, input: AnyInput = {}): Promise<A> {
    const response = await this.#send(method, path, input);
    try {
      return (await contentOf(response)) as A;
    } catch (error) {
      if (error instanceof ApiError) throw error;
      throw this.#lost(error, input);
    }
  }

  async #send(method: Method, path: string, input: AnyInput): Promise<Response> {
    const { url = '', token, fetch: send = fetch } = this.#options;
    const bearer = typeof token === 'function' ? token() : token;
    const headers: Record<string, string> = { accept: 'application/json, */*', ...this.#options.headers };
    if (bearer) headers.authorization = `Bearer ${bearer}`;
    const { body, type } = bodyOf(input);
    if (type) headers['content-type'] = type;
    const timeoutMs = input.timeoutMs ?? this.#options.timeoutMs ?? defaultTimeoutMs;
    const signals = [input.signal, Number.isFinite(timeoutMs) ? AbortSignal.timeout(timeoutMs) : undefined];
    const init: RequestInit & { duplex?: 'half' } = {
      method: method.toUpperCase(),
      headers: { ...headers, ...input.headers },
      signal: AbortSignal.any(signals.filter((one) => one !== undefined)),
      cache: 'no-store',
    };
    if (body !== undefined) init.body = body;
    // What is sent while it is read; fetch wants to be told.
    if (body instanceof ReadableStream) init.duplex = 'half';
    const response = await send(url.replace(/\/$/, '') + addressOf(path, input), init).catch((error: unknown) => {
      throw this.#lost(error, input);
    });
    if (response.ok || input.accept?.includes(response.status)) return response;
    throw await errorOf(response);
  }

  #lost(error: unknown, { signal }: CallOptions): unknown {
    if (signal?.aborted) return error;
    const isLate = error instanceof DOMException && error.name === 'TimeoutError';
    if (isLate) return new ApiError({ status: 0, code: 'timeout', message: 'the server did not answer in time' });
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : '';
    const where = this.#options.url ? ` at ${this.#options.url}` : '';
    const message = `can't reach the Framelock server${where}${cause && `: ${cause}`}`;
    return new ApiError({ status: 0, code: 'unavailable', message });
  }
}

/** `/api/v1/streams/{id}` and its parameters -> path and query as they are sent. */
function addressOf(path: string, input: AnyInput): string {
  const values = (input.path ?? {}) as Record<string, unknown>;
  const query = (input.query ?? {}) as Record<string, unknown>;
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(values[name])));
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return search ? `${filled}?${search}` : filled;
}

function bodyOf({ body, contentType }: AnyInput): { body?: BodyInit; type?: string } {
  if (body === undefined) return {};
  // A form's type has a boundary in it that only fetch knows.
  if (body instanceof FormData) return { body };
  if (body instanceof Blob) return { body, type: contentType ?? (body.type || 'application/octet-stream') };
  if (body instanceof Uint8Array || body instanceof ReadableStream || (contentType && typeof body === 'string')) {
    return { body: body as BodyInit, type: contentType ?? 'application/octet-stream' };
  }
  return { body: JSON.stringify(body), type: contentType ?? 'application/json' };
}

async function contentOf(response: Response): Promise<unknown> {
  if (response.status === 204 || response.status === 202) return undefined;
  const type = response.headers.get('content-type')?.split(';', 1)[0] ?? '';
  if (/^application\/(?:.+\+)?json$/.test(type)) {
    const text = await response.text();
    try {
      return JSON.parse(text);
    } catch {
      throw new ApiError({ status: response.status, code: 'notUnderstood', message: 'the answer is no JSON' });
    }
  }
  return /^text\/|sdp|mpegurl/.test(type) ? response.text() : response.blob();
}

async function errorOf(response: Response): Promise<ApiError> {
  const { status } = response;
  const retryAfterS = Number(response.headers.get('retry-after') ?? NaN);
  const later = Number.isFinite(retryAfterS) ? { retryAfterS } : {};
  const body = (await response.json().catch(() => undefined)) as { error?: Partial<ApiError> } | undefined;
  const { code, message, details } = body?.error ?? {};
  if (typeof code === 'string' && typeof message === 'string') {
    return new ApiError({ status, code, message, details, ...later });
  }
  const gateway = status >= 502 && status <= 504;
  const words = `the server answered ${status}`;
  return new ApiError({ status, code: gateway ? 'unavailable' : 'notUnderstood', message: words, ...later });
}
