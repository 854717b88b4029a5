import { createHmac } from 'node:crypto';
import type { z } from 'zod';
import type { iceServerSchema } from '../protocol/index.ts';

export type IceServer = z.output<typeof iceServerSchema>;
/** The ICE servers that one peer is given, TURN with credentials of its own. */
export type IceServersFor = (peerId: string) => IceServer[];

/** Longer than anybody publishes without an ICE restart; TURN allocations made before stay until they end. */
export const turnCredentialLifetimeSeconds = 6 * 60 * 60;

export interface TurnConfig {
  urls: string[];
  /** coturn's `static-auth-secret`: each peer gets credentials that expire. */
  secret?: string | undefined;
  /** Where there is no secret: the same for every peer. */
  username?: string | undefined;
  credential?: string | undefined;
}

/** ICE_SERVERS as they are, and TURN with fresh credentials for each peer. */
export function createIceServersFor(options: {
  iceServers: readonly IceServer[];
  turn: TurnConfig | undefined;
  now?: () => number;
}): IceServersFor {
  const { iceServers, turn, now = Date.now } = options;
  return (peerId) => [...iceServers, ...(turn ? [turnServer(turn, peerId, now())] : [])];
}

function turnServer(turn: TurnConfig, peerId: string, nowMs: number): IceServer {
  const { urls, secret, username, credential } = turn;
  if (secret === undefined) {
    return { urls: [...urls], username: username ?? '', credential: credential ?? '' };
  }
  return { urls: [...urls], ...temporaryCredentials(secret, peerId, nowMs) };
}

/**
 * draft-uberti-behave-turn-rest-00 section 2.2, which coturn calls `use-auth-secret`: the name says when it expires
 * (Unix seconds), the password is base64 of the HMAC-SHA1 of the name.
 */
export function temporaryCredentials(secret: string, peerId: string, nowMs: number) {
  const username = `${Math.floor(nowMs / 1000) + turnCredentialLifetimeSeconds}:${peerId}`;
  return { username, credential: createHmac('sha1', secret).update(username).digest('base64') };
}
