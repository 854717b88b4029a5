import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { MiddlewareHandler } from 'hono';
import { type EventKind, eventKindSchema, idSchema, Refusal } from '../protocol/index.ts';
import { errors } from './answers.ts';
import type { HttpContext } from './context.ts';

const query = z.object({
  streamId: idSchema.optional().describe('of this Stream only; without it, of all'),
  kind: z.string().max(500).optional().describe('one kind of event, or several with commas'),
});
const headers = z.object({
  'last-event-id': z
    .string()
    .max(300)
    .optional()
    .describe('`id` of the last event that was read: what was missed comes first'),
});

/** Events as they happen, for pages and programs: server-sent events (WHATWG HTML). */
export function addEventStreamRoutes(app: OpenAPIHono, http: HttpContext): void {
  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/events/stream',
      summary: 'Events as they happen, as server-sent events',
      description:
        'Each message is an event as `GET /api/v1/events` has it. With `Last-Event-ID`, which browsers send by ' +
        'themselves when they connect again, what was missed comes first, up to 1,000 events; some may come twice, with ' +
        'the same `id`. A message `event: lost` says that some were left out: `{"count": n}`, or null where nobody ' +
        'knows how many. The stream ends when the right to it does.',
      middleware: [watchersOnly(http)],
      request: { query, headers },
      responses: {
        200: {
          description: 'a message for each event, and a comment every 15 s',
          content: { 'text/event-stream': { schema: z.string() } },
        },
        ...errors(400, 401, 403, 429, 503),
      },
    }),
    (context) => {
      const { streamId, kind } = context.req.valid('query');
      // Proxies that gather what passes would hold events back.
      const headers = { 'Content-Type': 'text/event-stream', 'X-Accel-Buffering': 'no' };
      const kinds = kindsOf(kind);
      // Nobody would read what HEAD is answered without.
      if (context.req.raw.method === 'HEAD') return context.body(null, 200, headers) as never;
      const { ref } = http.callerOf(context).principal!;
      const body = http.events.feed.open({
        ...{ streamId, kinds, address: http.addressOf(context) },
        lastEventId: context.req.valid('header')['last-event-id'],
        stillMay: () => http.access.stillMay(ref, 'watch', streamId),
      });
      return context.body(body, 200, headers) as never;
    },
  );
}

const watchersOnly =
  ({ access, callerOf }: HttpContext): MiddlewareHandler =>
  async (context, next) => {
    access.require(callerOf(context), 'watch', context.req.query('streamId'));
    await next();
  };

function kindsOf(text: string | undefined): EventKind[] | undefined {
  if (text === undefined) return undefined;
  const kinds = z.array(eventKindSchema).min(1).safeParse(text.split(','));
  if (!kinds.success) throw new Refusal('badRequest', `kind: it is one of ${eventKindSchema.options.join(', ')}`);
  return kinds.data;
}
