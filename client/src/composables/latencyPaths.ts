import type { LatencyBudget } from '../player/PlayerStats.ts';

export interface LatencyPart {
  key: keyof LatencyBudget;
  label: string;
  what: string;
  /** null = not known (yet). */
  ms: number | null;
  /** CSS custom property of its colour. */
  color: string;
}

export interface LatencyPath {
  name: string;
  parts: LatencyPart[];
  /** Sum of the parts that are known, ms. */
  totalMs: number;
  complete: boolean;
}

const described: Record<keyof LatencyBudget, { label: string; what: string; color: string }> = {
  captureToSend: {
    label: 'Encode and send',
    what: 'On the publisher: captured to last packet sent',
    color: '--series-4',
  },
  uplink: { label: 'Uplink', what: 'Half the round trip from publisher to server (estimated)', color: '--series-7' },
  decode: { label: 'Decode', what: 'On the inference node: last packet to decoded picture', color: '--series-2' },
  queue: { label: 'Queue', what: 'Decoded picture to the start of the model', color: '--series-9' },
  inference: { label: 'Inference', what: "The model's run", color: '--series-5' },
  publish: { label: 'Publish', what: 'End of the model to sent', color: '--series-8' },
  dataChannel: { label: 'Data channel', what: 'Sent by the inference node to arrived here', color: '--series-3' },
  jitterBuffer: {
    label: 'Jitter buffer',
    what: 'Here: last packet to presentation; Lock waits here',
    color: '--series-1',
  },
  display: { label: 'Display', what: 'Presentation to drawn on the canvas', color: '--series-6' },
};

const pictureKeys = ['captureToSend', 'uplink', 'jitterBuffer', 'display'] as const;
const detectionKeys = [
  'captureToSend',
  'uplink',
  'decode',
  'queue',
  'inference',
  'publish',
  'dataChannel',
] as const satisfies (keyof LatencyBudget)[];

/**
 * Picture and detections travel side by side after the uplink, so one bar of all parts would count the time twice:
 * two paths on one scale it is. In Lock the picture's must be the longer one.
 */
export function latencyPaths(budget: LatencyBudget): LatencyPath[] {
  return [path('Picture', pictureKeys, budget), path('Detections', detectionKeys, budget)];
}

function path(name: string, keys: readonly (keyof LatencyBudget)[], budget: LatencyBudget): LatencyPath {
  const parts = keys.map((key) => ({ key, ms: known(budget[key]), ...described[key] }));
  return {
    name,
    parts,
    totalMs: parts.reduce((sum, part) => sum + (part.ms ?? 0), 0),
    complete: parts.every((part) => part.ms !== null),
  };
}

/** A clock offset's error can make a short stretch negative: shown as nothing, never as less than nothing. */
function known(ms: number | null): number | null {
  return ms === null || !Number.isFinite(ms) ? null : Math.max(0, ms);
}
