import {
  brandListSchema,
  brandViewSchema,
  importResultSchema,
  type BrandList,
  type BrandView,
  type ChangeBrand,
  type ImportResult,
  type PictureBox,
} from '@framelock/server/protocol';
import { z } from 'zod';
import { request, requestFile, type PageOptions } from './request.ts';

const base = '/api/v1/brands';
const one = `${base}/{id}` as const;
/** Embedding five images on a busy machine takes seconds, and an import is a whole gallery. */
const embedTimeoutMs = 60_000;
const importTimeoutMs = 600_000;

/** Who only watches may not; that is said where it was tried, and the video goes on. */
const sending = { needed: false, timeoutMs: embedTimeoutMs } as const;

export type BrandShow = 'all' | 'own' | 'bundled' | 'off';

export interface BrandQuery {
  search: string;
  show: BrandShow;
  limit: number;
  offset: number;
}

/** An image of a mark; without a box the server finds the mark in it. With one it has to be sent alone. */
export interface BrandPicture {
  file: Blob;
  name: string;
  box?: PictureBox;
}

/** Own brands first, then by name. */
export function listBrands(
  { search, show, limit, offset }: BrandQuery,
  options: PageOptions & { signal?: AbortSignal } = {},
): Promise<BrandList> {
  const query = {
    ...{ limit, offset, query: search },
    ...(show === 'own' || show === 'bundled' ? { origin: show } : {}),
    ...(show === 'off' ? { enabled: 'false' as const } : {}),
  };
  return request('get', base, brandListSchema, { query, ...options });
}

/** How many brands are recognised now, for pages that can do without knowing. */
export async function countRecognised(signal?: AbortSignal): Promise<number> {
  const options = { query: { limit: 1 }, needed: false, signal };
  return (await request('get', base, brandListSchema, options)).recognised;
}

export function getBrand(id: string, signal?: AbortSignal): Promise<BrandView> {
  return request('get', one, brandViewSchema, { path: { id }, signal });
}

/** Answered when its images are checked and kept; `state` says whether it is recognised already. */
export function addBrand(name: string, pictures: readonly BrandPicture[]): Promise<BrandView> {
  const form = formOf(pictures);
  form.set('name', name);
  return request('post', base, brandViewSchema, { ...sending, body: form });
}

export function addBrandImages(id: string, pictures: readonly BrandPicture[]): Promise<BrandView> {
  return request('post', `${one}/images`, brandViewSchema, { ...sending, path: { id }, body: formOf(pictures) });
}

export async function deleteBrandImage(id: string, imageId: string): Promise<void> {
  await request('delete', `${one}/images/{imageId}`, z.unknown(), { path: { id, imageId } });
}

/** What is not named stays as it is. */
export function changeBrand(id: string, change: ChangeBrand): Promise<BrandView> {
  return request('patch', one, brandViewSchema, { path: { id }, body: change });
}

export async function deleteBrand(id: string): Promise<void> {
  await request('delete', one, z.unknown(), { path: { id } });
}

/** Own brands with their images, as one JSON file. */
export function exportBrands(): Promise<Blob> {
  return requestFile(`${base}/export`, { timeoutMs: importTimeoutMs });
}

export function importBrands(file: Blob): Promise<ImportResult> {
  const body = new Blob([file], { type: 'application/json' });
  return request('post', `${base}/import`, importResultSchema, { body, timeoutMs: importTimeoutMs });
}

/** One part an image; a `box` is of a single one. */
function formOf(pictures: readonly BrandPicture[]): FormData {
  const form = new FormData();
  for (const { file, name } of pictures) form.append('images', file, name);
  const [only, ...others] = pictures;
  if (only?.box && others.length === 0) form.set('box', JSON.stringify(only.box));
  return form;
}
