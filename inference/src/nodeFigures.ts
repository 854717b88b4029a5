import type { NodeFigures } from '@framelock/server/protocol';
import type { ProcessMeter } from '@framelock/server/protocol/node';
import type { DecodePool } from './decode/DecodePool.ts';
import { maxUndecoded } from './decode/DecodeStream.ts';
import type { DetectorPool } from './detect/DetectorPool.ts';
import { dropStages, type Metrics } from './metrics.ts';

export interface NodeFiguresOptions {
  meter: ProcessMeter;
  metrics: Metrics;
  decodePool: DecodePool;
  detectorPool: DetectorPool;
  publications: number;
}

/** What the heartbeat tells of this node: its process, what waits, what was lost. */
export async function nodeFigures(options: NodeFiguresOptions): Promise<NodeFigures> {
  const { meter, metrics, decodePool, detectorPool, publications } = options;
  const own = meter.read('inference');
  const { detectors } = detectorPool.dump();
  const sum = (values: number[]) => values.reduce((total, one) => total + one, 0);
  const frames = await metrics.framesDropped.get();
  const byStage = (stage: string) =>
    sum(frames.values.filter(({ labels }) => labels.stage === stage).map(({ value }) => value));
  const deaths = await metrics.decodeThreadDeaths.get();
  const refused = await metrics.controlRefused.get();
  return {
    processes: own ? [own] : [],
    queues: [
      { name: 'decode', length: decodePool.waiting, limit: maxUndecoded * Math.max(1, publications) },
      {
        name: 'inference',
        length: sum(detectors.map(({ slots }) => slots.used)),
        limit: sum(detectors.map(({ slots }) => slots.count)),
      },
    ],
    dropped: Object.fromEntries(dropStages.map((stage) => [stage, byStage(stage)])),
    faults: {
      decodeThreadDeaths: sum(deaths.values.map(({ value }) => value)),
      modelRestarts: sum(detectors.map(({ restarts }) => restarts)),
      controlRefused: sum(refused.values.map(({ value }) => value)),
    },
  };
}
