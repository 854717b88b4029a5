import type { StreamRow } from '@framelock/db';
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { Caller } from '../access/Access.ts';
import {
  changeStreamSchema,
  createdStreamSchema,
  createStreamSchema,
  idSchema,
  Refusal,
  setModelSchema,
  streamDetailSchema,
  streamListSchema,
  streamViewSchema,
} from '../protocol/index.ts';
import { maxPosterBytes } from '../streams/PosterStore.ts';
import { bytesBody, errors, json } from './answers.ts';
import type { HttpContext } from './context.ts';
import { atMost, maxJsonBytes, needs, needsOfStream, takes } from './middleware.ts';
import { originOfRequest, streamView } from './streamView.ts';

const params = z.object({ id: idSchema });
const jsonBody = <T extends z.ZodType>(schema: T) => ({
  required: true,
  content: { 'application/json': { schema } },
});

export function addStreamRoutes(app: OpenAPIHono, http: HttpContext): void {
  const { access, callerOf, streams } = http;
  const manager = needsOfStream(http, 'manage');
  const takesJson = [takes('application/json'), atMost(maxJsonBytes)] as const;

  app.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/streams',
      summary: 'Create a Stream',
      middleware: [needs(http, 'manage'), ...takesJson],
      request: { body: jsonBody(createStreamSchema) },
      responses: { 201: json(createdStreamSchema, 'the Stream and its key'), ...errors(400, 401, 403, 413, 415) },
    }),
    async (context) => {
      const row = await streams.create(context.req.valid('json').name);
      const view = streamView(row, http, originOfRequest(context));
      return context.json({ ...view, streamKey: row.streamKey }, 201, { Location: `/api/v1/streams/${row.id}` });
    },
  );

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/streams',
      summary: 'All Streams that one has a right to, oldest first',
      responses: { 200: json(streamListSchema, 'the Streams'), ...errors(401, 403) },
    }),
    async (context) => {
      const base = originOfRequest(context);
      const caller = callerOf(context);
      if (!caller.principal) throw access.refusal(caller, 'a right to a Stream');
      const rows = (await streams.list()).filter(({ id }) => hasRight(caller, id));
      return context.json({ streams: rows.map((row) => streamView(row, http, base)) }, 200);
    },
  );

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/streams/{id}',
      summary: 'One Stream; with its key for who may publish it',
      request: { params },
      responses: { 200: json(streamDetailSchema, 'the Stream'), ...errors(400, 401, 403, 404) },
    }),
    async (context) => {
      const { row, mayPublish } = await seenBy(context);
      const view = streamView(row, http, originOfRequest(context));
      const whipRefusal = (mayPublish && http.whip.refusals.of(row.id)) || null;
      return context.json({ ...view, ...(mayPublish ? { streamKey: row.streamKey } : {}), whipRefusal }, 200);
    },
  );

  app.openapi(
    createRoute({
      method: 'patch',
      path: '/api/v1/streams/{id}',
      summary: 'Change name, HLS, delivery and recording of a Stream',
      description: 'What is not named stays as it is. While the Stream is live the change happens at once.',
      middleware: [manager, ...takesJson],
      request: { params, body: jsonBody(changeStreamSchema) },
      responses: { 200: json(streamViewSchema, 'the Stream'), ...errors(400, 401, 403, 404, 413, 415) },
    }),
    async (context) => {
      const row = await streams.change(context.req.valid('param').id, context.req.valid('json'));
      http.recordings.settingsChanged();
      return context.json(streamView(row, http, originOfRequest(context)), 200);
    },
  );

  app.openapi(
    createRoute({
      method: 'delete',
      path: '/api/v1/streams/{id}',
      summary: 'Delete a Stream; ends its Publication',
      description: 'Its Recordings stay, under its last name and for as long as its settings kept them.',
      middleware: [manager],
      request: { params },
      responses: { 204: { description: 'deleted' }, ...errors(400, 401, 403, 404) },
    }),
    async (context) => {
      const { id } = context.req.valid('param');
      await streams.delete(id);
      http.sources.streamDeleted(id);
      return context.body(null, 204);
    },
  );

  app.openapi(
    createRoute({
      method: 'put',
      path: '/api/v1/streams/{id}/model',
      summary: 'Choose the Model of a Stream; null = the default',
      description:
        'While the Stream is live the change happens at once. A model that cannot run leaves the other one be.',
      middleware: [manager, ...takesJson],
      request: { params, body: jsonBody(setModelSchema) },
      responses: { 200: json(streamViewSchema, 'the Stream'), ...errors(400, 401, 403, 404, 409, 413, 415, 422, 503) },
    }),
    async (context) => {
      const row = await streams.setModel(context.req.valid('param').id, context.req.valid('json').modelId);
      return context.json(streamView(row, http, originOfRequest(context)), 200);
    },
  );

  app.openapi(
    createRoute({
      method: 'delete',
      path: '/api/v1/streams/{id}/publication',
      summary: 'Stop who publishes now; a Source is removed. For who may publish',
      request: { params },
      responses: { 204: { description: 'nobody publishes any more' }, ...errors(400, 401, 403, 404) },
    }),
    async (context) => {
      const row = await publishedBy(context);
      if (http.sources.viewOf(row.id)) await http.sources.remove(row.id);
      streams.live(row.id)?.stopPublisher();
      return context.body(null, 204);
    },
  );

  app.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/streams/{id}/poster',
      summary: 'Set the picture of a live Stream (JPEG, at most 200 KiB); for its publisher',
      middleware: [takes('image/jpeg'), atMost(maxPosterBytes)],
      request: { params, body: bytesBody('image/jpeg') },
      responses: { 204: { description: 'taken' }, ...errors(400, 401, 403, 404, 409, 413, 415) },
    }),
    async (context) => {
      const row = await publishedBy(context);
      const jpeg = new Uint8Array(await context.req.arrayBuffer());
      if (!streams.live(row.id)?.publication) throw new Refusal('conflict', 'only a live Stream has a poster');
      streams.posters.set(row.id, jpeg);
      return context.body(null, 204);
    },
  );

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/streams/{id}/poster',
      summary: 'The picture of a live Stream',
      request: { params },
      responses: {
        200: { description: 'JPEG', content: { 'image/jpeg': { schema: z.string().openapi({ format: 'binary' }) } } },
        304: { description: 'not changed' },
        ...errors(400, 401, 403, 404),
      },
    }),
    async (context) => {
      const { row } = await seenBy(context);
      const poster = streams.posters.get(row.id);
      if (!poster) throw new Refusal('notFound', 'this Stream has no picture just now');
      const headers = { ETag: `"${poster.version}"`, 'Cache-Control': 'private, no-cache' };
      if (context.req.header('if-none-match') === headers.ETag) return context.body(null, 304, headers);
      return context.body(poster.jpeg, 200, { ...headers, 'Content-Type': 'image/jpeg' });
    },
  );

  function hasRight(caller: Caller, id: string): boolean {
    return access.may(caller, 'watch', id) || access.may(caller, 'publish', id);
  }

  /** The row, for who has any right to it, or its key. Who has none learns not whether there is one. */
  async function seenBy(context: Context): Promise<{ row: StreamRow; mayPublish: boolean }> {
    const id = context.req.param('id') ?? '';
    const caller = callerOf(context);
    const row = await streams.find(id);
    const mayPublish = access.mayPublish(caller, id, row?.streamKey);
    if (!mayPublish && !hasRight(caller, id)) throw access.refusal(caller, 'a right to this Stream, or its key');
    if (!row) throw new Refusal('notFound', 'there is no such Stream');
    return { row, mayPublish };
  }

  async function publishedBy(context: Context): Promise<StreamRow> {
    const id = context.req.param('id') ?? '';
    const row = await streams.find(id);
    access.requirePublisher(callerOf(context), id, row?.streamKey);
    if (!row) throw new Refusal('notFound', 'there is no such Stream');
    return row;
  }
}
