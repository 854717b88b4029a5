import type { ReadableStream as WebStream } from 'node:stream/web';
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { Refusal, sourceFileListSchema, sourceFileSchema } from '../protocol/index.ts';
import { bytesBody, errors, json } from './answers.ts';
import type { HttpContext } from './context.ts';
import { needs } from './middleware.ts';

/** Types that a cross-site form can send without asking anybody. */
const formTypes = ['text/plain', 'multipart/form-data', 'application/x-www-form-urlencoded'];

/** The files that Sources of type `file` may play. */
export function addFileRoutes(app: OpenAPIHono, http: HttpContext): void {
  const { files, sources } = http;
  const admin = needs(http, 'manage');

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/files',
      summary: 'Files that a Source may play, by name',
      middleware: [admin],
      responses: { 200: json(sourceFileListSchema, 'the files'), ...errors(401, 403) },
    }),
    async (context) => context.json({ files: await files.list() }, 200),
  );

  app.openapi(
    createRoute({
      method: 'post',
      path: '/api/v1/files',
      summary: 'Upload a video file; the body is the file',
      description: 'Content-Type `application/octet-stream` or a video type. The answer says the name that it got.',
      middleware: [admin],
      request: { query: z.object({ name: z.string().min(1).max(500) }), body: bytesBody('application/octet-stream') },
      responses: { 201: json(sourceFileSchema, 'the file'), ...errors(400, 401, 403, 409, 413, 415, 422, 429) },
    }),
    async (context) => {
      const type = context.req.header('content-type')?.split(';', 1)[0]?.trim().toLowerCase();
      if (type !== undefined && formTypes.includes(type)) {
        throw new Refusal('unsupportedMediaType', 'the body is the file itself: send application/octet-stream');
      }
      const length = context.req.header('content-length');
      const file = await files.upload({
        name: context.req.valid('query').name,
        body: context.req.raw.body as WebStream<Uint8Array> | null,
        lengthBytes: length === undefined ? undefined : Number(length),
      });
      return context.json(file, 201);
    },
  );

  app.openapi(
    createRoute({
      method: 'delete',
      path: '/api/v1/files/{name}',
      summary: 'Delete a file',
      middleware: [admin],
      request: { params: z.object({ name: z.string().min(1).max(200) }) },
      responses: { 204: { description: 'deleted' }, ...errors(400, 401, 403, 404, 409) },
    }),
    async (context) => {
      const { name } = context.req.valid('param');
      const [user] = sources.usersOf(name);
      if (user !== undefined) {
        throw new Refusal('conflict', `the Source of Stream ${user} plays this file: remove that Source first`);
      }
      await files.delete(name);
      return context.body(null, 204);
    },
  );
}
