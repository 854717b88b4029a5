import { ref } from 'vue';

const storageKey = 'framelock.token';

/** The bearer of every API call and of signalling; kept for this browser tab only. */
export const accessToken = ref<string | undefined>(readStored());

/** Set when something answered 401: the app then asks for a token in place of the page. */
export const accessNeeded = ref(false);

function readStored(): string | undefined {
  try {
    return sessionStorage.getItem(storageKey) ?? undefined;
  } catch {
    return undefined; // Storage is blocked; the token then lives as long as the page.
  }
}

export function setAccessToken(token: string | undefined): void {
  accessToken.value = token;
  accessNeeded.value = false;
  try {
    if (token) sessionStorage.setItem(storageKey, token);
    else sessionStorage.removeItem(storageKey);
  } catch {
    // As above.
  }
}

/** `#token=…` of a URL's hash, and the hash without it. */
export function splitTokenFromHash(hash: string): { token?: string; rest: string } {
  const pairs = hash.replace(/^#/, '').split('&').filter(Boolean);
  const found = pairs.find((pair) => pair.startsWith('token='));
  if (!found) return { rest: hash };
  const rest = pairs.filter((pair) => pair !== found).join('&');
  let token = found.slice('token='.length);
  try {
    token = decodeURIComponent(token);
  } catch {
    // Not percent-encoded: taken as it stands.
  }
  return { ...(token ? { token } : {}), rest: rest ? `#${rest}` : '' };
}

/** Moves a token out of the address bar, where it would be seen, copied and remembered. Before the router starts. */
export function takeTokenFromLocation(): void {
  const { token, rest } = splitTokenFromHash(location.hash);
  if (!token) return;
  setAccessToken(token);
  history.replaceState(history.state, '', location.pathname + location.search + rest);
}
