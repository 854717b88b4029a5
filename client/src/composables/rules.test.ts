import type { Rule, RuleCondition } from '@framelock/server/protocol';
import { describe, expect, it } from 'vitest';
import { draftOf, emptyDraft, labelsOf, ruleOf } from './ruleForm.ts';
import { conditionWords, ruleWords, secondsWords } from './ruleWords.ts';

const names = {
  streams: new Map([['front', 'Front door']]),
  zones: new Map([['door', 'Door']]),
  brands: new Map([['acme', 'Acme']]),
};

it.each<[RuleCondition, string]>([
  [{ kind: 'dwell', seconds: 5, zoneId: 'door', labels: ['person'] }, 'When a person stays in Door for over 5 s'],
  [
    { kind: 'zone', on: ['entered', 'left'], zoneId: null, labels: null },
    'When anything enters or leaves any zone or line',
  ],
  [
    { kind: 'zone', on: ['crossedIn'], zoneId: 'gone', labels: ['apple', 'dog'] },
    'When an apple or a dog crosses inwards a zone that is gone',
  ],
  [
    { kind: 'count', over: 3, seconds: 120, zoneId: null, labels: ['car'] },
    'When there are more than 3 objects (car) in the picture for 2 min',
  ],
  [{ kind: 'labelSeen', labels: ['cat'], minScore: 0.5 }, 'When a cat is seen, at least 50 % sure'],
  [{ kind: 'brandSeen', brandIds: ['acme'] }, 'When Acme is seen'],
  [{ kind: 'brandSeen', brandIds: null }, 'When any brand is seen'],
  [{ kind: 'analysisLate', share: 0.5, seconds: 10 }, 'When less than 50 % of the frames are analysed for 10 s'],
])('says %j in words', (condition, words) => expect(conditionWords(condition, names)).toBe(words));

it('names the Stream', () => {
  expect(ruleWords({ condition: { kind: 'streamDown' }, streamId: 'front' }, names)).toBe('When Front door ends');
  expect(ruleWords({ condition: { kind: 'streamDown' }, streamId: null }, names)).toBe('When a Stream ends');
  const seen = { kind: 'labelSeen', labels: ['cat'], minScore: 0 } as const;
  const words = ruleWords({ condition: { ...seen, labels: [...seen.labels] }, streamId: 'front' }, names);
  expect(words).toBe('When a cat is seen, on Front door');
});

it('says seconds in the unit that fits', () => {
  expect([5, 90, 120, 7200].map(secondsWords)).toEqual(['5 s', '90 s', '2 min', '2 h']);
});

describe('the form of a rule', () => {
  it('makes of a draft what it was made of', () => {
    const condition: RuleCondition = { kind: 'count', over: 3, seconds: 4, zoneId: 'door', labels: ['a', 'b'] };
    const facts = { name: 'Busy', streamId: 'front', condition, targetIds: ['hook'], cooldownSeconds: 60 };
    const rule: Rule = {
      ...{ id: 'r', enabled: false, createdAt: '', firedAt: null, fired: 0, suppressed: 0 },
      ...facts,
    };
    expect(ruleOf(draftOf(rule))).toEqual({ rule: facts });
  });

  it('says what is wrong where it is wrong', () => {
    const problems = (change: Partial<ReturnType<typeof emptyDraft>>) => {
      const made = ruleOf({ ...emptyDraft(), name: 'x', ...change });
      return 'problems' in made ? made.problems : {};
    };
    expect(problems({})).toEqual({});
    expect(problems({ on: [] })).toEqual({ on: 'say what is to happen at the zone or line' });
    expect(problems({ kind: 'labelSeen' })).toEqual({ labels: 'name a label, or null for all' });
    expect(Object.keys(problems({ name: '  ' }))).toEqual(['name']);
    expect(Object.keys(problems({ kind: 'dwell', seconds: 0 }))).toEqual(['seconds']);
  });

  it('reads labels between commas, each once', () => {
    expect(labelsOf(' person, dog ,,person')).toEqual(['person', 'dog']);
  });
});
