import type { Config } from '../config.ts';
import { EventsOut, type EventsOutOptions } from './EventsOut.ts';
import { storedEvents } from './storedEvents.ts';

/** As the configuration of a server has it. */
export function createEventsOut(
  options: Pick<EventsOutOptions, 'database' | 'history' | 'streams' | 'serverId' | 'logger' | 'metrics'> & {
    config: Config;
  },
): EventsOut {
  const { config, ...rest } = options;
  return EventsOut.create({
    ...rest,
    readEvents: storedEvents(rest.database.historyQueries),
    dataDir: config.dataDir,
    allowPrivate: config.targetAllowPrivate,
    retryFirstMs: config.eventRetryFirstMs,
    maxAgeDays: config.deliveredMaxAgeDays,
  });
}
