/** `http://host:port` of a server -> where it takes signalling. */
export function signalingUrlOf(serverUrl: string): string {
  const url = new URL('/ws', serverUrl);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return url.href;
}
