/**
 * ICE servers of a WHIP answer's `Link` header (RFC 9725 section 4.6), e.g.
 * `<turn:turn.example.net?transport=udp>; rel="ice-server"; username="u"; credential="p"`. What is not understood is
 * left out.
 */
export function iceServersOfLink(header: string | null): RTCIceServer[] {
  const servers: RTCIceServer[] = [];
  for (const [, url = '', rest = ''] of (header ?? '').matchAll(
    /<([^>]*)>((?:\s*;\s*[\w-]+=(?:"(?:[^"\\]|\\.)*"|[^\s;,"]*))*)/g,
  )) {
    const parameters = new Map<string, string>();
    for (const [, name = '', quoted, bare] of rest.matchAll(/;\s*([\w-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*))/g))
      parameters.set(name.toLowerCase(), (quoted ?? bare ?? '').replaceAll(/\\(.)/g, '$1'));
    if (parameters.get('rel') !== 'ice-server' || !/^(stuns?|turns?):\S+$/i.test(url)) continue;
    const [username, credential] = [parameters.get('username'), parameters.get('credential')];
    servers.push({ urls: url, ...(username ? { username } : {}), ...(credential ? { credential } : {}) });
  }
  return servers;
}

export function turnServersOf(servers: readonly RTCIceServer[]): RTCIceServer[] {
  return servers.filter(({ urls }) => [urls].flat().some((url) => /^turns?:/i.test(url)));
}
