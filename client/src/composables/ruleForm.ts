import { createRuleSchema, type CreateRule, type Rule, type RuleConditionKind } from '@framelock/server/protocol';
import { type zoneWords } from './ruleWords.ts';

/** All that the form can hold; which of it counts depends on `kind`. */
export interface RuleDraft {
  name: string;
  streamId: string | null;
  kind: RuleConditionKind;
  on: (keyof typeof zoneWords)[];
  zoneId: string | null;
  /** Separated by commas; empty = any. */
  labels: string;
  seconds: number;
  over: number;
  minScorePercent: number;
  brandIds: string[];
  sharePercent: number;
  targetIds: string[];
  cooldownSeconds: number;
}

export function emptyDraft(): RuleDraft {
  return {
    name: '',
    streamId: null,
    kind: 'zone',
    on: ['entered'],
    zoneId: null,
    labels: '',
    seconds: 10,
    over: 5,
    minScorePercent: 50,
    brandIds: [],
    sharePercent: 50,
    targetIds: [],
    cooldownSeconds: 0,
  };
}

export function draftOf(rule: Rule): RuleDraft {
  const { name, streamId, condition, targetIds, cooldownSeconds } = rule;
  const draft: RuleDraft = { ...emptyDraft(), name, streamId, targetIds: [...targetIds], cooldownSeconds };
  draft.kind = condition.kind;
  if ('on' in condition) draft.on = [...condition.on];
  if ('zoneId' in condition) draft.zoneId = condition.zoneId;
  if ('labels' in condition) draft.labels = condition.labels?.join(', ') ?? '';
  if ('seconds' in condition) draft.seconds = condition.seconds;
  if ('over' in condition) draft.over = condition.over;
  if ('minScore' in condition) draft.minScorePercent = Math.round(condition.minScore * 100);
  if ('brandIds' in condition) draft.brandIds = [...(condition.brandIds ?? [])];
  if ('share' in condition) draft.sharePercent = Math.round(condition.share * 100);
  return draft;
}

export function labelsOf(text: string): string[] {
  return [...new Set(text.split(',').map((label) => label.trim()))].filter((label) => label !== '');
}

function conditionOf(draft: RuleDraft): unknown {
  const { kind, zoneId, seconds, over } = draft;
  const named = labelsOf(draft.labels);
  const labels = named.length > 0 ? named : null;
  switch (kind) {
    case 'zone':
      return { kind, on: draft.on, zoneId, labels };
    case 'dwell':
      return { kind, seconds, zoneId, labels };
    case 'count':
      return { kind, over, seconds, zoneId, labels };
    case 'labelSeen':
      return { kind, labels: named, minScore: draft.minScorePercent / 100 };
    case 'brandSeen':
      return { kind, brandIds: draft.brandIds.length > 0 ? draft.brandIds : null };
    case 'analysisLate':
    case 'analysisBack':
      return { kind, share: draft.sharePercent / 100, seconds };
    default:
      return { kind };
  }
}

/** The rule, or what is wrong with the draft as the schema says it, by the field: `name`, `labels`, `on`… */
export function ruleOf(draft: RuleDraft): { rule: CreateRule } | { problems: Record<string, string> } {
  const { name, streamId, targetIds, cooldownSeconds } = draft;
  const parsed = createRuleSchema.safeParse({
    ...{ name, streamId, targetIds, cooldownSeconds, condition: conditionOf(draft) },
  });
  if (parsed.success) {
    // Whether it is on is not the form's matter: an edit must not switch it.
    const { enabled: _enabled, ...rule } = parsed.data;
    return { rule };
  }
  const problems: Record<string, string> = {};
  for (const { path, message } of parsed.error.issues) {
    const field = String(path[0] === 'condition' ? (path[1] ?? 'kind') : path[0]);
    problems[field] ??= message;
  }
  return { problems };
}
