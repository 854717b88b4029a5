import { describe, expect, it } from 'vitest';
import { CaptureProblem } from './CaptureProblem.ts';

describe('CaptureProblem', () => {
  it.each([
    ['NotAllowedError', 'denied'],
    ['NotFoundError', 'notFound'],
    ['OverconstrainedError', 'notFound'],
    ['NotReadableError', 'inUse'],
    ['TypeError', 'unsupported'],
  ])('says what %s means, and what to do', (name, code) => {
    const problem = CaptureProblem.from(Object.assign(new Error('technical words'), { name }));
    expect(problem.code).toBe(code);
    expect(problem.message).toMatch(/[A-Z].+\./);
    expect(CaptureProblem.from(problem)).toBe(problem);
  });

  it('takes anything thrown', () => {
    expect(CaptureProblem.from('nonsense').code).toBe('unsupported');
  });
});
