import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';

/**
 * Whose request it is, for limits and the audit log: the address that connected, or behind trusted proxies the last one
 * of `X-Forwarded-For` that is not theirs. What an untrusted sender claims there counts for nothing.
 */
export class AddressReader {
  readonly #trusted = new BlockList();
  readonly #trustsAny: boolean;

  /** Addresses or CIDR ranges, as TRUSTED_PROXIES has them. @throws what is neither. */
  constructor(trustedProxies: readonly string[]) {
    this.#trustsAny = trustedProxies.length > 0;
    for (const proxy of trustedProxies) {
      const [address = '', bits] = proxy.split('/', 2);
      const family = familyOf(address);
      if (family === undefined) throw new RangeError(`${proxy} is no address and no CIDR range`);
      if (bits === undefined) this.#trusted.addAddress(address, family);
      else this.#trusted.addSubnet(address, Number(bits), family);
    }
  }

  of({ socket, headers }: Pick<IncomingMessage, 'socket' | 'headers'>): string {
    let address = plain(socket.remoteAddress ?? '');
    if (!this.#trustsAny || !this.#isTrusted(address)) return address;
    const forwarded = headers['x-forwarded-for']?.toString().split(',', 64) ?? [];
    for (const hop of forwarded.reverse()) {
      const before = plain(hop.trim());
      if (familyOf(before) === undefined) return address;
      address = before;
      if (!this.#isTrusted(address)) return address;
    }
    return address;
  }

  #isTrusted(address: string): boolean {
    const family = familyOf(address);
    return family !== undefined && this.#trusted.check(address, family);
  }
}

function familyOf(address: string): 'ipv4' | 'ipv6' | undefined {
  return ({ 4: 'ipv4', 6: 'ipv6' } as const)[isIP(address)];
}

/** `::ffff:1.2.3.4`, as a socket for both families says it, is 1.2.3.4. */
function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '');
}
