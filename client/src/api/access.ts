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

/** Passwords are hashed slowly on purpose, and one after the other. */
const hashTimeoutMs = 30_000;

export type SessionView = z.output<typeof sessionListSchema>['sessions'][number];
export type AuditPage = z.output<typeof auditListSchema>;

/** Who the server takes us for, and how to be let in. Asks for no token by itself. */
export function readAccess(signal?: AbortSignal): Promise<AccessView> {
  return request('get', '/api/v1/access', accessViewSchema, { needed: false, signal });
}

/** Sets the session cookie, which pages can't read. */
export function signIn(name: string, password: string): Promise<AccessView> {
  const body = { name, password };
  return request('post', '/api/v1/login', accessViewSchema, { body, needed: false, timeoutMs: hashTimeoutMs });
}

export async function signOut(): Promise<void> {
  await request('post', '/api/v1/logout', z.unknown(), { needed: false });
}

export async function changePassword(current: string, password: string): Promise<void> {
  const body = { current, password };
  await request('put', '/api/v1/password', z.unknown(), { body, timeoutMs: hashTimeoutMs });
}

export async function listSessions(signal?: AbortSignal): Promise<SessionView[]> {
  return (await request('get', '/api/v1/sessions', sessionListSchema, { signal })).sessions;
}

export async function endSession(id: string): Promise<void> {
  await request('delete', '/api/v1/sessions/{id}', z.unknown(), { path: { id } });
}

export async function listUsers(signal?: AbortSignal): Promise<UserView[]> {
  return (await request('get', '/api/v1/users', userListSchema, { signal })).users;
}

export function createUser(user: { name: string; password: string; role: Role }): Promise<UserView> {
  return request('post', '/api/v1/users', userViewSchema, { body: user, timeoutMs: hashTimeoutMs });
}

/** What is not named stays as it is. */
export function changeUser(
  id: string,
  change: { role?: Role; disabled?: boolean; password?: string },
): Promise<UserView> {
  const input = { path: { id }, body: change, timeoutMs: hashTimeoutMs };
  return request('patch', '/api/v1/users/{id}', userViewSchema, input);
}

export async function deleteUser(id: string): Promise<void> {
  await request('delete', '/api/v1/users/{id}', z.unknown(), { path: { id } });
}

export async function listTokens(signal?: AbortSignal): Promise<TokenView[]> {
  return (await request('get', '/api/v1/tokens', tokenListSchema, { signal })).tokens;
}

/** The answer is the only one that has the token itself. */
export function createToken(wish: { name: string; grants: Grant[]; expiresInS: number | null }) {
  return request('post', '/api/v1/tokens', createdTokenSchema, { body: wish });
}

export async function revokeToken(id: string): Promise<void> {
  await request('delete', '/api/v1/tokens/{id}', z.unknown(), { path: { id } });
}

/** Newest first. */
export function readAudit(cursor: string | undefined, signal?: AbortSignal): Promise<AuditPage> {
  return request('get', '/api/v1/audit', auditListSchema, { query: { limit: 50, cursor }, signal });
}

const shares = '/api/v1/streams/{id}/shares';

export async function listShares(streamId: string, signal?: AbortSignal): Promise<ShareView[]> {
  const input = { path: { id: streamId }, needed: false, signal };
  return (await request('get', shares, shareListSchema, input)).shares;
}

export function createShare(streamId: string, wish: { name: string; expiresInS: number }): Promise<ShareView> {
  return request('post', shares, shareViewSchema, { path: { id: streamId }, body: wish });
}

export async function revokeShare(streamId: string, id: string): Promise<void> {
  await request('delete', `${shares}/{shareId}`, z.unknown(), { path: { id: streamId, shareId: id } });
}

/** The key of before is none from then on. */
export async function rotateKey(streamId: string): Promise<string> {
  const input = { path: { id: streamId } };
  return (await request('post', '/api/v1/streams/{id}/key', rotatedKeySchema, input)).streamKey;
}
