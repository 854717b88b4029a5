import { InferenceThread, type ModelFacts } from '../detect/InferenceThread.ts';
import type { CatalogueEntry } from './catalogueEntry.ts';

/**
 * Loads a model file in a thread of its own, runs it once and ends the thread. Refuses with `unsupported`, naming the
 * mismatch, when it does not load, does not fit its entry, or (without an entry) fits no known family.
 */
export async function inspectModelFile(modelPath: string, entry?: CatalogueEntry): Promise<ModelFacts> {
  // What its outputs mean does not depend on the provider, and the CPU is always there.
  const options = { modelPath, entry, executionProvider: 'cpu', intraOpNumThreads: 1 } as const;
  const thread = await InferenceThread.create({ ...options, onFault: () => {} });
  await thread.close('inspected');
  return thread.facts;
}
