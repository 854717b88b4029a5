import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';
import { Refusal } from '../protocol/index.ts';

const schemes = { rtsp: ['rtsp', 'rtsps'], srt: ['srt'] } as const;

/**
 * Stricter than any URL parser, and on purpose: what two parsers read differently (backslashes, a second `@`, a host in
 * octal) is how an address check is got around. FFmpeg and the sfu see exactly what was checked here.
 */
const shape =
  /^(?<scheme>[a-z]+):\/\/(?:(?<userinfo>[^\s/?#@\\]*)@)?(?<host>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?<port>\d{1,5}))?(?<path>\/[^\s?#\\]*)?(?<query>\?[^\s#\\]*)?$/iu;

/** Refuses what is no URL for this type of Source, or leads where it may not. */
export function checkSourceUrl(type: 'rtsp' | 'srt', url: string, allowPrivateAddresses: boolean): void {
  const example = type === 'rtsp' ? 'rtsp://camera.example:554/stream' : 'srt://encoder.example:9000';
  if (/[\u0000-\u0020\u007f-\u009f]/.test(url)) throw badUrl('has blanks or control characters in it', example);
  const parts = shape.exec(url)?.groups;
  if (!parts) throw badUrl('is no URL that can be used here', example);
  const allowed: readonly string[] = schemes[type];
  if (!allowed.includes(parts.scheme!.toLowerCase())) {
    throw badUrl(`begins with ${parts.scheme}:// and a Source of type ${type} takes ${allowed.join(', ')}`, example);
  }
  const host = parts.host!.replace(/^\[|\]$/g, '');
  if (parts.host!.startsWith('[') ? !isIPv6(host) : looksLikeNumber(host) && !isIPv4(host)) {
    throw badUrl(`has ${host} as host, which is neither a name nor an address`, example);
  }
  const port = parts.port === undefined ? undefined : Number(parts.port);
  if (port !== undefined && (port < 1 || port > 65_535)) throw badUrl(`has the port ${port}`, example);
  if (type === 'srt' && port === undefined) throw badUrl('names no port, and SRT has none of its own', example);
  if (!allowPrivateAddresses && isPrivateHost(host)) {
    throw new Refusal(
      'badRequest',
      `url: ${host} is an address of this machine or of a private network, which Sources may not reach here: ` +
        'set SOURCE_ALLOW_PRIVATE=true where that is meant',
    );
  }
}

function badUrl(problem: string, example: string): Refusal {
  return new Refusal('badRequest', `url: it ${problem}; it looks like ${example}`);
}

/** `2130706433`, `0x7f.1`, `127.1`: resolvers read these as IPv4 addresses. */
function looksLikeNumber(host: string): boolean {
  return /^(?:0x[0-9a-f]*|\d+)$/i.test(host.replace(/\.$/, '').split('.').at(-1)!);
}

const privateAddresses = new BlockList();
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
] as const) {
  privateAddresses.addSubnet(network, bits, 'ipv4');
}
for (const [network, bits] of [
  ['::', 96], // unspecified, loopback, IPv4-compatible
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 23],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 9],
  ['ff00::', 8],
] as const) {
  privateAddresses.addSubnet(network, bits, 'ipv6');
}

/** Addresses that the IANA special-purpose registries give no global reach (RFC 6890), and the names that mean them. */
export function isPrivateHost(host: string): boolean {
  const name = host.toLowerCase().replace(/\.$/, '');
  const family = isIP(name);
  if (family === 4) return privateAddresses.check(name, 'ipv4');
  // BlockList checks IPv4-mapped addresses by the IPv4 rules.
  if (family === 6) return privateAddresses.check(name, 'ipv6');
  return name === 'localhost' || /\.(?:localhost|local|internal|home\.arpa|lan)$/.test(name);
}

/** For people and logs: no name, no password, no query values, since cameras and SRT take secrets in all of them. */
export function withoutCredentials(url: string): string {
  const [address, query] = splitOnce(url, '?');
  const shown = address.replace(/^([a-z0-9+.-]*:\/\/)[^/]*@/i, '$1');
  if (query === undefined) return shown;
  const names = query.split('&').map((pair) => pair.split('=', 1)[0]);
  return `${shown}?${names.map((name) => `${name}=…`).join('&')}`;
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}
