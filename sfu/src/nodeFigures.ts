import type { NodeFigures } from '@framelock/server/protocol';
import type { ProcessMeter } from '@framelock/server/protocol/node';
import type { Counter } from 'prom-client';
import { type HlsHost, maxWaiting } from './hls/HlsHost.ts';
import type { SfuNode } from './SfuNode.ts';

/** What the heartbeat tells of this node: its processes, what waits, what was lost. */
export async function nodeFigures(node: SfuNode, hls: HlsHost, meter: ProcessMeter): Promise<NodeFigures> {
  const { metrics } = node;
  const processes = [
    meter.read('sfu'),
    ...node.workers.map(({ index, pid }) => meter.read(`worker ${index}`, pid)),
    hls.pid === undefined ? undefined : meter.read('hls', hls.pid),
  ];
  return {
    processes: processes.filter((one) => one !== undefined),
    queues: [{ name: 'hlsDetections', length: hls.waiting, limit: maxWaiting }],
    dropped: {
      ...(await totals(metrics.framesDropped, 'detections ')),
      ...(await totals(metrics.sourceDropped, 'source ')),
      hlsDetections: hls.detectionsDropped,
    },
    faults: {
      workerDeaths: await total(metrics.workerDeaths),
      hlsRestarts: hls.restarts,
      malformedMessages: await total(metrics.malformed),
    },
  };
}

async function totals(counter: Counter<string>, prefix: string): Promise<Record<string, number>> {
  const { values } = await counter.get();
  return Object.fromEntries(
    values.map(({ labels, value }) => [`${prefix}${Object.values(labels).join(' ')}`.trim().slice(0, 40), value]),
  );
}

async function total(counter: Counter<string>): Promise<number> {
  const { values } = await counter.get();
  return values.reduce((sum, { value }) => sum + value, 0);
}
