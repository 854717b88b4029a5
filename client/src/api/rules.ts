import {
  deliveryListSchema,
  eventDeliverySchema,
  ruleListSchema,
  ruleSchema,
  targetAnswerSchema,
  targetListSchema,
  targetTestSchema,
  type ChangeRule,
  type ChangeTarget,
  type CreateRule,
  type CreateTarget,
  type DeliveryList,
  type DeliveryState,
  type EventTarget,
  type Rule,
  type TargetAnswer,
  type TargetTest,
} from '@framelock/server/protocol';
import { z } from 'zod';
import { request } from './request.ts';

const v1 = '/api/v1';
const nothing = z.unknown();
/** The server waits for a receiver some seconds, and for its broker. */
const testTimeoutMs = 40_000;
const at = (base: string, id: string) => `${v1}/${base}/${encodeURIComponent(id)}`;

export async function listRules(signal?: AbortSignal): Promise<Rule[]> {
  return (await request(`${v1}/rules`, ruleListSchema, { ...(signal ? { signal } : {}) })).rules;
}

export function createRule(rule: CreateRule): Promise<Rule> {
  return request(`${v1}/rules`, ruleSchema, { method: 'POST', body: rule });
}

/** What is not named stays as it is; a condition is replaced whole. */
export function changeRule(id: string, change: ChangeRule): Promise<Rule> {
  return request(at('rules', id), ruleSchema, { method: 'PATCH', body: change });
}

export async function deleteRule(id: string): Promise<void> {
  await request(at('rules', id), nothing, { method: 'DELETE' });
}

export async function listTargets(signal?: AbortSignal): Promise<EventTarget[]> {
  return (await request(`${v1}/targets`, targetListSchema, { ...(signal ? { signal } : {}) })).targets;
}

/** The answer has a webhook's secret, which is never told again. */
export function createTarget(target: CreateTarget): Promise<TargetAnswer> {
  return request(`${v1}/targets`, targetAnswerSchema, { method: 'POST', body: target });
}

export function changeTarget(id: string, change: ChangeTarget): Promise<TargetAnswer> {
  return request(at('targets', id), targetAnswerSchema, { method: 'PATCH', body: change });
}

export async function deleteTarget(id: string): Promise<void> {
  await request(at('targets', id), nothing, { method: 'DELETE' });
}

/** Sends one event at once, without retries; what came of it is the answer. */
export function testTarget(id: string): Promise<TargetTest> {
  return request(`${at('targets', id)}/test`, targetTestSchema, { method: 'POST', timeoutMs: testTimeoutMs });
}

export interface DeliveryFilter {
  state?: DeliveryState | undefined;
  targetId?: string | undefined;
  cursor?: string | undefined;
}

/** Newest first. */
export function listDeliveries(filter: DeliveryFilter, signal?: AbortSignal): Promise<DeliveryList> {
  const query = new URLSearchParams({ limit: '50' });
  for (const [name, value] of Object.entries(filter)) if (value) query.set(name, String(value));
  return request(`${v1}/deliveries?${query}`, deliveryListSchema, { ...(signal ? { signal } : {}) });
}

export async function retryDelivery(id: string): Promise<void> {
  await request(`${at('deliveries', id)}/retry`, eventDeliverySchema, { method: 'POST' });
}

export async function deleteDelivery(id: string): Promise<void> {
  await request(at('deliveries', id), nothing, { method: 'DELETE' });
}
