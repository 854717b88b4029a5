import {
  accessViewSchema,
  auditListSchema,
  createdTokenSchema,
  rotatedKeySchema,
  sessionListSchema,
  shareListSchema,
  shareViewSchema,
  tokenListSchema,
  userListSchema,
  userViewSchema,
  type AccessView,
  type Grant,
  type Role,
  type ShareView,
  type TokenView,
  type UserView,
} from '@framelock/server/protocol';
import { z } from 'zod';
import { request } from './request.ts';

const base = '/api/v1';
/** Passwords are hashed slowly on purpose, and one after the other. */
const hashTimeoutMs = 30_000;

type Signal = AbortSignal | undefined;
const by = (signal: Signal) => (signal ? { signal } : {});

export type SessionView = z.output<typeof sessionListSchema>['sessions'][number];
export type AuditPage = z.output<typeof auditListSchema>;

/** Who the server takes us for, and how to be let in. Asks for no token by itself. */
export function readAccess(signal?: AbortSignal): Promise<AccessView> {
  return request(`${base}/access`, accessViewSchema, { needed: false, ...by(signal) });
}

/** Sets the session cookie, which pages can't read. */
export function signIn(name: string, password: string): Promise<AccessView> {
  const options = { method: 'POST', body: { name, password }, needed: false, timeoutMs: hashTimeoutMs } as const;
  return request(`${base}/login`, accessViewSchema, options);
}

export async function signOut(): Promise<void> {
  await request(`${base}/logout`, z.unknown(), { method: 'POST', needed: false });
}

export async function changePassword(current: string, password: string): Promise<void> {
  const body = { current, password };
  await request(`${base}/password`, z.unknown(), { method: 'PUT', body, timeoutMs: hashTimeoutMs });
}

export async function listSessions(signal?: AbortSignal): Promise<SessionView[]> {
  return (await request(`${base}/sessions`, sessionListSchema, by(signal))).sessions;
}

export async function endSession(id: string): Promise<void> {
  await request(`${base}/sessions/${encodeURIComponent(id)}`, z.unknown(), { method: 'DELETE' });
}

export async function listUsers(signal?: AbortSignal): Promise<UserView[]> {
  return (await request(`${base}/users`, userListSchema, by(signal))).users;
}

export function createUser(user: { name: string; password: string; role: Role }): Promise<UserView> {
  return request(`${base}/users`, userViewSchema, { method: 'POST', body: user, timeoutMs: hashTimeoutMs });
}

/** What is not named stays as it is. */
export function changeUser(
  id: string,
  change: { role?: Role; disabled?: boolean; password?: string },
): Promise<UserView> {
  const options = { method: 'PATCH', body: change, timeoutMs: hashTimeoutMs } as const;
  return request(`${base}/users/${encodeURIComponent(id)}`, userViewSchema, options);
}

export async function deleteUser(id: string): Promise<void> {
  await request(`${base}/users/${encodeURIComponent(id)}`, z.unknown(), { method: 'DELETE' });
}

export async function listTokens(signal?: AbortSignal): Promise<TokenView[]> {
  return (await request(`${base}/tokens`, tokenListSchema, by(signal))).tokens;
}

/** The answer is the only one that has the token itself. */
export function createToken(wish: { name: string; grants: Grant[]; expiresInS: number | null }) {
  return request(`${base}/tokens`, createdTokenSchema, { method: 'POST', body: wish });
}

export async function revokeToken(id: string): Promise<void> {
  await request(`${base}/tokens/${encodeURIComponent(id)}`, z.unknown(), { method: 'DELETE' });
}

/** Newest first. */
export function readAudit(cursor: string | undefined, signal?: AbortSignal): Promise<AuditPage> {
  const query = new URLSearchParams({ limit: '50', ...(cursor === undefined ? {} : { cursor }) });
  return request(`${base}/audit?${query.toString()}`, auditListSchema, by(signal));
}

const shares = (streamId: string) => `${base}/streams/${encodeURIComponent(streamId)}/shares`;

export async function listShares(streamId: string, signal?: AbortSignal): Promise<ShareView[]> {
  return (await request(shares(streamId), shareListSchema, { needed: false, ...by(signal) })).shares;
}

export function createShare(streamId: string, wish: { name: string; expiresInS: number }): Promise<ShareView> {
  return request(shares(streamId), shareViewSchema, { method: 'POST', body: wish });
}

export async function revokeShare(streamId: string, id: string): Promise<void> {
  await request(`${shares(streamId)}/${encodeURIComponent(id)}`, z.unknown(), { method: 'DELETE' });
}

/** The key of before is none from then on. */
export async function rotateKey(streamId: string): Promise<string> {
  const path = `${base}/streams/${encodeURIComponent(streamId)}/key`;
  return (await request(path, rotatedKeySchema, { method: 'POST' })).streamKey;
}
