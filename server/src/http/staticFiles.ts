import { createReadStream, existsSync } from 'node:fs';
import { readFile, realpath, stat } from 'node:fs/promises';
import { extname, join, sep } from 'node:path';
import { Readable } from 'node:stream';
import type { Context } from 'hono';
import { html } from 'hono/html';

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.webp': 'image/webp',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.wasm': 'application/wasm',
  '.onnx': 'application/octet-stream',
  '.txt': 'text/plain; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
};

/** Paths that the SPA's router knows. */
const pages = [
  /^\/$/,
  /^\/publish\/[^/]+$/,
  /^\/watch\/[^/]+$/,
  /^\/recordings(?:\/[^/]+)?$/,
  /^\/streams\/[^/]+(?:\/(?:exposure|history))?$/,
  /^\/history$/,
  /^\/alerts$/,
  /^\/brands$/,
  /^\/models$/,
  /^\/markers$/,
  /^\/system$/,
  /^\/access$/,
];

/** Where programs ask, not people: what is not there is said in JSON. */
const notForPages = /^\/(?:api|assets|hls|internal|metrics|whep|whip|ws)(?:\/|$)/;

/** vite's hashed names: their content never changes. */
const immutable = /^\/assets\/.+-[A-Za-z0-9_-]{8,}\.\w+$/;

/** Serves the built client; undefined where nothing is at that path. */
export async function serveClient(context: Context, clientDist: string): Promise<Response | undefined> {
  let path: string;
  try {
    path = decodeURIComponent(context.req.path);
  } catch {
    return undefined;
  }
  if (path.includes('\0')) return undefined;
  if (pages.some((page) => page.test(path))) return servePage(context, clientDist);
  const file = await fileInside(clientDist, path);
  if (!file) return isLostPerson(context, path) ? servePage(context, clientDist, 404) : undefined;
  const headers = {
    'Content-Type': types[extname(file.path).toLowerCase()] ?? 'application/octet-stream',
    'Content-Length': `${file.size}`,
    'Cache-Control': immutable.test(path) ? 'public, max-age=31536000, immutable' : 'no-cache',
  };
  if (context.req.method === 'HEAD') return context.body(null, 200, headers);
  return context.body(Readable.toWeb(createReadStream(file.path)) as ReadableStream, 200, headers);
}

/** A mistyped address in a browser: the SPA has a page that says so. */
function isLostPerson(context: Context, path: string): boolean {
  return !notForPages.test(path) && (context.req.header('accept') ?? '').includes('text/html');
}

/** Symbolic links are followed first, so that neither `..` nor a link leads out of the folder. */
async function fileInside(root: string, path: string): Promise<{ path: string; size: number } | undefined> {
  try {
    const folder = await realpath(root);
    const real = await realpath(join(folder, path));
    if (!real.startsWith(folder + sep)) return undefined;
    const { size } = await stat(real).then((found) => (found.isFile() ? found : Promise.reject(new Error('no file'))));
    return { path: real, size };
  } catch {
    return undefined;
  }
}

async function servePage(context: Context, clientDist: string, status: 200 | 404 = 200): Promise<Response> {
  const index = join(clientDist, 'index.html');
  if (existsSync(index)) return context.html(await readFile(index, 'utf8'), status, { 'Cache-Control': 'no-cache' });
  return context.html(
    html`<!doctype html>
      <html lang="en">
        <head>
          <meta charset="utf-8" />
          <title>Framelock: not built yet</title>
        </head>
        <body style="font: 16px/1.5 system-ui; max-width: 40rem; margin: 4rem auto; padding: 0 1rem">
          <h1>The pages are not built yet</h1>
          <p>The server runs, but there is no client in <code>${clientDist}</code>.</p>
          <p>
            <code>npm start</code> builds it; by hand: <code>pnpm --filter @framelock/client build</code>. The API works
            meanwhile: <a href="/api/docs">/api/docs</a>.
          </p>
        </body>
      </html>`,
    503,
  );
}
