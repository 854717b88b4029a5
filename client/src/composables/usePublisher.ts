import { useIntervalFn } from '@vueuse/core';
import { computed, onScopeDispose, ref, shallowRef } from 'vue';
import { accessNeeded, accessToken } from '../api/accessToken.ts';
import { Publisher, type PublisherOptions, type PublisherProblem, type PublisherState } from '../rtc/Publisher.ts';
import type { PublisherStats } from '../rtc/PublisherStats.ts';
import { pushFigure } from './figureHistory.ts';
import { problemOf } from './problemWords.ts';

/** A minute of figures, one a second. */
export const historyLimit = 60;
const figures = ['bitrateBps', 'rttMs', 'fps', 'encodeMs', 'captureToSendMs', 'packetsLost'] as const;
export type FigureName = (typeof figures)[number];

/** A Publisher that can be started and stopped many times, its facts as refs. */
export function usePublisher(streamId: string) {
  const publisher = shallowRef<Publisher>();
  const state = ref<PublisherState | 'idle'>('idle');
  const stats = shallowRef<PublisherStats>();
  const problem = shallowRef<PublisherProblem>();
  const history = ref<Record<FigureName, number[]>>(emptyHistory());
  const liveSinceMs = ref<number>();
  const busy = computed(() => state.value !== 'idle');
  const live = computed(() => state.value === 'live');
  let turn = 0;
  let subscriptions: (() => void)[] = [];

  async function start(options: Omit<PublisherOptions, 'streamId' | 'token'>): Promise<void> {
    stop('started again');
    const mine = ++turn;
    problem.value = undefined;
    stats.value = undefined;
    history.value = emptyHistory();
    state.value = 'connecting';
    try {
      const token = accessToken.value;
      const made = await Publisher.create({ streamId, ...(token ? { token } : {}), ...options });
      if (mine !== turn) return made.close('stopped while connecting');
      adopt(made);
    } catch (error) {
      if (mine !== turn) return;
      tell({ ...problemOf(error), fatal: true });
    }
  }

  function adopt(made: Publisher): void {
    publisher.value = made;
    subscriptions = [
      made.on('state', enter),
      made.on('problem', tell),
      made.on('stats', (next) => (stats.value = next)),
    ];
    enter(made.state);
  }

  function enter(next: PublisherState): void {
    if (next === 'live') {
      liveSinceMs.value ??= Date.now();
      problem.value = undefined;
    }
    state.value = next;
    if (next === 'stopped') stop('the publisher stopped');
  }

  function tell(said: PublisherProblem): void {
    problem.value = said;
    if (said.code === 'unauthorized') accessNeeded.value = true;
    if (said.fatal) stop('gave up');
  }

  function stop(reason: string): void {
    turn++;
    for (const unsubscribe of subscriptions) unsubscribe();
    subscriptions = [];
    publisher.value?.close(reason);
    publisher.value = undefined;
    liveSinceMs.value = undefined;
    state.value = 'idle';
  }

  useIntervalFn(() => {
    const now = stats.value;
    if (!now || state.value !== 'live') return;
    const next = { ...history.value };
    for (const name of figures) next[name] = pushFigure(next[name], now[name], historyLimit);
    history.value = next;
  }, 1000);
  onScopeDispose(() => stop('the page was left'));

  return { publisher, state, stats, problem, history, liveSinceMs, busy, live, start, stop };
}
export type PublisherRefs = ReturnType<typeof usePublisher>;

function emptyHistory(): Record<FigureName, number[]> {
  return { bitrateBps: [], rttMs: [], fps: [], encodeMs: [], captureToSendMs: [], packetsLost: [] };
}
