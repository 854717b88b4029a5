import { describe, expect, it } from 'vitest';
import { changeTargetSchema, createRuleSchema, createTargetSchema } from './rules.ts';

describe('what rules and targets take', () => {
  const hostile = ['a\u0000b', '\ud800', 'a\nb'];

  it.each(hostile)('nothing that no database holds: %j', (text) => {
    const rule = (labels: string[]) => ({ name: 'x', condition: { kind: 'labelSeen', labels } });
    expect(createRuleSchema.safeParse(rule(['Tür ☃ 🎥'])).success).toBe(true);
    expect(createRuleSchema.safeParse(rule([text])).success).toBe(false);
    const hook = { kind: 'webhook', name: 'x', url: `https://a.example/${text}` };
    expect(createTargetSchema.safeParse(hook).success).toBe(false);
    const broker = { kind: 'mqtt', name: 'x', url: 'mqtt://a.example' };
    expect(createTargetSchema.safeParse(broker).success).toBe(true);
    for (const field of ['username', 'password', 'topicPrefix', 'url', 'caPem']) {
      expect(createTargetSchema.safeParse({ ...broker, [field]: text }).success).toBe(false);
      expect(changeTargetSchema.safeParse({ [field]: text }).success).toBe(false);
    }
    expect(changeTargetSchema.safeParse({ headers: { 'X-A': text } }).success).toBe(false);
  });

  it('a condition by its kind', () => {
    const condition = (one: object) => createRuleSchema.safeParse({ name: 'x', condition: one });
    expect(condition({ kind: 'count', over: 3 }).data!.condition).toEqual({
      ...{ kind: 'count', over: 3, seconds: 0, zoneId: null, labels: null },
    });
    expect(condition({ kind: 'analysisBack' }).data!.condition).toEqual({
      kind: 'analysisBack',
      share: 0.5,
      seconds: 10,
    });
    expect(condition({ kind: 'dwell' }).success).toBe(false);
    expect(condition({ kind: 'nothing' }).success).toBe(false);
  });
});
