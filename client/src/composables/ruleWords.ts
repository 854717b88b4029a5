import type { EventKind, Rule, RuleCondition, RuleConditionKind } from '@framelock/server/protocol';

/** What ids stand for, where that is known. */
export interface Names {
  streams: ReadonlyMap<string, string>;
  /** Of zones and lines. */
  zones: ReadonlyMap<string, string>;
  brands: ReadonlyMap<string, string>;
}

export const conditionKinds: { value: RuleConditionKind; label: string }[] = [
  { value: 'zone', label: 'Something enters, leaves or crosses' },
  { value: 'dwell', label: 'Something stays too long' },
  { value: 'count', label: 'Too many at once' },
  { value: 'labelSeen', label: 'Something is seen' },
  { value: 'brandSeen', label: 'A brand is seen' },
  { value: 'streamUp', label: 'A Stream goes live' },
  { value: 'streamDown', label: 'A Stream ends' },
  { value: 'analysisLate', label: 'The analysis is late' },
  { value: 'analysisBack', label: 'The analysis is back' },
];

export const zoneWords = {
  entered: 'enters',
  left: 'leaves',
  crossedIn: 'crosses inwards',
  crossedOut: 'crosses outwards',
} as const;

const eventWords: Record<EventKind, string> = {
  entered: 'Entered',
  left: 'Left',
  dwell: 'Stayed',
  crossedIn: 'Crossed in',
  crossedOut: 'Crossed out',
  brandSeen: 'Brand seen',
  streamUp: 'Stream live',
  streamDown: 'Stream ended',
  analysisLate: 'Analysis late',
  analysisBack: 'Analysis back',
  ruleFired: 'Rule fired',
};

export const eventName = (kind: EventKind): string => eventWords[kind];

/** `a person`, `a person or a dog`, `anything`. */
export function labelWords(labels: readonly string[] | null): string {
  if (labels === null || labels.length === 0) return 'anything';
  return joined(labels.map((label) => `${/^[aeiou]/i.test(label) ? 'an' : 'a'} ${label}`));
}

/** `When a person stays in Door for over 5 s`. */
export function conditionWords(condition: RuleCondition, { zones, brands }: Names): string {
  const zone = (id: string | null, any: string) => (id === null ? any : (zones.get(id) ?? 'a zone that is gone'));
  switch (condition.kind) {
    case 'zone':
      return `When ${labelWords(condition.labels)} ${joined(condition.on.map((one) => zoneWords[one]))} ${zone(condition.zoneId, 'any zone or line')}`;
    case 'dwell':
      return `When ${labelWords(condition.labels)} stays in ${zone(condition.zoneId, 'any zone')} for over ${secondsWords(condition.seconds)}`;
    case 'count': {
      const what = condition.labels ? `objects (${condition.labels.join(' or ')})` : 'objects';
      const where = condition.zoneId === null ? 'in the picture' : `in ${zone(condition.zoneId, '')}`;
      const lasting = condition.seconds > 0 ? ` for ${secondsWords(condition.seconds)}` : '';
      return `When there are more than ${condition.over} ${what} ${where}${lasting}`;
    }
    case 'labelSeen': {
      const sure = condition.minScore > 0 ? `, at least ${Math.round(condition.minScore * 100)} % sure` : '';
      return `When ${labelWords(condition.labels)} is seen${sure}`;
    }
    case 'brandSeen': {
      const named = condition.brandIds?.map((id) => brands.get(id) ?? 'a brand that is gone');
      return `When ${named ? joined(named) : 'any brand'} is seen`;
    }
    case 'streamUp':
      return 'When a Stream goes live';
    case 'streamDown':
      return 'When a Stream ends';
    case 'analysisLate':
      return `When less than ${Math.round(condition.share * 100)} % of the frames are analysed for ${secondsWords(condition.seconds)}`;
    case 'analysisBack':
      return 'When a late analysis is back';
  }
}

/** The condition and the Stream that it is asked of. */
export function ruleWords(rule: Pick<Rule, 'condition' | 'streamId'>, names: Names): string {
  const name = rule.streamId === null ? undefined : (names.streams.get(rule.streamId) ?? 'a Stream that is gone');
  const { kind } = rule.condition;
  if (kind === 'streamUp' && name) return `When ${name} goes live`;
  if (kind === 'streamDown' && name) return `When ${name} ends`;
  const words = conditionWords(rule.condition, names);
  return name && kind !== 'streamUp' && kind !== 'streamDown' ? `${words}, on ${name}` : words;
}

export function secondsWords(seconds: number): string {
  if (seconds >= 3600 && seconds % 3600 === 0) return `${seconds / 3600} h`;
  return seconds >= 60 && seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
}

function joined(words: readonly string[]): string {
  return words.length < 2 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}
