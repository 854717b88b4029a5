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

export async function listRules(signal?: AbortSignal): Promise<Rule[]> {
  return (await request('get', `${v1}/rules`, ruleListSchema, { signal })).rules;
}

export function createRule(rule: CreateRule): Promise<Rule> {
  return request('post', `${v1}/rules`, ruleSchema, { body: rule });
}

/** What is not named stays as it is; a condition is replaced whole. */
export function changeRule(id: string, change: ChangeRule): Promise<Rule> {
  return request('patch', `${v1}/rules/{id}`, ruleSchema, { path: { id }, body: change });
}

export async function deleteRule(id: string): Promise<void> {
  await request('delete', `${v1}/rules/{id}`, nothing, { path: { id } });
}

export async function listTargets(signal?: AbortSignal): Promise<EventTarget[]> {
  return (await request('get', `${v1}/targets`, targetListSchema, { signal })).targets;
}

/** The answer has a webhook's secret, which is never told again. */
export function createTarget(target: CreateTarget): Promise<TargetAnswer> {
  return request('post', `${v1}/targets`, targetAnswerSchema, { body: target });
}

export function changeTarget(id: string, change: ChangeTarget): Promise<TargetAnswer> {
  return request('patch', `${v1}/targets/{id}`, targetAnswerSchema, { path: { id }, body: change });
}

export async function deleteTarget(id: string): Promise<void> {
  await request('delete', `${v1}/targets/{id}`, nothing, { path: { id } });
}

/** Sends one event at once, without retries; what came of it is the answer. */
export function testTarget(id: string): Promise<TargetTest> {
  return request('post', `${v1}/targets/{id}/test`, targetTestSchema, { path: { id }, timeoutMs: testTimeoutMs });
}

export interface DeliveryFilter {
  state?: DeliveryState | undefined;
  targetId?: string | undefined;
  cursor?: string | undefined;
}

/** Newest first. */
export function listDeliveries(filter: DeliveryFilter, signal?: AbortSignal): Promise<DeliveryList> {
  return request('get', `${v1}/deliveries`, deliveryListSchema, { query: { limit: 50, ...filter }, signal });
}

export async function retryDelivery(id: string): Promise<void> {
  await request('post', `${v1}/deliveries/{id}/retry`, eventDeliverySchema, { path: { id } });
}

export async function deleteDelivery(id: string): Promise<void> {
  await request('delete', `${v1}/deliveries/{id}`, nothing, { path: { id } });
}
