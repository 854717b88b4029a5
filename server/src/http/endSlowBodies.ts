import type { IncomingMessage, Server } from 'node:http';

/**
 * In place of `http.requestTimeout`, which knows no exceptions: a body has to be whole within `withinMs`, except where
 * `isUpload` says that it takes as long as it takes and its reader watches over it.
 */
export function endSlowBodies(http: Server, withinMs: number, isUpload: (request: IncomingMessage) => boolean): void {
  http.requestTimeout = 0;
  http.on('request', (request: IncomingMessage) => {
    if (request.complete || isUpload(request)) return;
    const timer = setTimeout(() => {
      if (!request.complete) request.destroy();
    }, withinMs);
    timer.unref();
    for (const event of ['end', 'close']) request.once(event, () => clearTimeout(timer));
  });
}
