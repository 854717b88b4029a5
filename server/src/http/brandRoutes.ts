import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { MiddlewareHandler } from 'hono';
import { readGalleryFile } from '../brands/GalleryFileReader.ts';
import {
  brandListSchema,
  brandViewSchema,
  changeBrandSchema,
  galleryFileSchema,
  gallerySchema,
  idSchema,
  importResultSchema,
  parseOrRefuse,
  Refusal,
} from '../protocol/index.ts';
import { errors, json } from './answers.ts';
import { brandFormSchema, maxFormBytes, readImages, readName } from './brandForm.ts';
import { brandView } from './brandView.ts';
import type { HttpContext } from './context.ts';
import { atMost, maxJsonBytes, needs, takes } from './middleware.ts';

const path = '/api/v1/brands';
/** Each holds its whole body. */
const maxFormsAtOnce = 4;
const params = z.object({ id: idSchema });
const imageParams = z.object({ id: idSchema, imageId: idSchema });
const listQuery = z.object({
  query: z.string().max(100).optional().describe('part of the name'),
  origin: z.enum(['bundled', 'own']).optional(),
  enabled: z.enum(['true', 'false']).optional(),
  offset: z.coerce.number().int().min(0).max(1_000_000).default(0),
  limit: z.coerce.number().int().min(1).max(500).default(100),
});

/** The gallery: brands that are recognised, their images, and what pages and other servers take of it. */
export function addBrandRoutes(app: OpenAPIHono, http: HttpContext): void {
  const { brands } = http;
  const admin = needs(http, 'manage');
  const watcher = needs(http, 'watch');

  app.openapi(
    createRoute({
      method: 'get',
      path,
      summary: 'Brands, own ones first, then by name',
      middleware: [watcher],
      request: { query: listQuery },
      responses: { 200: json(brandListSchema, 'one page'), ...errors(400, 401, 403) },
    }),
    async (context) => {
      const { query, origin, enabled, offset, limit } = context.req.valid('query');
      const part = query?.trim().normalize('NFC').toLowerCase() ?? '';
      const all = await brands.sorted();
      const fit = all.filter(
        (brand) =>
          brand.name.toLowerCase().includes(part) &&
          (origin === undefined || brand.origin === origin) &&
          (enabled === undefined || brand.enabled === (enabled === 'true')),
      );
      const page = fit.slice(offset, offset + limit);
      return context.json(
        {
          brands: page.map((brand) => brandView(brand, brands)),
          total: fit.length,
          recognised: brands.counts().get('ready')!,
          model: brands.answering,
        },
        200,
      );
    },
  );

  addExchangeRoutes(app, http, { admin, watcher });
  addFormRoutes(app, http, admin);

  app.openapi(
    createRoute({
      method: 'get',
      path: `${path}/{id}`,
      summary: 'One brand',
      middleware: [watcher],
      request: { params },
      responses: { 200: json(brandViewSchema, 'the brand'), ...errors(400, 401, 403, 404) },
    }),
    async (context) => context.json(brandView(await brands.get(context.req.valid('param').id), brands), 200),
  );

  app.openapi(
    createRoute({
      method: 'patch',
      path: `${path}/{id}`,
      summary: 'Change name and threshold of a brand, or switch it on and off',
      description: 'What is not named stays as it is. Running analyses follow within two seconds.',
      middleware: [admin, takes('application/json'), atMost(maxJsonBytes)],
      request: { params, body: { required: true, content: { 'application/json': { schema: changeBrandSchema } } } },
      responses: { 200: json(brandViewSchema, 'the brand'), ...errors(400, 401, 403, 404, 409, 413, 415) },
    }),
    async (context) => {
      const { id } = context.req.valid('param');
      await brands.edits.change(id, context.req.valid('json'));
      return context.json(brandView(await brands.get(id), brands), 200);
    },
  );

  app.openapi(
    createRoute({
      method: 'delete',
      path: `${path}/{id}`,
      summary: 'Delete an own brand with its images',
      description: 'One that comes with the model can only be switched off.',
      middleware: [admin],
      request: { params },
      responses: { 204: { description: 'deleted' }, ...errors(400, 401, 403, 404, 409) },
    }),
    async (context) => {
      await brands.edits.delete(context.req.valid('param').id);
      return context.body(null, 204);
    },
  );

  app.openapi(
    createRoute({
      method: 'get',
      path: `${path}/{id}/images/{imageId}`,
      summary: 'An image of a brand: PNG, or the SVG that comes with the model',
      middleware: [watcher],
      request: { params: imageParams },
      responses: {
        200: {
          description: 'the image',
          content: { 'image/png': { schema: z.string().openapi({ format: 'binary' }) } },
        },
        ...errors(400, 401, 403, 404),
      },
    }),
    async (context) => {
      const { id, imageId } = context.req.valid('param');
      const image = await brands.image(id, imageId);
      // Of a model's next version the drawing is another one under the same name.
      const lasts = image.mediaType === 'image/png' ? 'private, max-age=31536000, immutable' : 'private, max-age=300';
      return context.body(new Uint8Array(image.bytes), 200, {
        'Content-Type': image.mediaType,
        'Cache-Control': lasts,
        ETag: `"${image.sha256}"`,
        // Opened by itself an SVG is a document: one that may do nothing.
        'Content-Security-Policy': "default-src 'none'; sandbox",
      });
    },
  );

  app.openapi(
    createRoute({
      method: 'delete',
      path: `${path}/{id}/images/{imageId}`,
      summary: 'Delete an image of an own brand; not its last one',
      middleware: [admin],
      request: { params: imageParams },
      responses: { 200: json(brandViewSchema, 'the brand'), ...errors(400, 401, 403, 404, 409) },
    }),
    async (context) => {
      const { id, imageId } = context.req.valid('param');
      await brands.edits.deleteImage(id, imageId);
      return context.json(brandView(await brands.get(id), brands), 200);
    },
  );
}

/** What goes to other servers and comes from them, and what pages recognise by. Before `/{id}`: these are no ids. */
function addExchangeRoutes(
  app: OpenAPIHono,
  { access, callerOf, brands, streams }: HttpContext,
  { admin, watcher }: Record<'admin' | 'watcher', MiddlewareHandler>,
): void {
  app.openapi(
    createRoute({
      method: 'get',
      path: `${path}/gallery`,
      summary: 'The gallery as a page recognises by it',
      description: 'For who may watch all Streams; with `streamId` for who may watch or publish that one.',
      request: { query: z.object({ streamId: idSchema.optional() }) },
      responses: {
        200: json(gallerySchema, 'the gallery'),
        304: { description: 'the one that `If-None-Match` names' },
        ...errors(400, 401, 403, 404, 503),
      },
    }),
    async (context) => {
      const caller = callerOf(context);
      const { streamId } = context.req.valid('query');
      if (streamId === undefined) access.require(caller, 'watch');
      else if (!access.may(caller, 'watch', streamId)) {
        access.requirePublisher(caller, streamId, (await streams.find(streamId))?.streamKey);
      }
      const gallery = await brands.gallery();
      const etag = `"${gallery.revision}-${gallery.modelSha256.slice(0, 16)}"`;
      context.header('ETag', etag);
      context.header('Cache-Control', 'private, no-cache');
      if (context.req.header('if-none-match')?.includes(etag)) return context.body(null, 304);
      return context.json(gallery, 200);
    },
  );

  app.openapi(
    createRoute({
      method: 'get',
      path: `${path}/export`,
      summary: 'Own brands with their images, as one file',
      middleware: [watcher],
      responses: { 200: json(galleryFileSchema, 'what `import` takes'), ...errors(401, 403) },
    }),
    (context) => {
      const name = `framelock-gallery-${new Date().toISOString().slice(0, 10)}.json`;
      context.header('Content-Disposition', `attachment; filename="${name}"`);
      context.header('Content-Type', 'application/json');
      const body = ReadableStream.from(brands.edits.export()).pipeThrough(new TextEncoderStream());
      return context.body(body as ReadableStream<Uint8Array<ArrayBuffer>>) as never;
    },
  );

  app.openAPIRegistry.registerPath({
    method: 'post',
    path: `${path}/import`,
    summary: 'Take in own brands of an exported file',
    description:
      'However large: brand by brand, each at most 64 MiB. What is there already with the same name and images stays. ' +
      'Of a file that ends too soon what came before is taken in.',
    request: { body: { required: true, content: { 'application/json': { schema: galleryFileSchema } } } },
    responses: { 200: json(importResultSchema, 'what became of them'), ...errors(400, 401, 403, 413, 415, 429) },
  });
  // Brand by brand while it comes in: an export of any size is taken.
  app.post(`${path}/import`, admin, takes('application/json'), async (context) =>
    context.json(await brands.edits.import(readGalleryFile(context.req.raw.body)), 200),
  );
}

/** Multipart bodies, which are read by hand: one schema can't say what a field of several files is. */
function addFormRoutes(app: OpenAPIHono, { brands }: HttpContext, admin: MiddlewareHandler): void {
  let forms = 0;
  const fewAtOnce: MiddlewareHandler = async (_, next) => {
    if (forms >= maxFormsAtOnce) throw new Refusal('rateLimited', 'too many uploads at once: try again in a moment');
    forms++;
    try {
      await next();
    } finally {
      forms--;
    }
  };
  const form = [admin, takes('multipart/form-data'), fewAtOnce, atMost(maxFormBytes)] as const;
  const body = (schema: z.ZodType) => ({ required: true, content: { 'multipart/form-data': { schema } } });
  const refusals = errors(400, 401, 403, 409, 413, 415, 422, 429);

  app.openAPIRegistry.registerPath({
    method: 'post',
    path,
    summary: 'Add a brand by 1 to 5 images of its mark: PNG, JPEG or SVG',
    description:
      'With `box` the mark is there in a single picture, and only its surroundings are kept. Recognised when this answers, ' +
      'where an inference node is at hand; else as soon as one is.',
    request: { body: body(brandFormSchema) },
    responses: { 201: json(brandViewSchema, 'the brand'), ...refusals },
  });
  app.post(path, ...form, async (context) => {
    const { form: fields, images } = await readImages(context);
    const id = await brands.edits.add(readName(fields), images);
    return context.json(brandView(await brands.get(id), brands), 201, { Location: `${path}/${id}` });
  });

  app.openAPIRegistry.registerPath({
    method: 'post',
    path: `${path}/{id}/images`,
    summary: 'Add images to an own brand; it has at most 5',
    request: { params, body: body(brandFormSchema.omit({ name: true })) },
    responses: { 201: json(brandViewSchema, 'the brand'), ...refusals, ...errors(404) },
  });
  app.post(`${path}/:id/images`, ...form, async (context) => {
    const id = parseOrRefuse(idSchema, context.req.param('id'), 'id');
    const { images } = await readImages(context);
    await brands.edits.addImages(id, images);
    return context.json(brandView(await brands.get(id), brands), 201);
  });
}
