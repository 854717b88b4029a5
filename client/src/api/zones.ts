import { zoneSettingsSchema, type ZoneSettings } from '@framelock/server/protocol';
import { request } from './request.ts';

const path = '/api/v1/streams/{id}/zones';

export function getZones(streamId: string, signal?: AbortSignal): Promise<ZoneSettings> {
  return request('get', path, zoneSettingsSchema, { path: { id: streamId }, signal });
}

/** Takes the place of all that was drawn; answers as it is kept. */
export function setZones(streamId: string, zones: ZoneSettings): Promise<ZoneSettings> {
  return request('put', path, zoneSettingsSchema, { path: { id: streamId }, body: zones });
}
