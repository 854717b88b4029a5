import type { Grant, Right, Role } from '../protocol/index.ts';

/** Somebody the server knows, and what they may do. */
export interface Principal {
  kind: 'open' | 'adminToken' | 'user' | 'token' | 'share';
  /** Of the session, the token or the link that it came with: asks the directory later whether that is still good. */
  ref: string;
  /** Of the user, token or link. */
  id: string | null;
  name: string;
  /** Users, tokens, sessions of others, the audit log. */
  admin: boolean;
  grants: readonly Grant[];
}

const all = (right: Right): Grant => ({ right, streamId: null });

export const grantsOfRole: Record<Role, readonly Grant[]> = {
  viewer: [all('watch')],
  publisher: [all('watch'), all('publish')],
  admin: [all('manage')],
};

/** Access is open: anybody of this machine. */
export const openPrincipal: Principal = {
  ...{ kind: 'open', ref: 'open', id: null, name: 'this machine', admin: true },
  grants: grantsOfRole.admin,
};

export const adminTokenPrincipal: Principal = {
  ...{ kind: 'adminToken', ref: 'adminToken', id: null, name: 'admin token', admin: true },
  grants: grantsOfRole.admin,
};

/** `streamId` undefined: of all Streams, and with `manage` of what belongs to none. */
export function isGranted(grants: readonly Grant[], right: Right, streamId: string | undefined): boolean {
  for (const grant of grants) {
    if (grant.right !== right && grant.right !== 'manage') continue;
    if (grant.streamId === null || (streamId !== undefined && grant.streamId === streamId)) return true;
  }
  return false;
}
