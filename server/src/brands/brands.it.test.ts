import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { bundledBrand, type FakeBrandModel, fakeEmbeddings, modelSha256 } from '../../test/fakeBrands.ts';
import { createFakeInference, type FakeInference } from '../../test/fakeNodes.ts';
import { jpeg, markPng, png, svg } from '../../test/pictures.ts';
import { nodeSecret, TestServer, until } from '../../test/TestServer.ts';
import {
  brandListSchema,
  brandViewSchema,
  type Gallery,
  galleryFileSchema,
  gallerySchema,
  importResultSchema,
} from '../protocol/index.ts';

const one: FakeBrandModel = {
  version: 'one',
  bundled: ['acme', 'bolt', 'cask'].map((slug) => bundledBrand('one', slug)),
};
const two: FakeBrandModel = { version: 'two', bundled: ['acme', 'dune'].map((slug) => bundledBrand('two', slug)) };

/** For a model that finds nothing in the smallest pictures: a PNG's width is at byte 16. */
const wide = (image: Uint8Array) => Buffer.from(image).readUInt32BE(16) > 8;

let server: TestServer;
const nodes: FakeInference[] = [];

async function attach(model: FakeBrandModel = one, nodeId = 'inference-1', to = server): Promise<FakeInference> {
  const node = await createFakeInference(nodeSecret, nodeId, model);
  nodes.push(node);
  await to.attach(node);
  return node;
}
async function detachAll(): Promise<void> {
  server.stopBeats();
  await Promise.all(nodes.splice(0).map((node) => node.close()));
  await until(() => server.connectedNodes().length === 0, 'no node is connected');
}
const galleryOf = (node: FakeInference) => node.callsOf('setGallery').at(-1) as unknown as Gallery | undefined;
const namesOf = (node: FakeInference) =>
  galleryOf(node)
    ?.brands.map(({ name }) => name)
    .sort() ?? [];
const names = (node: FakeInference, wanted: string[]) =>
  until(() => namesOf(node).join() === [...wanted].sort().join(), `the node knows ${wanted.join(', ')}`);

interface Form {
  name?: string;
  images?: Uint8Array[];
  box?: unknown;
}
function form({ name, images = [], box }: Form): FormData {
  const data = new FormData();
  if (name !== undefined) data.set('name', name);
  for (const image of images) data.append('images', new Blob([new Uint8Array(image)], { type: 'image/gif' }), 'a.gif');
  if (box !== undefined) data.set('box', typeof box === 'string' ? box : JSON.stringify(box));
  return data;
}
const post = (fields: Form, path = '', to = server) =>
  to.request(`/api/v1/brands${path}`, { method: 'POST', body: form(fields) });
const brand = async (name: string, number: number, to = server) =>
  brandViewSchema.parse((await post({ name, images: [markPng(number)] }, '', to)).body);
const list = async (query = '', to = server) =>
  brandListSchema.parse((await to.request(`/api/v1/brands${query}`)).body);
const patch = (id: string, json: unknown) => server.request(`/api/v1/brands/${id}`, { method: 'PATCH', json });
const remove = (id: string) => server.request(`/api/v1/brands/${id}`, { method: 'DELETE' });
const message = (answer: { status: number; body: unknown }) =>
  [answer.status, (answer.body as { error?: { message?: string } }).error?.message ?? ''] as const;

beforeAll(async () => {
  server = await TestServer.create();
});
afterAll(() => server.close());
afterEach(async () => {
  await detachAll();
  for (const { id } of (await list('?origin=own&limit=500')).brands) expect((await remove(id)).status).toBe(204);
});

describe('bundled brands', () => {
  it('come with the model of a node, page by page, and are pushed to it', async () => {
    expect((await server.request('/api/v1/brands/gallery')).status).toBe(503);
    expect((await list()).model).toBeNull();
    const node = await attach();
    await names(node, ['The acme', 'The bolt', 'The cask']);
    const { brands, total, recognised, model } = await list();
    expect([total, recognised, model]).toEqual([
      3,
      3,
      { modelId: 'brands', sha256: modelSha256('one'), matchThreshold: 0.6 },
    ]);
    expect(brands[0]).toMatchObject({ id: 'acme', origin: 'bundled', state: 'ready', threshold: null });
    const gallery = gallerySchema.parse(galleryOf(node));
    expect(gallery.modelSha256).toBe(modelSha256('one'));
    expect(gallery.brands[0]!.embeddings).toBe(fakeEmbeddings('one', Buffer.from('acme')));
    const image = await server.request(brands[0]!.images[0]!.url);
    expect(image.text).toContain('<path fill="#aa0011" d="M0 0h24v24H0z"/>');
    expect(image.headers.get('content-type')).toBe('image/svg+xml');
    expect(image.headers.get('content-security-policy')).toBe("default-src 'none'; sandbox");
    expect(image.headers.get('x-content-type-options')).toBe('nosniff');
  });

  it('are switched off and get thresholds, which outlive a new model; they are not deleted', async () => {
    const node = await attach();
    await names(node, ['The acme', 'The bolt', 'The cask']);
    expect((await patch('acme', { threshold: 0.75 })).body).toMatchObject({ threshold: 0.75, state: 'ready' });
    expect((await patch('bolt', { enabled: false })).body).toMatchObject({ enabled: false, state: 'off' });
    await names(node, ['The acme', 'The cask']);
    expect(galleryOf(node)!.brands.find(({ id }) => id === 'acme')!.threshold).toBe(0.75);
    expect(message(await remove('acme'))).toEqual([409, expect.stringContaining('switch it off instead')]);
    expect((await post({ images: [markPng(1)] }, '/acme/images')).status).toBe(409);
    expect(message(await post({ name: 'THE ACME', images: [markPng(1)] }))[1]).toContain('comes with the model');
    await detachAll();
    const other = await attach(two);
    await names(other, ['The acme', 'The dune']);
    expect(galleryOf(other)!.brands.find(({ id }) => id === 'acme')!.threshold).toBe(0.75);
    expect((await list()).total).toBe(2);
    await patch('acme', { threshold: null });
    await detachAll();
    // Switched off over a model that does not bring it, too.
    const back = await attach();
    await names(back, ['The acme', 'The cask']);
    expect((await patch('bolt', { enabled: true })).status).toBe(200);
    await names(back, ['The acme', 'The bolt', 'The cask']);
  });
});

describe('own brands', () => {
  it('are recognised when their addition is answered, and no longer when they are deleted', async () => {
    const node = await attach();
    await names(node, ['The acme', 'The bolt', 'The cask']);
    const added = await post({ name: '  Pear  ', images: [markPng(1), jpeg, svg('<path d="M0 0h9v24z"/>')] });
    expect(added.status).toBe(201);
    const view = brandViewSchema.parse(added.body);
    expect(added.headers.get('location')).toBe(`/api/v1/brands/${view.id}`);
    expect(view).toMatchObject({ name: 'Pear', origin: 'own', state: 'ready', enabled: true });
    expect(view.images).toHaveLength(3);
    expect(view.images[0]).toMatchObject({ width: 64, height: 64, box: { x: 0.25, y: 0.25, w: 0.5, h: 0.5 } });
    await names(node, ['Pear', 'The acme', 'The bolt', 'The cask']);
    const before = galleryOf(node)!;
    expect(Buffer.from(before.brands.find(({ id }) => id === view.id)!.embeddings, 'base64')).toHaveLength(3 * 2 * 512);
    const image = await fetch(server.url + view.images[1]!.url);
    expect([image.status, image.headers.get('content-type')]).toEqual([200, 'image/png']);
    expect(image.headers.get('cache-control')).toContain('immutable');
    expect((await image.bytes()).subarray(1, 4)).toEqual(new Uint8Array(Buffer.from('PNG')));
    expect((await remove(view.id)).status).toBe(204);
    await names(node, ['The acme', 'The bolt', 'The cask']);
    expect(galleryOf(node)!.revision).toBeGreaterThan(before.revision);
    expect((await server.request(view.images[1]!.url)).status).toBe(404);
  });

  it('are marked by a box in a picture, of which only the surroundings stay', async () => {
    const node = await attach();
    const picture = png(800, 400, (x, y) => [x % 256, y % 256, 0]);
    const { status, body } = await post({ name: 'Boxed', images: [picture], box: { x: 0.5, y: 0.5, w: 0.1, h: 0.2 } });
    expect(status).toBe(201);
    const [image] = brandViewSchema.parse(body).images;
    expect(image).toMatchObject({ width: 160, height: 160 });
    expect(image!.box.x).toBeCloseTo(0.25);
    expect(image!.box.w).toBeCloseTo(0.5);
    const asked = node.callsOf('embedBrandImage').at(-1) as { box: object };
    expect(asked.box).toEqual({ x: expect.closeTo(0.25) as number, y: 0.25, w: 0.5, h: 0.5 });
    expect(asked.box).not.toHaveProperty('marked');
    expect(image!.box).not.toHaveProperty('marked');
    // The box that the node found in another image is none that somebody drew: the next model finds its own.
    await brand('Found', 1);
    const file = galleryFileSchema.parse((await server.request('/api/v1/brands/export')).body);
    expect(file.brands.map(({ name, images }) => [name, images[0]!.marked])).toEqual([
      ['Boxed', true],
      ['Found', false],
    ]);
    const boxesAt = (at: FakeInference) =>
      at.callsOf('embedBrandImage').map((call) => (call as { box?: object }).box !== undefined);
    await detachAll();
    const other = await attach(two, 'inference-2');
    await names(other, ['Boxed', 'Found', 'The acme', 'The dune']);
    expect(boxesAt(other)).toEqual([true, false]);
    await detachAll();
    for (const { id } of (await list('?origin=own')).brands) await remove(id);
    await server.request('/api/v1/brands/import', { method: 'POST', json: file });
    const third = await attach();
    await names(third, ['Boxed', 'Found', 'The acme', 'The bolt', 'The cask']);
    expect(boxesAt(third)).toEqual([true, false]);
  });

  it('change, get more images and lose them, but not the last', async () => {
    const node = await attach();
    const { id, images } = await brand('Plum', 1);
    await brand('Quince', 2);
    expect(message(await patch(id, { name: 'quince' }))[0]).toBe(409);
    expect((await patch(id, { name: 'Prune', threshold: 0.9 })).body).toMatchObject({ name: 'Prune', threshold: 0.9 });
    expect((await patch(id, {})).status).toBe(200);
    for (const bad of [{ threshold: 2 }, { name: '' }, { enabled: 'yes' }])
      expect((await patch(id, bad)).status).toBe(400);
    expect((await patch('none', { enabled: false })).status).toBe(404);
    const more = await post({ images: [markPng(3), markPng(4)] }, `/${id}/images`);
    expect([more.status, brandViewSchema.parse(more.body).images.length]).toEqual([201, 3]);
    expect(message(await post({ images: [markPng(3)] }, `/${id}/images`))).toEqual([
      409,
      expect.stringContaining('already'),
    ]);
    expect(message(await post({ images: [5, 6, 7].map((i) => markPng(i)) }, `/${id}/images`))[0]).toBe(409);
    for (const { id: imageId } of brandViewSchema.parse(more.body).images.slice(1)) {
      expect((await server.request(`/api/v1/brands/${id}/images/${imageId}`, { method: 'DELETE' })).status).toBe(200);
    }
    const last = await server.request(images[0]!.url, { method: 'DELETE' });
    expect(message(last)).toEqual([409, expect.stringContaining('last image')]);
    expect((await server.request(`/api/v1/brands/${id}/images/none`, { method: 'DELETE' })).status).toBe(404);
    await names(node, ['Prune', 'Quince', 'The acme', 'The bolt', 'The cask']);
  });

  it('are refused in words, and nothing is left of them', async () => {
    await attach({ ...one, finds: wide });
    const before = await server.metric('framelock_brand_images_refused_total{by="image"}');
    const taken = await brand('Taken', 1);
    const cases: [Form, number, string][] = [
      [{ name: 'x' }, 400, 'image'],
      [{ images: [markPng(1)] }, 400, 'name'],
      [{ name: 'a\nb', images: [markPng(1)] }, 400, 'control'],
      [{ name: 'taken', images: [markPng(2)] }, 409, 'already'],
      [{ name: 'x', images: [Buffer.from('GIF89a..........')] }, 422, 'image 1: this is a GIF'],
      [{ name: 'x', images: [markPng(1), svg('<script/>')] }, 422, 'image 2: the SVG has scripts'],
      [{ name: 'x', images: [markPng(1), markPng(1)] }, 409, 'image 2: it is there already'],
      [{ name: 'x', images: [png(8, 8, () => [1, 1, 1])] }, 422, 'image 1: no mark was found'],
      [{ name: 'x', images: Array.from({ length: 6 }, (_, i) => markPng(i)) }, 400, 'at most 5'],
      [{ name: 'x', images: [markPng(1)], box: '{' }, 400, 'box'],
      [{ name: 'x', images: [markPng(1)], box: { x: 0.9, y: 0, w: 0.5, h: 1 } }, 400, 'beyond'],
      [{ name: 'x', images: [markPng(1), markPng(2)], box: { x: 0, y: 0, w: 1, h: 1 } }, 400, 'one image'],
      [{ name: 'x', images: [Buffer.alloc(8 * 1024 ** 2 + 1)] }, 413, '8 MiB'],
    ];
    for (const [fields, status, words] of cases) {
      expect(message(await post(fields))).toEqual([status, expect.stringContaining(words)]);
    }
    expect(message(await post({ images: [markPng(1)] }, '/none/images'))[0]).toBe(404);
    const plain = await server.request('/api/v1/brands', { method: 'POST', json: {} });
    expect(plain.status).toBe(415);
    const long = {
      method: 'POST',
      body: Buffer.alloc(41 * 1024 ** 2),
      headers: { 'content-type': 'multipart/form-data' },
    };
    expect((await server.request('/api/v1/brands', long)).status).toBe(413);
    expect((await list('?origin=own')).brands.map(({ id }) => id)).toEqual([taken.id]);
    expect(await server.metric('framelock_brand_images_refused_total{by="image"}')).toBeGreaterThan(before);
    expect(await server.metric('framelock_brands{state="ready"}')).toBe(4);
  });

  it('wait while no node is there, and are embedded when one comes; what it refuses is told', async () => {
    const waiting = await brand('Waits', 1);
    expect(waiting.state).toBe('waiting');
    const fails = brandViewSchema.parse((await post({ name: 'Fails', images: [png(8, 8, () => [1, 1, 1])] })).body);
    const node = await attach({ ...one, finds: wide });
    await names(node, ['Waits', 'The acme', 'The bolt', 'The cask']);
    const state = async (id: string) => brandViewSchema.parse((await server.request(`/api/v1/brands/${id}`)).body);
    await until(async () => (await state(fails.id)).state === 'failed', 'the other one failed');
    expect((await state(fails.id)).problem).toContain('no mark');
    expect((await state(waiting.id)).images[0]!.box).toEqual({ x: 0.25, y: 0.25, w: 0.5, h: 0.5 });
    // Tried again by the next node, which finds it.
    await detachAll();
    await names(await attach(), ['Fails', 'Waits', 'The acme', 'The bolt', 'The cask']);
  });

  it('are embedded anew by another model, and a node that was away gets the newest gallery', async () => {
    const node = await attach();
    const { id } = await brand('Fig', 1);
    await names(node, ['Fig', 'The acme', 'The bolt', 'The cask']);
    await detachAll();
    await patch(id, { name: 'Olive' });
    const other = await attach(two, 'inference-2');
    await names(other, ['Olive', 'The acme', 'The dune']);
    expect(galleryOf(other)!.modelSha256).toBe(modelSha256('two'));
    const pushed = other.callsOf('setGallery').length;
    other.cut();
    await until(() => other.callsOf('setGallery').length > pushed, 'it is told again after the connection was lost');
    expect(namesOf(other)).toEqual(['Olive', 'The acme', 'The dune']);
    // A gallery that was refused comes again.
    let refusals = 1;
    const { setGallery } = other.handlers;
    other.handlers = {
      ...other.handlers,
      setGallery: (gallery) => {
        if (refusals-- > 0) throw new Error('not now');
        return setGallery(gallery);
      },
    };
    await patch(id, { name: 'Grape' });
    await names(other, ['Grape', 'The acme', 'The dune']);
    await until(() => refusals < 0, 'it was told twice');
    expect(await server.metric('framelock_gallery_pushes_total{outcome="failed"}')).toBeGreaterThan(0);
    await detachAll();
    await names(await attach(), ['Grape', 'The acme', 'The bolt', 'The cask']);
  });

  it('never go to a node by the numbers of another model', async () => {
    const first = await attach();
    await brand('Kiwi', 1);
    await names(first, ['Kiwi', 'The acme', 'The bolt', 'The cask']);
    const other = await attach(two, 'inference-2');
    await until(() => galleryOf(other) !== undefined, 'the other node has a gallery');
    expect(galleryOf(other)).toMatchObject({ modelSha256: modelSha256('two'), brands: [] });
    expect(namesOf(first)).toContain('Kiwi');
  });
});

describe('lists and galleries', () => {
  it('are searched and come in pages', async () => {
    await attach();
    for (const [i, name] of ['Étude 10', 'étude 9', 'Zebra'].entries()) await brand(name, i);
    await until(async () => (await list()).total === 6, 'all are there');
    expect((await list()).brands.map(({ name }) => name)).toEqual([
      'étude 9',
      'Étude 10',
      'Zebra',
      'The acme',
      'The bolt',
      'The cask',
    ]);
    const page = await list('?limit=2&offset=1');
    expect([page.total, page.brands.map(({ name }) => name)]).toEqual([6, ['Étude 10', 'Zebra']]);
    expect((await list('?query=E%CC%81TUDE')).total).toBe(2);
    expect((await list('?origin=bundled&query=the')).total).toBe(3);
    await patch((await list('?query=zebra')).brands[0]!.id, { enabled: false });
    expect((await list('?enabled=false')).total).toBe(1);
    expect((await list('?enabled=false')).recognised).toBe(5);
    for (const bad of ['limit=0', 'limit=501', 'offset=-1', 'origin=x', 'enabled=1']) {
      expect((await server.request(`/api/v1/brands?${bad}`)).status).toBe(400);
    }
  });

  it('are read by pages, which ask again only for what changed', async () => {
    const node = await attach();
    const { id } = await brand('Page', 1);
    await names(node, ['Page', 'The acme', 'The bolt', 'The cask']);
    const first = await server.request('/api/v1/brands/gallery');
    expect(gallerySchema.parse(first.body)).toEqual(galleryOf(node));
    const headers = { 'if-none-match': first.headers.get('etag')! };
    expect((await server.request('/api/v1/brands/gallery', { headers })).status).toBe(304);
    await patch(id, { threshold: 0.3 });
    expect((await server.request('/api/v1/brands/gallery', { headers })).status).toBe(200);
    // Also while no node is there: by the model that was seen last.
    await detachAll();
    expect(gallerySchema.parse((await server.request('/api/v1/brands/gallery')).body).brands).toHaveLength(4);
  });

  it('go out as a file and come in from it, once', async () => {
    await attach();
    await brand('Kept', 1);
    const { id } = brandViewSchema.parse((await post({ name: 'Gone', images: [markPng(2), jpeg] })).body);
    await patch(id, { threshold: 0.5, enabled: false });
    const exported = await server.request('/api/v1/brands/export');
    expect(exported.headers.get('content-disposition')).toMatch(/^attachment; filename="framelock-gallery-.*\.json"$/);
    const file = galleryFileSchema.parse(exported.body);
    expect(file.brands.map(({ name }) => name)).toEqual(['Kept', 'Gone']);
    const take = async (json: unknown) =>
      importResultSchema.parse((await server.request('/api/v1/brands/import', { method: 'POST', json })).body);
    expect(await take(file)).toEqual({ added: 0, unchanged: 2, refused: [] });
    await remove(id);
    const [kept, gone] = file.brands;
    const hostile = { png: Buffer.from('<svg><script/></svg>').toString('base64'), box: { x: 0, y: 0, w: 1, h: 1 } };
    const mixed = [kept, gone, { ...gone!, name: 'kept' }, { ...gone!, name: 'Bad', images: [hostile] }];
    expect(await take({ ...file, brands: mixed })).toEqual({
      ...{ added: 1, unchanged: 1 },
      refused: [
        { name: 'kept', reason: expect.stringContaining('already') as string },
        { name: 'Bad', reason: expect.stringContaining('scripts') as string },
      ],
    });
    expect(await take(file)).toEqual({ added: 0, unchanged: 2, refused: [] });
    const back = (await list('?query=gone')).brands[0]!;
    expect(back).toMatchObject({ threshold: 0.5, enabled: false, state: 'off' });
    await patch(back.id, { enabled: true });
    await until(async () => (await list('?query=gone')).brands[0]!.state === 'ready', 'it is embedded');
    for (const bad of ['{', '{}', '[]', JSON.stringify({ ...file, version: 2 })]) {
      const init = { method: 'POST', body: bad, headers: { 'content-type': 'application/json' } };
      expect((await server.request('/api/v1/brands/import', init)).status).toBe(400);
    }
  });
});

it('are for administrators; the gallery also for who may publish a Stream', async () => {
  const guarded = await TestServer.create({ host: '0.0.0.0', adminToken: 'the-admin-token' });
  try {
    const { id, streamKey } = await guarded.createStream('s', 'the-admin-token');
    const status = async (path: string, token?: string, method = 'GET') =>
      (await guarded.request(`/api/v1/brands${path}`, { method, ...(token ? { token } : {}) })).status;
    for (const path of ['', '/export', '/gallery', '/x', '/x/images/y']) {
      expect([path, await status(path), await status(path, streamKey)]).toEqual([path, 401, 401]);
    }
    for (const path of ['', '/import', '/x/images']) expect(await status(path, undefined, 'POST')).toBe(401);
    expect(await status('', 'the-admin-token')).toBe(200);
    expect(await status(`/gallery?streamId=${id}`, streamKey)).toBe(503);
    expect(await status(`/gallery?streamId=${id}`, 'wrong')).toBe(401);
    expect(await status(`/gallery?streamId=${id}`)).toBe(401);
  } finally {
    await guarded.close();
  }
});

it('a node without a brand model is left alone', async () => {
  const node = await createFakeInference(nodeSecret, 'plain');
  nodes.push(node);
  await server.attach(node);
  await until(() => node.callsOf('brandModel').length > 0, 'it was asked');
  const { id } = await brand('Alone', 1);
  expect((await patch(id, { enabled: false })).status).toBe(200);
  expect(node.callsOf('setGallery')).toEqual([]);
});
