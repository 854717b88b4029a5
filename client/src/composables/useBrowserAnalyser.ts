import { onScopeDispose, ref, shallowRef } from 'vue';
import { accessToken } from '../api/accessToken.ts';
import type { BrowserAnalyser, BrowserAnalyserState } from '../inference/BrowserAnalyser.ts';
import { bundledModels } from '../inference/bundledModels.ts';
import type { MediaGlobals } from '../inference/mediaTypes.ts';
import { whyNotHere } from '../inference/whyNotHere.ts';

/** The model in this page, loaded on demand, its state as refs. */
export function useBrowserAnalyser(streamId: string) {
  const analyser = shallowRef<BrowserAnalyser>();
  const state = shallowRef<BrowserAnalyserState>();
  const problem = ref<string>();
  const loading = ref(false);
  const unavailable =
    whyNotHere(globalThis as unknown as MediaGlobals) ??
    (bundledModels.length === 0 ? 'This server has no model for browsers.' : undefined);
  let turn = 0;
  /** Through their workers still passes what is sent. */
  let released: BrowserAnalyser[] = [];

  /** Undefined where it does not work (`problem` says why), or was closed meanwhile. */
  async function open(track: MediaStreamTrack, modelId: string): Promise<BrowserAnalyser | undefined> {
    release();
    const mine = ++turn;
    problem.value = unavailable;
    if (unavailable) return undefined;
    loading.value = true;
    try {
      const { BrowserAnalyser: Analyser } = await import('../inference/BrowserAnalyser.ts');
      const spec = bundledModels.find(({ id }) => id === modelId) ?? bundledModels[0]!;
      const token = accessToken.value;
      const made = await Analyser.create({ streamId, track, spec, ...(token ? { token } : {}), ...askedThreads() });
      if (mine !== turn) {
        made.close();
        return undefined;
      }
      made.on('state', (next) => (state.value = next));
      analyser.value = made;
      return made;
    } catch (error) {
      if (mine === turn) problem.value = error instanceof Error ? error.message : String(error);
      return undefined;
    } finally {
      if (mine === turn) loading.value = false;
    }
  }

  /** It computes no more; to be closed when what it sent is over. */
  function release(): void {
    turn++;
    if (analyser.value) {
      analyser.value.release();
      released.push(analyser.value);
    }
    analyser.value = undefined;
    state.value = undefined;
    loading.value = false;
  }

  function close(): void {
    release();
    for (const one of released) one.close();
    released = [];
  }

  onScopeDispose(close);
  return { analyser, state, problem, loading, unavailable, models: bundledModels, open, release, close };
}
export type BrowserAnalyserRefs = ReturnType<typeof useBrowserAnalyser>;

/** `?threads=`: for measuring, and for who wants to keep processors free. */
function askedThreads(): { threads?: number } {
  const threads = Number(new URLSearchParams(location.search).get('threads'));
  return Number.isInteger(threads) && threads >= 1 && threads <= 64 ? { threads } : {};
}
