import type { MiddlewareHandler } from 'hono';

/** WHIP and WHEP: players and publishers of any page may use them, since each request brings its bearer itself. */
export const isForAnyOrigin = (path: string): boolean => /^\/wh[ie]p\//.test(path);

const exposed = 'Location, Link, ETag, Accept-Patch, Accept-Post, Allow, Retry-After, WWW-Authenticate';

/** CORS on every answer, errors as well: a page that may not read a refusal can't say what to do. */
export const crossOrigin: MiddlewareHandler = async (context, next) => {
  await next();
  const { headers } = context.res;
  headers.set('Access-Control-Allow-Origin', '*');
  headers.set('Access-Control-Expose-Headers', exposed);
  headers.set('Cross-Origin-Resource-Policy', 'cross-origin');
  if (context.req.method !== 'OPTIONS') return;
  headers.set('Access-Control-Allow-Methods', headers.get('Allow') ?? '');
  headers.set('Access-Control-Allow-Headers', 'Authorization, Content-Type, If-Match, Accept');
  headers.set('Access-Control-Max-Age', '86400');
};
