import { onScopeDispose, ref, toValue, watch, type MaybeRefOrGetter } from 'vue';
import { accessToken } from '../api/accessToken.ts';
import { isOurs } from '../api/isOurs.ts';
import { requestBlob } from '../api/request.ts';

/**
 * A poster's `src`. Its URL changes with each new picture, which is decoded before it replaces the old one, so that
 * nothing flashes; where a token is needed the picture is fetched, since `<img>` cannot send a bearer. One on another
 * server (a CDN) is not: neither the token nor a script's request is for it.
 */
export function usePoster(posterUrl: MaybeRefOrGetter<string | null | undefined>) {
  const src = ref<string>();
  let objectUrl: string | undefined;
  let turn = 0;

  async function load(url: string): Promise<void> {
    const mine = ++turn;
    const made = accessToken.value && isOurs(url) ? URL.createObjectURL(await requestBlob(url)) : undefined;
    const next = made ?? url;
    const image = new Image();
    image.src = next;
    try {
      await image.decode();
      if (mine !== turn) throw new Error('a newer picture is on its way');
      if (objectUrl) URL.revokeObjectURL(objectUrl);
      objectUrl = made;
      src.value = next;
    } catch {
      if (made) URL.revokeObjectURL(made);
    }
  }

  watch(
    () => toValue(posterUrl),
    (url) => {
      turn++;
      if (url) load(url).catch(() => undefined);
      else src.value = undefined;
    },
    { immediate: true },
  );
  onScopeDispose(() => {
    turn++;
    if (objectUrl) URL.revokeObjectURL(objectUrl);
  });
  return src;
}
