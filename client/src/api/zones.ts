import { zoneSettingsSchema, type ZoneSettings } from '@framelock/server/protocol';
import { request } from './request.ts';

const pathOf = (streamId: string) => `/api/v1/streams/${encodeURIComponent(streamId)}/zones`;

export function getZones(streamId: string, signal?: AbortSignal): Promise<ZoneSettings> {
  return request(pathOf(streamId), zoneSettingsSchema, { ...(signal ? { signal } : {}) });
}

/** Takes the place of all that was drawn; answers as it is kept. */
export function setZones(streamId: string, zones: ZoneSettings): Promise<ZoneSettings> {
  return request(pathOf(streamId), zoneSettingsSchema, { method: 'PUT', body: zones });
}
