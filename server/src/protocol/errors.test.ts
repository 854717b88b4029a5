import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  errorBodySchema,
  parseOrRefuse,
  Refusal,
  refusalOf,
  refusalSchema,
  refusalStatus,
  type RefusalCode,
} from './errors.ts';

const seed = { seed: 20_261_120, numRuns: 300 };

describe('Refusal', () => {
  it('crosses the wire as code, message and details, and never with a stack', () => {
    for (const code of Object.keys(refusalStatus) as RefusalCode[]) {
      const refusal = new Refusal(code, 'no', { why: 'test' });
      const body: unknown = JSON.parse(JSON.stringify({ error: refusal }));
      expect(body).toEqual({ error: { code, message: 'no', details: { why: 'test' } } });
      expect(errorBodySchema.parse(body).error.code).toBe(code);
      expect(refusal.status).toBe(refusalStatus[code]);
      expect(refusal.status).toBeGreaterThanOrEqual(400);
    }
    expect(new Refusal('gone', 'x').toJSON()).toEqual({ code: 'gone', message: 'x' });
  });

  it('does not accept a code that is none', () => {
    for (const code of ['__proto__', 'constructor', 'toString', '', 'BADREQUEST']) {
      expect(refusalSchema.safeParse({ code, message: 'x' }).success).toBe(false);
    }
  });
});

describe('refusalOf', () => {
  it('tells nothing of what is no Refusal', () => {
    fc.assert(
      fc.property(fc.anything(), (thrown) => {
        const refusal = refusalOf(thrown);
        expect(refusal.code).toBe('internal');
        expect(JSON.stringify(refusal)).toBe(JSON.stringify(refusalOf(undefined)));
      }),
      seed,
    );
    expect(refusalOf(new Error('password=hunter2')).message).not.toContain('hunter2');
  });

  it('leaves a Refusal as it is', () => {
    const refusal = new Refusal('conflict', 'x');
    expect(refusalOf(refusal)).toBe(refusal);
  });
});

describe('parseOrRefuse', () => {
  const schema = z.object({ name: z.string(), port: z.number().int() });

  it('gives what the schema gives', () => {
    expect(parseOrRefuse(schema, { name: 'a', port: 1, extra: true }, 'it')).toEqual({ name: 'a', port: 1 });
  });

  it('refuses anything else with every problem in one sentence', () => {
    expect(() => parseOrRefuse(schema, { name: 1, port: 'x' }, 'it')).toThrow(/^it is not valid: name: .*; port: /);
    fc.assert(
      fc.property(fc.anything(), (value) => {
        try {
          parseOrRefuse(schema, value, 'it');
        } catch (error) {
          expect(error).toBeInstanceOf(Refusal);
          expect((error as Refusal).code).toBe('badRequest');
        }
      }),
      seed,
    );
  });

  it('stays short however much is wrong', () => {
    const many = z.object(Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`key${i}`, z.string()])));
    expect(() => parseOrRefuse(many, {}, 'it')).toThrow(Refusal);
    try {
      parseOrRefuse(many, {}, 'it');
    } catch (error) {
      expect((error as Error).message.length).toBeLessThan(1_000);
    }
  });
});
