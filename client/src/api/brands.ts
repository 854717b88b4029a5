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
import { request, requestBlob, type RequestOptions } from './request.ts';

const base = '/api/v1/brands';
/** Embedding five images on a busy machine takes seconds, and an import is a whole gallery. */
const embedTimeoutMs = 60_000;
const importTimeoutMs = 600_000;

/** Who only watches may not; that is said where it was tried, and the video goes on. */
const sending = { method: 'POST', needed: false, timeoutMs: embedTimeoutMs } as const;

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
  options: Pick<RequestOptions, 'signal' | 'needed'> = {},
): Promise<BrandList> {
  const query = new URLSearchParams({ limit: String(limit), offset: String(offset) });
  if (search) query.set('query', search);
  if (show === 'own' || show === 'bundled') query.set('origin', show);
  if (show === 'off') query.set('enabled', 'false');
  return request(`${base}?${query.toString()}`, brandListSchema, options);
}

/** How many brands are recognised now, for pages that can do without knowing. */
export async function countRecognised(signal?: AbortSignal): Promise<number> {
  const options = { needed: false, ...(signal ? { signal } : {}) };
  return (await request(`${base}?limit=1`, brandListSchema, options)).recognised;
}

export function getBrand(id: string, signal?: AbortSignal): Promise<BrandView> {
  return request(pathOf(id), brandViewSchema, { ...(signal ? { signal } : {}) });
}

/** Answered when its images are checked and kept; `state` says whether it is recognised already. */
export function addBrand(name: string, pictures: readonly BrandPicture[]): Promise<BrandView> {
  const form = formOf(pictures);
  form.set('name', name);
  return request(base, brandViewSchema, { ...sending, body: form });
}

export function addBrandImages(id: string, pictures: readonly BrandPicture[]): Promise<BrandView> {
  return request(`${pathOf(id)}/images`, brandViewSchema, { ...sending, body: formOf(pictures) });
}

export async function deleteBrandImage(id: string, imageId: string): Promise<void> {
  await request(`${pathOf(id)}/images/${encodeURIComponent(imageId)}`, z.unknown(), { method: 'DELETE' });
}

/** What is not named stays as it is. */
export function changeBrand(id: string, change: ChangeBrand): Promise<BrandView> {
  return request(pathOf(id), brandViewSchema, { method: 'PATCH', body: change });
}

export async function deleteBrand(id: string): Promise<void> {
  await request(pathOf(id), z.unknown(), { method: 'DELETE' });
}

/** Own brands with their images, as one JSON file. */
export function exportBrands(): Promise<Blob> {
  return requestBlob(`${base}/export`, { timeoutMs: importTimeoutMs });
}

export function importBrands(file: Blob): Promise<ImportResult> {
  const body = new Blob([file], { type: 'application/json' });
  return request(`${base}/import`, importResultSchema, { method: 'POST', body, timeoutMs: importTimeoutMs });
}

/** One part an image; a `box` is of a single one. */
function formOf(pictures: readonly BrandPicture[]): FormData {
  const form = new FormData();
  for (const { file, name } of pictures) form.append('images', file, name);
  const [only, ...others] = pictures;
  if (only?.box && others.length === 0) form.set('box', JSON.stringify(only.box));
  return form;
}

function pathOf(id: string): string {
  return `${base}/${encodeURIComponent(id)}`;
}
