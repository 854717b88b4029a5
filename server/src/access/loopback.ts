import { isIPv4 } from 'node:net';

/** Whether an address to bind (or a host name of a request, without port) can only mean this machine. */
export function isLoopbackName(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[|\]$/g, '');
  return name === 'localhost' || name === '::1' || (isIPv4(name) && name.startsWith('127.'));
}

/** `host:port` of a Host header into its name, or nothing when it is no such thing. */
export function hostNameOf(hostHeader: string): string | undefined {
  const match = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?$/.exec(hostHeader);
  return match?.[1];
}
