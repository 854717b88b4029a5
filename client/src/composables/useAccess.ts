import type { AccessView } from '@framelock/server/protocol';
import { computed, readonly, ref, watch } from 'vue';
import { readAccess, signIn as signInAt, signOut as signOutAt } from '../api/access.ts';
import { accessNeeded, accessToken, setAccessToken } from '../api/accessToken.ts';

const view = ref<AccessView>();
let asked = 0;

async function refresh(): Promise<void> {
  const mine = ++asked;
  const answer = await readAccess().catch(() => undefined);
  // A server that does not answer changes nothing of what is known; a later question was answered before.
  if (mine === asked && answer) view.value = answer;
}

watch([accessToken, accessNeeded], () => void refresh());

/** Who the server takes us for: one for the whole app. */
export function useAccess() {
  if (asked === 0) void refresh();

  async function signIn(name: string, password: string): Promise<void> {
    const answer = await signInAt(name, password);
    view.value = answer;
    // A token goes before a session: one that was refused must not be in its way.
    setAccessToken(undefined);
  }

  async function signOut(): Promise<void> {
    await signOutAt();
    setAccessToken(undefined);
    accessNeeded.value = true;
    await refresh();
  }

  return {
    access: readonly(view),
    caller: computed(() => view.value?.caller ?? undefined),
    isAdmin: computed(() => view.value?.caller?.admin === true),
    refresh,
    signIn,
    signOut,
  };
}
