import {
  executionProviderSchema,
  modelEntrySchema,
  modelListSchema,
  readinessSchema,
  systemViewSchema,
  type Readiness,
  type SystemView,
} from '@framelock/server/protocol';
import { z } from 'zod';
import { request } from './request.ts';

const modelAnswerSchema = modelListSchema.extend({
  executionProvider: executionProviderSchema.nullish(),
  /** Why the default model could not be loaded, when it could not. */
  defaultModelProblem: z.string().nullish(),
});
export type ModelList = z.infer<typeof modelAnswerSchema>;

/** For administrators; where the list only adds to a page, `needed` is false. */
export function listModels(signal?: AbortSignal, needed = true): Promise<ModelList> {
  return request('get', '/api/v1/models', modelAnswerSchema, { needed, signal });
}

/** The list where a page can do without it, as for who holds a stream key only. */
export function listModelsIfAllowed(signal?: AbortSignal): Promise<ModelList> {
  return listModels(signal, false);
}

/** Downloads and verifies a catalogued Model on the inference nodes; some hundred MiB take minutes. */
export async function addModel(modelId: string): Promise<void> {
  const timeoutMs = 10 * 60_000;
  await request('post', '/api/v1/models', modelEntrySchema, { body: { modelId }, timeoutMs });
}

/** 503 is an answer: it names what is missing. */
export function readReadiness(signal?: AbortSignal): Promise<Readiness> {
  return request('get', '/readyz', readinessSchema, { accept: [503], signal });
}

/** Nodes, stages, queues, drops and faults, with the last five minutes. */
export function readSystem(signal?: AbortSignal): Promise<SystemView> {
  return request('get', '/api/v1/system', systemViewSchema, { needed: false, signal });
}
