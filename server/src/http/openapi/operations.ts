/** Capabilities, in the order in which the document and its page have them. */
export const tags = {
  Streams: 'Logical channels: their settings, what is live on them, their picture.',
  Sources: 'What feeds a Stream other than a browser or WHIP, and the video files for it.',
  Zones: 'Zones and lines drawn on the picture, and what happens in them.',
  History: 'What was seen: tracks, detections, events, properties of the picture.',
  Events: 'Events as they happen, rules on them, and where they are delivered.',
  Recordings: 'Stored Publications with their detections.',
  Models: 'The catalogue of detection Models.',
  Brands: 'The gallery of marks that are recognised.',
  Exposure: 'Which brands were on screen, when, for how long and where.',
  Access: 'Who asks, sign-in, share links and stream keys.',
  Administration: 'Users, API tokens and the audit log: for administrators.',
  WHIP: 'Publishing by WHIP (RFC 9725), for OBS, FFmpeg and GStreamer.',
  WHEP: 'Playing by WHEP.',
  HLS: 'Low-latency HLS, live and recorded.',
  System: 'Health, metrics, the doctor, and this document.',
} as const;
export type Tag = keyof typeof tags;

/**
 * Who may ask. `public`: anybody. `streamKey`: also who has the key of the Stream. `query`: the token may also come as
 * `?token=`. Left out: token or session.
 */
export type Door = 'public' | 'streamKey' | 'query';

type Row = readonly [operationId: string, tag: Tag, door?: Door];

/** Names are a promise to generated clients: they may be added, never changed. */
export const operations: Readonly<Record<string, Row>> = {
  'GET /api/v1/access': ['getAccess', 'Access', 'public'],
  'POST /api/v1/login': ['signIn', 'Access', 'public'],
  'POST /api/v1/logout': ['signOut', 'Access'],
  'PUT /api/v1/password': ['changePassword', 'Access'],
  'GET /api/v1/sessions': ['listSessions', 'Access'],
  'DELETE /api/v1/sessions/{id}': ['endSession', 'Access'],
  'POST /api/v1/streams/{id}/key': ['rotateStreamKey', 'Access'],
  'GET /api/v1/streams/{id}/shares': ['listShares', 'Access'],
  'POST /api/v1/streams/{id}/shares': ['createShare', 'Access'],
  'DELETE /api/v1/streams/{id}/shares/{shareId}': ['revokeShare', 'Access'],

  'GET /api/v1/users': ['listUsers', 'Administration'],
  'POST /api/v1/users': ['createUser', 'Administration'],
  'PATCH /api/v1/users/{id}': ['changeUser', 'Administration'],
  'DELETE /api/v1/users/{id}': ['deleteUser', 'Administration'],
  'GET /api/v1/tokens': ['listTokens', 'Administration'],
  'POST /api/v1/tokens': ['createToken', 'Administration'],
  'DELETE /api/v1/tokens/{id}': ['revokeToken', 'Administration'],
  'GET /api/v1/audit': ['listAuditEntries', 'Administration'],

  'GET /api/v1/streams': ['listStreams', 'Streams'],
  'POST /api/v1/streams': ['createStream', 'Streams'],
  'GET /api/v1/streams/{id}': ['getStream', 'Streams', 'streamKey'],
  'PATCH /api/v1/streams/{id}': ['changeStream', 'Streams'],
  'DELETE /api/v1/streams/{id}': ['deleteStream', 'Streams'],
  'PUT /api/v1/streams/{id}/model': ['setStreamModel', 'Streams'],
  'DELETE /api/v1/streams/{id}/publication': ['stopPublication', 'Streams', 'streamKey'],
  'GET /api/v1/streams/{id}/poster': ['getPoster', 'Streams', 'streamKey'],
  'POST /api/v1/streams/{id}/poster': ['setPoster', 'Streams', 'streamKey'],

  'POST /api/v1/streams/{id}/source': ['startSource', 'Sources'],
  'DELETE /api/v1/streams/{id}/source': ['stopSource', 'Sources'],
  'GET /api/v1/files': ['listFiles', 'Sources'],
  'POST /api/v1/files': ['uploadFile', 'Sources'],
  'DELETE /api/v1/files/{name}': ['deleteFile', 'Sources'],

  'GET /api/v1/streams/{id}/zones': ['getZones', 'Zones'],
  'PUT /api/v1/streams/{id}/zones': ['setZones', 'Zones'],
  'GET /api/v1/streams/{id}/zones/live': ['getZonesLive', 'Zones'],

  'GET /api/v1/tracks': ['listTracks', 'History'],
  'GET /api/v1/tracks.csv': ['exportTracks', 'History'],
  'GET /api/v1/tracks/{runId}/{trackId}/thumbnail.jpg': ['getTrackThumbnail', 'History'],
  'GET /api/v1/streams/{id}/detections': ['listDetections', 'History'],
  'GET /api/v1/events': ['listEvents', 'History'],
  'GET /api/v1/events.csv': ['exportEvents', 'History'],
  'GET /api/v1/streams/{id}/properties': ['getProperties', 'History'],
  'GET /api/v1/streams/{id}/heatmap': ['getHeatmap', 'History'],
  'GET /api/v1/history/labels': ['listLabels', 'History'],
  'GET /api/v1/history/activity': ['getActivity', 'History'],

  'GET /api/v1/events/stream': ['streamEvents', 'Events'],
  'GET /api/v1/rules': ['listRules', 'Events'],
  'POST /api/v1/rules': ['createRule', 'Events'],
  'PATCH /api/v1/rules/{id}': ['changeRule', 'Events'],
  'DELETE /api/v1/rules/{id}': ['deleteRule', 'Events'],
  'GET /api/v1/targets': ['listTargets', 'Events'],
  'POST /api/v1/targets': ['createTarget', 'Events'],
  'PATCH /api/v1/targets/{id}': ['changeTarget', 'Events'],
  'DELETE /api/v1/targets/{id}': ['deleteTarget', 'Events'],
  'POST /api/v1/targets/{id}/test': ['testTarget', 'Events'],
  'GET /api/v1/deliveries': ['listDeliveries', 'Events'],
  'POST /api/v1/deliveries/{id}/retry': ['retryDelivery', 'Events'],
  'DELETE /api/v1/deliveries/{id}': ['deleteDelivery', 'Events'],

  'GET /api/v1/recordings': ['listRecordings', 'Recordings'],
  'GET /api/v1/recordings/{id}': ['getRecording', 'Recordings'],
  'DELETE /api/v1/recordings/{id}': ['deleteRecording', 'Recordings'],
  'GET /api/v1/recordings/{id}/download.mp4': ['downloadRecording', 'Recordings', 'query'],

  'GET /api/v1/models': ['listModels', 'Models'],
  'POST /api/v1/models': ['addModel', 'Models'],

  'GET /api/v1/brands': ['listBrands', 'Brands'],
  'POST /api/v1/brands': ['addBrand', 'Brands'],
  'GET /api/v1/brands/gallery': ['getGallery', 'Brands', 'streamKey'],
  'GET /api/v1/brands/export': ['exportBrands', 'Brands'],
  'POST /api/v1/brands/import': ['importBrands', 'Brands'],
  'GET /api/v1/brands/{id}': ['getBrand', 'Brands'],
  'PATCH /api/v1/brands/{id}': ['changeBrand', 'Brands'],
  'DELETE /api/v1/brands/{id}': ['deleteBrand', 'Brands'],
  'POST /api/v1/brands/{id}/images': ['addBrandImages', 'Brands'],
  'GET /api/v1/brands/{id}/images/{imageId}': ['getBrandImage', 'Brands'],
  'DELETE /api/v1/brands/{id}/images/{imageId}': ['deleteBrandImage', 'Brands'],

  'GET /api/v1/exposure': ['getExposure', 'Exposure'],
  'GET /api/v1/exposure.json': ['exportExposureJson', 'Exposure'],
  'GET /api/v1/exposure.csv': ['exportExposureCsv', 'Exposure'],
  'GET /api/v1/appearances': ['listAppearances', 'Exposure'],
  'GET /api/v1/appearances.json': ['exportAppearancesJson', 'Exposure'],
  'GET /api/v1/appearances.csv': ['exportAppearancesCsv', 'Exposure'],
  'GET /api/v1/appearances/{id}/first.jpg': ['getFirstPicture', 'Exposure'],
  'GET /api/v1/appearances/{id}/last.jpg': ['getLastPicture', 'Exposure'],

  'POST /whip/{streamId}': ['publishByWhip', 'WHIP', 'streamKey'],
  'PATCH /whip/{streamId}/{sessionId}': ['changeWhipSession', 'WHIP', 'streamKey'],
  'DELETE /whip/{streamId}/{sessionId}': ['endWhipSession', 'WHIP', 'streamKey'],
  'OPTIONS /whip/{streamId}': ['askWhip', 'WHIP', 'public'],
  'OPTIONS /whip/{streamId}/{sessionId}': ['askWhipSession', 'WHIP', 'public'],
  'POST /whep/{streamId}': ['playByWhep', 'WHEP', 'streamKey'],
  'PATCH /whep/{streamId}/{sessionId}': ['changeWhepSession', 'WHEP', 'streamKey'],
  'DELETE /whep/{streamId}/{sessionId}': ['endWhepSession', 'WHEP', 'streamKey'],
  'GET /whep/{streamId}': ['seeWhep', 'WHEP', 'public'],
  'GET /whep/{streamId}/{sessionId}': ['seeWhepSession', 'WHEP', 'public'],
  'OPTIONS /whep/{streamId}': ['askWhep', 'WHEP', 'public'],
  'OPTIONS /whep/{streamId}/{sessionId}': ['askWhepSession', 'WHEP', 'public'],

  'GET /hls/{streamId}/index.m3u8': ['getHlsPlaylist', 'HLS', 'query'],
  'GET /hls/{streamId}/{publicationId}/{name}': ['getHlsFile', 'HLS', 'query'],

  'GET /healthz': ['getHealth', 'System', 'public'],
  'GET /readyz': ['getReadiness', 'System', 'public'],
  'GET /api/v1/system': ['getSystem', 'System'],
  'GET /metrics': ['getMetrics', 'System'],
  'GET /api/v1/doctor': ['getDoctorReport', 'System', 'streamKey'],
  'POST /api/v1/doctor/session': ['openDoctorSession', 'System', 'streamKey'],
  'DELETE /api/v1/doctor/session/{sessionId}': ['endDoctorSession', 'System', 'streamKey'],
  'GET /api/openapi.json': ['getApiDocument', 'System', 'public'],
  'GET /api/docs': ['getApiPage', 'System', 'public'],
};

/** Of a route that has no row above: from its path, so that the document never lacks one. */
export function rowOf(method: string, path: string): Row {
  const row = operations[`${method.toUpperCase()} ${path}`];
  if (row) return row;
  const words = path.split(/[^A-Za-z0-9]+/).filter((word) => word && !['api', 'v1'].includes(word));
  const pascal = words.map((word) => word[0]!.toUpperCase() + word.slice(1)).join('');
  return [method.toLowerCase() + pascal, 'System'];
}
