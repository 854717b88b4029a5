import { lookup } from 'node:dns/promises';
import { BlockList, isIP, isIPv6 } from 'node:net';
import { Refusal } from '@framelock/server/protocol';

/** A URL that FFmpeg may call, its host resolved and checked. */
export interface CheckedUrl {
  scheme: string;
  /** What is to be called: the address that was checked, so that a second answer of the DNS can't change it. */
  address: string;
  port: number;
  /** `user:password@` or nothing. */
  credentials: string;
  /** Path and query as given. */
  path: string;
  query: URLSearchParams;
  /** What may not show up in messages. */
  secrets: string[];
}

export interface UrlRules {
  schemes: readonly string[];
  defaultPorts: Readonly<Record<string, number>>;
  allowPrivateAddresses: boolean;
  /** Tests only. */
  resolve?(host: string): Promise<string[]>;
}

const never = new BlockList();
never.addSubnet('0.0.0.0', 8);
never.addSubnet('224.0.0.0', 3); // multicast, reserved, broadcast
never.addAddress('::', 'ipv6');
never.addSubnet('ff00::', 8, 'ipv6');

/** RFC 6890 and what tunnels into it; 169.254.169.254 and fd00:ec2::254 are where clouds hand out credentials. */
const inside = new BlockList();
for (const [net, bits] of [
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
] as const)
  inside.addSubnet(net, bits);
for (const [net, bits] of [
  ['::', 96],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
] as const)
  inside.addSubnet(net, bits, 'ipv6');

/** Why no Source may call this address; undefined = it may. */
export function addressProblem(address: string, allowPrivateAddresses: boolean): string | undefined {
  // ::ffff:a.b.c.d is that IPv4 address; BlockList compares it as such.
  const family = isIPv6(address) ? 'ipv6' : 'ipv4';
  if (isIP(address) === 0) return 'is not an address';
  if (never.check(address, family)) return 'is no address of one machine';
  if (!allowPrivateAddresses && inside.check(address, family)) return 'is an address inside this network';
  return undefined;
}

async function resolveHost(host: string): Promise<string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}

/** @throws Refusal in words that say what to change. */
export async function checkSourceUrl(text: string, rules: UrlRules): Promise<CheckedUrl> {
  const url = parseSourceUrl(text, rules.schemes);
  const scheme = url.protocol.slice(0, -1);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = Number(url.port || rules.defaultPorts[scheme] || 0);
  if (port === 0) throw new Refusal('badRequest', `the URL needs a port: ${scheme}://host:port`);
  const { resolve = resolveHost } = rules;
  const addresses = await resolve(host).catch(() => []);
  const [address] = addresses;
  if (address === undefined) throw new Refusal('badRequest', `the host name ${host} is not known here`);
  // One bad address is enough: which of them is called would be a matter of luck.
  for (const one of addresses) {
    const problem = addressProblem(one, rules.allowPrivateAddresses);
    if (problem) {
      const allow = problem.includes('inside') ? ': set SOURCE_ALLOW_PRIVATE=true for cameras in your own network' : '';
      throw new Refusal('forbidden', `${host} (${one}) ${problem}${allow}`);
    }
  }
  const credentials = url.username || url.password ? `${url.username}${url.password ? `:${url.password}` : ''}@` : '';
  return {
    scheme,
    address,
    port,
    credentials,
    path: url.pathname + url.search,
    query: url.searchParams,
    secrets: [url.password, decoded(url.password)].filter(Boolean),
  };
}

function parseSourceUrl(text: string, schemes: readonly string[]): URL {
  const wanted = schemes.map((one) => `${one}://`).join(' or ');
  // A backslash, a quote or a control character means something else to each parser.
  if (/[\u0000-\u0020\u007f"'<>\\^`{|}]/.test(text)) {
    throw new Refusal('badRequest', 'the URL has spaces or signs that must be written as %XX');
  }
  if (!URL.canParse(text)) throw new Refusal('badRequest', `this is not a URL: it must begin with ${wanted}`);
  const url = new URL(text);
  if (!schemes.includes(url.protocol.slice(0, -1))) {
    throw new Refusal('badRequest', `the URL must begin with ${wanted}, not ${url.protocol}`);
  }
  if (
    !url.hostname ||
    !/^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]{1,253})$/.test(url.hostname) ||
    url.hostname.startsWith('-')
  ) {
    throw new Refusal('badRequest', 'the URL has no host name that can be called');
  }
  return url;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** `[::1]` for URLs. */
export function bracketed(address: string): string {
  return isIPv6(address) ? `[${address}]` : address;
}
