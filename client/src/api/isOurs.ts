/** A token is for our own server, never for a CDN. */
export function isOurs(url: string): boolean {
  return new URL(url, location.href).origin === location.origin;
}
