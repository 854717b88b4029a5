import type { CallerView } from '@framelock/server/protocol';

/** Whether the server would let this caller change the Stream; undefined caller = nobody it knows. */
export function mayManage(caller: CallerView | undefined, streamId: string): boolean {
  if (!caller) return false;
  const ofThis = (id: string | null) => id === null || id === streamId;
  return caller.admin || caller.grants.some((grant) => grant.right === 'manage' && ofThis(grant.streamId));
}
