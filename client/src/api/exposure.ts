import {
  appearanceListSchema,
  exposureSummarySchema,
  type AppearanceView,
  type ExposureQuery,
  type ExposureSummary,
} from '@framelock/server/protocol';
import { request, requestFile } from './request.ts';

const base = '/api/v1/exposure';
const appearances = '/api/v1/appearances';
const appearancesPerPage = 50;
/** A day of a busy Stream is many rows. */
const fileTimeoutMs = 120_000;

export interface AppearancePage {
  appearances: AppearanceView[];
  nextCursor: string | null;
}

export function getExposure(query: ExposureQuery, signal?: AbortSignal): Promise<ExposureSummary> {
  return request('get', base, exposureSummarySchema, { query, signal });
}

/** Newest first. */
export function listAppearances(
  query: ExposureQuery & { brandId?: string | undefined; cursor?: string | undefined },
  signal?: AbortSignal,
): Promise<AppearancePage> {
  const input = { query: { ...query, limit: appearancesPerPage }, signal };
  return request('get', appearances, appearanceListSchema, input);
}

export type ExposureFile = 'report' | 'appearances';

/** A file to keep: the report has a line per brand, appearances one each. */
export function exposureFile(query: ExposureQuery, what: ExposureFile, format: 'csv' | 'json'): Promise<Blob> {
  const path = what === 'report' ? base : appearances;
  return requestFile(`${path}.${format}`, { query, timeoutMs: fileTimeoutMs });
}
