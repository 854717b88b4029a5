import type { Context, MiddlewareHandler } from 'hono';
import type { Access } from '../access/Access.ts';
import { bearerOf } from '../access/secrets.ts';
import { Refusal, type Right } from '../protocol/index.ts';
import type { HttpContext } from './context.ts';
import { isForAnyOrigin } from './crossOrigin.ts';
import type { KeyedBuckets } from './KeyedBuckets.ts';

export const maxJsonBytes = 64 * 1024;

/** What the SPA needs and no more: its own scripts, WebAssembly (decoders, ONNX in later pages), blobs and sockets. */
const contentSecurityPolicy = [
  "default-src 'self'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' blob: data:",
  "media-src 'self' blob:",
  "connect-src 'self' ws: wss:",
  "worker-src 'self' blob:",
  "object-src 'none'",
  "base-uri 'self'",
  "form-action 'self'",
  "frame-ancestors 'self'",
].join('; ');

export const securityHeaders: MiddlewareHandler = async (context, next) => {
  await next();
  const { headers } = context.res;
  headers.set('X-Content-Type-Options', 'nosniff');
  headers.set('Referrer-Policy', 'same-origin');
  if (!headers.has('Content-Security-Policy')) headers.set('Content-Security-Policy', contentSecurityPolicy);
  headers.set('Cross-Origin-Opener-Policy', 'same-origin');
  // With the line above pages are cross-origin isolated, and WebAssembly has threads. All that they load is our own.
  headers.set('Cross-Origin-Embedder-Policy', 'require-corp');
  if (!headers.has('Cross-Origin-Resource-Policy')) headers.set('Cross-Origin-Resource-Policy', 'same-origin');
  headers.set('Permissions-Policy', 'camera=(self), microphone=(self), display-capture=(self)');
  if (!headers.has('Cache-Control')) headers.set('Cache-Control', 'no-store');
};

export const originCheck =
  (access: Access): MiddlewareHandler =>
  async (context, next) => {
    if (isForAnyOrigin(context.req.path)) return next();
    access.checkOrigin({ host: context.req.header('host'), origin: context.req.header('origin') });
    await next();
  };

type Asking = Pick<HttpContext, 'access' | 'callerOf'>;

/** The right to all Streams; `manage` then is also what belongs to no Stream. */
export const needs =
  ({ access, callerOf }: Asking, right: Right): MiddlewareHandler =>
  async (context, next) => {
    access.require(callerOf(context), right);
    await next();
  };

/** The right to the Stream that the path names as `id`. Who may not, learns not whether there is one. */
export const needsOfStream =
  ({ access, callerOf }: Asking, right: Right): MiddlewareHandler =>
  async (context, next) => {
    access.require(callerOf(context), right, context.req.param('id') ?? '');
    await next();
  };

/** Anybody the server knows, guests with a link excepted. */
export const membersOnly =
  ({ access, callerOf }: Asking): MiddlewareHandler =>
  async (context, next) => {
    access.requireMember(callerOf(context));
    await next();
  };

export const adminOnly =
  ({ access, callerOf }: Asking): MiddlewareHandler =>
  async (context, next) => {
    access.requireAdmin(callerOf(context));
    await next();
  };

export const nodesOnly =
  ({ access, callerOf }: Asking): MiddlewareHandler =>
  async (context, next) => {
    if (!access.isNode(bearerOf(context.req.header('authorization')))) {
      throw access.refusal({ ...callerOf(context), principal: undefined }, 'NODE_SECRET');
    }
    await next();
  };

/** For what costs something before it is known who asks. */
export const limited =
  (buckets: KeyedBuckets, addressOf: (context: Context) => string): MiddlewareHandler =>
  async (context, next) => {
    if (!buckets.take(addressOf(context))) {
      throw new Refusal('rateLimited', 'too many requests from this address: wait a little');
    }
    await next();
  };

/** Refuses what says that it is something else: a cross-site form can send text/plain without asking anybody. */
export const takes =
  (mediaType: string): MiddlewareHandler =>
  async (context, next) => {
    const type = context.req.header('content-type')?.split(';', 1)[0]?.trim().toLowerCase();
    if (type !== mediaType) throw new Refusal('unsupportedMediaType', `this takes ${mediaType}`);
    await next();
  };

/**
 * Refuses a longer body, and throws away what comes of it: one that was left half read would hold up whatever its
 * connection brings next, and the listener would end the connection for it half a second after it answered that it stays.
 */
export const atMost =
  (maxBytes: number): MiddlewareHandler =>
  async (context, next) => {
    const { req } = context;
    const tooLarge = () => new Refusal('tooLarge', `a body here has at most ${maxBytes} bytes`);
    if (req.header('transfer-encoding') === undefined) {
      // Not even looked at: then node:http discards it itself.
      if (Number(req.header('content-length') ?? 0) > maxBytes) throw tooLarge();
      return next();
    }
    const reader = req.raw.body?.getReader();
    if (!reader) return next();
    const pieces: Uint8Array[] = [];
    let bytes = 0;
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      bytes += read.value.length;
      if (bytes > maxBytes) {
        // Beside the answer; the listener sets the limit of time and bytes.
        void discard(reader);
        throw tooLarge();
      }
      pieces.push(read.value);
    }
    req.raw = new Request(req.raw, { body: Buffer.concat(pieces) });
    return next();
  };

async function discard(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  try {
    while (!(await reader.read()).done);
  } catch {
    // The connection ended, and the body with it.
  }
}
