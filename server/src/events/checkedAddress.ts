import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { isPrivateHost } from '../sources/sourceUrl.ts';

export interface ResolvedAddress {
  address: string;
  family: number;
}
/** All addresses of a name. Rejects where there is none. */
export type Resolve = (host: string) => Promise<ResolvedAddress[]>;

export const systemResolve: Resolve = (host) => lookup(host, { all: true, verbatim: true });

/** What a target may not be reached at here. */
export class ForbiddenAddress extends Error {
  override readonly name = 'ForbiddenAddress';
}

const advice = 'set TARGET_ALLOW_PRIVATE=true where that is meant';

/**
 * The address to connect to, and no other: the name is resolved once, so that it can't mean another host a moment later
 * (DNS rebinding). `host` as `URL.hostname` has it: numbers in whatever notation are dotted IPv4 there.
 * @throws ForbiddenAddress where any address of it is of this machine or a private network.
 */
export async function checkedAddress(
  host: string,
  options: { allowPrivate: boolean; resolve?: Resolve },
): Promise<ResolvedAddress> {
  const { allowPrivate, resolve = systemResolve } = options;
  const name = bareHost(host);
  if (!allowPrivate && isPrivateHost(name)) throw forbidden(name);
  const family = isIP(name);
  const addresses = family > 0 ? [{ address: name, family }] : await resolve(name);
  if (!allowPrivate) {
    const found = addresses.find(({ address }) => isIP(address) === 0 || isPrivateHost(address));
    if (found) throw forbidden(`${name} (${found.address})`);
  }
  const [first] = addresses;
  if (!first) throw new Error(`${name} has no address`);
  return first;
}

/** Without the brackets of IPv6. */
export const bareHost = (host: string): string => host.replace(/^\[|\]$/g, '');

function forbidden(what: string): ForbiddenAddress {
  return new ForbiddenAddress(`${what} is an address of this machine or of a private network: ${advice}`);
}
