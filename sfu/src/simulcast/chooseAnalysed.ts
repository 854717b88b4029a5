/** What there is to know of a layer when one is chosen for analysis. */
export interface LayerFlow {
  id: string;
  /** 0 = the largest picture. */
  order: number;
  /** Since when its packets come; undefined = none come. */
  flowingSinceMs: number | undefined;
  everFlowed: boolean;
}

/** A layer that comes, in place of one that does not, is believed after this. */
const replaceAfterMs = 500;
/** A larger one than the one that flows: a browser's bandwidth estimate turns its large layers on and off. */
const upgradeAfterMs = 3_000;

/** The layer to analyse: the largest while it flows. Each change begins analysis anew, so it does not follow every flicker. */
export function chooseAnalysed<T extends LayerFlow>(
  layers: readonly T[],
  currentId: string | undefined,
  nowMs: number,
): T | undefined {
  const bySize = layers.toSorted((a, b) => a.order - b.order);
  const current = bySize.find(({ id }) => id === currentId);
  const flowsFor = (layer: T): number => (layer.flowingSinceMs === undefined ? -1 : nowMs - layer.flowingSinceMs);
  if (!current) return bySize.find((layer) => flowsFor(layer) >= 0) ?? bySize[0];
  if (flowsFor(current) >= 0) {
    return bySize.find((layer) => layer.order < current.order && flowsFor(layer) >= upgradeAfterMs) ?? current;
  }
  const next = bySize.find((layer) => flowsFor(layer) >= replaceAfterMs);
  // Before anything flows the largest is expected.
  return next ?? (current.everFlowed ? current : bySize[0]);
}
