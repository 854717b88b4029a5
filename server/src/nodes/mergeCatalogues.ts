import type { ModelAdding, ModelEntry } from '../protocol/index.ts';

/**
 * One catalogue of those of several nodes: a Model is available where every node has it, since any of them may be asked
 * for it, and its adding is as far as on the node where it is least far.
 */
export function mergeCatalogues([first, ...others]: readonly ModelEntry[][]): ModelEntry[] {
  return (first ?? []).map((model) => {
    const elsewhere = others.map((models) => models.find(({ id }) => id === model.id));
    const everywhere = [model, ...elsewhere.filter((one) => one !== undefined)];
    return {
      ...model,
      available: everywhere.length === others.length + 1 && everywhere.every(({ available }) => available),
      adding: everywhere.map(({ adding }) => adding).reduce(leastFar),
      addProblem: everywhere.find(({ addProblem }) => addProblem !== undefined)?.addProblem,
    };
  });
}

function leastFar(a: ModelAdding | undefined, b: ModelAdding | undefined): ModelAdding | undefined {
  if (!a || !b) return a ?? b;
  if (a.phase !== b.phase) return a.phase === 'downloading' ? a : b;
  return b.receivedBytes < a.receivedBytes ? b : a;
}
