import type { Refusal } from '../protocol/index.ts';

/** What comes with a refusal besides its body; `details.retryAfterS` says when to come again. */
export function refusalHeaders({ code, details }: Refusal): Record<string, string> {
  if (code === 'unauthorized') return { 'WWW-Authenticate': 'Bearer' };
  const retryAfterS = (details as { retryAfterS?: number } | undefined)?.retryAfterS;
  if (retryAfterS !== undefined) return { 'Retry-After': String(retryAfterS) };
  return code === 'rateLimited' || code === 'unavailable' ? { 'Retry-After': '2' } : {};
}
