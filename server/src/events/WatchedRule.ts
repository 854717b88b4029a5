import type { EventRuleRow } from '@framelock/db';
import { type Rule, type RuleCondition, ruleConditionSchema } from '../protocol/index.ts';

type Kind = RuleCondition['kind'];
/** One schema may stand for two kinds. */
type ConditionOf<K extends Kind, C = RuleCondition> = C extends { kind: infer Of } ? (K extends Of ? C : never) : never;

/** A rule as it is evaluated. One that did not change is the same object, so that what watches for it goes on. */
export interface WatchedRule<C extends RuleCondition = RuleCondition> {
  readonly id: string;
  readonly name: string;
  /** Null = every Stream. */
  readonly streamId: string | null;
  readonly condition: C;
  readonly targetIds: readonly string[];
  readonly cooldownSeconds: number;
}
export type RuleOf<K extends Kind> = WatchedRule<ConditionOf<K>>;

export function isOfKind<K extends Kind>(rule: WatchedRule, kind: K): rule is RuleOf<K> {
  return rule.condition.kind === kind;
}

/** Undefined: its condition is none that this version knows. */
export function watchedRule(row: EventRuleRow): WatchedRule | undefined {
  const condition = ruleConditionSchema.safeParse(row.condition);
  if (!condition.success) return undefined;
  const { id, name, streamId, targetIds, cooldownSeconds } = row;
  return { id, name, streamId, targetIds, cooldownSeconds, condition: condition.data };
}

export function ruleView(row: EventRuleRow): Rule | undefined {
  const watched = watchedRule(row);
  if (!watched) return undefined;
  const { enabled, createdAt, firedAt, fired, suppressed } = row;
  return {
    ...{ ...watched, targetIds: row.targetIds, enabled, fired, suppressed },
    createdAt: createdAt.toISOString(),
    firedAt: firedAt?.toISOString() ?? null,
  };
}

export const takesLabel = (labels: readonly string[] | null, label: string): boolean =>
  labels === null || labels.includes(label);
