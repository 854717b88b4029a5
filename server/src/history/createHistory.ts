import type { Database } from '@framelock/db';
import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import type { Metrics } from '../Metrics.ts';
import type { Streams } from '../streams/Streams.ts';
import { History } from './History.ts';

/** The server's History. */
export function createHistory(options: {
  config: Config;
  database: Database;
  serverId: string;
  streams: Streams;
  logger: Logger;
  metrics: Metrics;
}): History {
  const { config, database, serverId, streams, logger, metrics } = options;
  return History.create({
    store: database.history,
    publications: database.publications,
    serverId,
    dataDir: config.dataDir,
    spoolMaxBytes: config.historySpoolMaxBytes,
    ages: config.historyAges,
    isLive: (publicationId, streamId) => streams.live(streamId)?.publication?.id === publicationId,
    streamName: (id) => streams.live(id)?.name ?? streams.find(id).then((row) => row?.name),
    logger,
    metrics,
  });
}
