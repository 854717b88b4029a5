import type { Logger } from 'pino';
import { reachableAddress } from '../../listenAddresses.ts';
import type { SfuMetrics } from '../../metrics.ts';
import type { OpenInput } from '../SourceInput.ts';
import { RtmpFront } from './RtmpFront.ts';
import { RtmpInput } from './RtmpInput.ts';

export interface RtmpDoor {
  front: RtmpFront;
  openRtmp: OpenInput;
}

/** This node's RTMP port and the way to open a Source on it. @returns undefined where `port` is 0: no RTMP. */
export function openRtmpDoor(options: {
  host: string;
  port: number;
  announcedIp: string | undefined;
  log: Logger;
  metrics: SfuMetrics;
}): RtmpDoor | undefined {
  const { host, port, announcedIp, log, metrics } = options;
  if (port === 0) return undefined;
  const front = new RtmpFront({ host, port, log, onRefused: (reason) => metrics.rtmpRefused.inc({ reason }) });
  const openRtmp: OpenInput = (open) =>
    RtmpInput.create({
      front,
      open,
      host: announcedIp ?? reachableAddress(host),
      onDropped: (tags) => metrics.sourceDropped.inc({ stage: 'rtmp' }, tags),
    });
  return { front, openRtmp };
}
