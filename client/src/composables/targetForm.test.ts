import { createTargetSchema } from '@framelock/server/protocol';
import { expect, it } from 'vitest';
import { emptyTarget, headersOf, targetChangeOf, targetDraftOf, targetOf } from './targetForm.ts';

const facts = { id: 't', enabled: true, problem: null, createdAt: '', waiting: 0, dead: 0, lastDeliveredAt: null };

it('reads headers, one a line', () => {
  expect(headersOf('Authorization: Bearer a:b\n\nX-One:1')).toEqual({ Authorization: 'Bearer a:b', 'X-One': '1' });
  const wrong = targetOf({ ...emptyTarget(), name: 'x', url: 'https://a.b/', headers: 'no header' });
  expect(createTargetSchema.safeParse(wrong).success).toBe(false);
});

it('leaves what is never shown as it is, unless something new is written', () => {
  const webhook = { ...facts, kind: 'webhook', name: 'Hook', url: 'https://a.b/', headerNames: ['x'] } as const;
  const draft = targetDraftOf({ ...webhook, headerNames: ['x'] });
  expect(targetChangeOf(draft)).toEqual({ name: 'Hook', url: 'https://a.b/' });
  expect(targetChangeOf({ ...draft, headers: 'x: 2' })).toMatchObject({ headers: { x: '2' } });
});

it('makes a broker of a draft, with nothing for what is empty', () => {
  const draft = { ...emptyTarget(), kind: 'mqtt' as const, name: 'Broker', url: 'mqtt://a', username: 'me' };
  expect(createTargetSchema.parse(targetOf(draft))).toMatchObject({ username: 'me', password: null, caPem: null });
  const change = targetChangeOf({ ...draft, password: '' });
  expect(change).toMatchObject({ username: 'me', caPem: null });
  expect(change).not.toHaveProperty('password');
});
