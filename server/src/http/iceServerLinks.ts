import type { IceServer } from '../access/iceServers.ts';

/**
 * One `Link` value for each URL (RFC 9725 section 4.6). OBS takes parameters apart at `;` and `,` also within quotes, so
 * a server whose credentials hold those or anything that no header carries is left out.
 */
export function iceServerLinks(iceServers: readonly IceServer[]): string[] {
  return iceServers.flatMap(({ urls, username, credential }) => {
    const isTurn = username !== undefined && credential !== undefined;
    const parameters = isTurn ? `; username="${username}"; credential="${credential}"; credential-type="password"` : '';
    return [urls]
      .flat()
      .filter((url) => /^(stun|turn)s?:[\x21-\x3b\x3d\x3f-\x7e]+$/.test(url))
      .filter(() => !isTurn || /^[\x20\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*$/.test(username + credential))
      .map((url) => `<${url}>; rel="ice-server"${parameters}`);
  });
}
