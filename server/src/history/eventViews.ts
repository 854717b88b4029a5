import type { EventView, HistoryBatch } from '../protocol/index.ts';

/** The zone events of a batch as the API has them; an event's id says where it was told, so that it is the same again. */
export function eventViewsOf(batch: HistoryBatch, streamName: string): EventView[] {
  const { runId, sequence, streamId, publicationId } = batch;
  return batch.events.map((event, index) => {
    const { kind, atMs, zoneId, zoneName, trackId, label, rtpTimestamp, cause, x, y, dwellSeconds, speedMps } = event;
    return {
      ...{ id: `${runId}:${sequence}:${index}`, kind, at: new Date(atMs).toISOString(), streamId, streamName },
      ...{ publicationId, rtpTimestamp, zoneId, zoneName, trackId, runId, label },
      data: {
        ...{ cause, x, y },
        ...(dwellSeconds === undefined ? {} : { dwellSeconds }),
        ...(speedMps === undefined ? {} : { speedMps }),
      },
    };
  });
}
