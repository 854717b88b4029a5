import { isIP, isIPv6 } from 'node:net';
import { networkInterfaces, type NetworkInterfaceInfo } from 'node:os';
import type { types } from 'mediasoup';

type Interfaces = NodeJS.Dict<NetworkInterfaceInfo[]>;

/** Most addresses announced: each is one more ICE candidate pair that a peer tries. */
const maxAddresses = 8;
/** A 1080p key frame is a burst of some 200 packets; the kernel clamps this to net.core.{r,w}mem_max. */
const socketBufferBytes = 4 * 1024 * 1024;

export function isUnspecified(host: string): boolean {
  return isIP(host) !== 0 && /^[0:.]+$/.test(host) && !/[1-9a-f]/i.test(host);
}

/** Addresses of this machine that binding to `host` covers; routable ones first, loopback last, no link-local IPv6. */
export function coveredAddresses(host: string, interfaces: Interfaces = networkInterfaces()): string[] {
  if (!isUnspecified(host)) return [host];
  const covered = Object.values(interfaces)
    .flatMap((addresses) => addresses ?? [])
    .filter(({ family, address }) => (isIPv6(host) ? !address.toLowerCase().startsWith('fe80:') : family === 'IPv4'));
  const ordered = [...covered.filter((one) => !one.internal), ...covered.filter((one) => one.internal)];
  const addresses = [...new Set(ordered.map((one) => one.address))].slice(0, maxAddresses);
  return addresses.length > 0 ? addresses : [isIPv6(host) ? '::1' : '127.0.0.1'];
}

/** What another process of the same deployment dials to reach a socket bound to `host`. */
export function reachableAddress(host: string, interfaces?: Interfaces): string {
  return coveredAddresses(host, interfaces)[0]!;
}

/** UDP and TCP on `port` for every address that WebRTC peers are told; 0.0.0.0 is listened on but never announced. */
export function rtcListenInfos(
  options: { host: string; announcedIp?: string; port: number },
  interfaces?: Interfaces,
): types.TransportListenInfo[] {
  const { host, announcedIp, port } = options;
  const addresses: Pick<types.TransportListenInfo, 'ip' | 'announcedAddress'>[] = announcedIp
    ? [{ ip: isIPv6(announcedIp) ? '::' : '0.0.0.0', announcedAddress: announcedIp }]
    : coveredAddresses(host, interfaces).map((ip) => ({ ip }));
  const common = { port, sendBufferSize: socketBufferBytes, recvBufferSize: socketBufferBytes };
  return addresses.flatMap((address) => [
    { protocol: 'udp' as const, ...address, ...common },
    { protocol: 'tcp' as const, ...address, ...common },
  ]);
}
