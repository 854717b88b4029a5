import type { AnalysisView, HlsView, ZoneSettings, ZonesLive } from '@framelock/server/protocol';
import { useIntervalFn } from '@vueuse/core';
import { onScopeDispose, ref, shallowRef, watch, type Ref, type ShallowRef } from 'vue';
import { accessNeeded, accessToken } from '../api/accessToken.ts';
import {
  Player,
  type DrawnRecord,
  type Moment,
  type OverlayOptions,
  type PlayerMode,
  type PlayerProblem,
  type PlayerState,
  type PlayerStats,
  type RecordedPublication,
  type Timeline,
  type TransportChoice,
  type TransportWish,
} from '../player/Player.ts';
import { problemOf } from './problemWords.ts';

declare global {
  interface Window {
    /** The public contract: live figures of the watch page. */
    framelock?: { stats(): PlayerStats; player: Player };
  }
}

export interface PlayerSetting {
  streamId: string;
  canvas: Readonly<ShallowRef<HTMLCanvasElement | null>>;
  stage: Readonly<ShallowRef<HTMLElement | null>>;
  mode: Ref<PlayerMode>;
  muted: Ref<boolean>;
  /** 0..1 */
  volume: Ref<number>;
  overlay: Ref<Partial<OverlayOptions>>;
  transport?: Ref<TransportWish>;
  /** Plays this Recording instead of what is live. */
  recorded?: RecordedPublication;
  /** Synchronously after each composite; the record is reused. Nothing slow, nothing that renders. */
  onDrawn?: (record: DrawnRecord) => void;
}

/** One Player for the life of the page, its facts as refs, and the page's choices handed to it as they change. */
export function usePlayer(setting: PlayerSetting) {
  const player = shallowRef<Player>();
  const state = ref<PlayerState>('connecting');
  const analysis = shallowRef<AnalysisView>({ state: 'off' });
  const viewers = ref(0);
  const problem = shallowRef<PlayerProblem>();
  const hasPicture = ref(false);
  /** Somebody publishes, as far as is known. */
  const published = ref(false);
  const stats = shallowRef<PlayerStats>();
  const streamName = ref('');
  const transport = shallowRef<TransportChoice>({ transport: 'webrtc', reason: undefined });
  /** What HLS of the Stream does; null = it is off, or nothing is known. */
  const hls = shallowRef<HlsView | null>(null);
  const timeline = shallowRef<Timeline>();
  /** What is drawn on the picture; undefined = not told yet. */
  const zones = shallowRef<ZoneSettings>();
  /** Its figures in the shown picture. */
  const zonesLive = shallowRef<ZonesLive>();
  let turn = 0;

  async function open(canvas: HTMLCanvasElement): Promise<void> {
    const mine = ++turn;
    close('opened again');
    state.value = 'connecting';
    problem.value = undefined;
    hasPicture.value = false;
    published.value = false;
    try {
      const made = await Player.create({
        streamId: setting.streamId,
        ...(accessToken.value ? { token: accessToken.value } : {}),
        canvas,
        ...(setting.stage.value ? { container: setting.stage.value } : {}),
        mode: setting.mode.value,
        overlay: { ...setting.overlay.value },
        ...(setting.transport ? { transport: setting.transport.value } : {}),
        ...(setting.recorded ? { recorded: setting.recorded } : {}),
      });
      if (mine !== turn) return made.close('the page was left');
      adopt(made);
    } catch (error) {
      if (mine !== turn) return;
      fail({ ...problemOf(error), fatal: true });
    }
  }

  function adopt(made: Player): void {
    player.value = made;
    state.value = made.state;
    analysis.value = made.analysis;
    streamName.value = made.streamName;
    made.on('state', (next) => {
      state.value = next;
      streamName.value = made.streamName || streamName.value;
      if (next === 'playing') problem.value = undefined;
    });
    made.on('analysis', (view) => (analysis.value = view));
    transport.value = made.transport;
    made.on('transport', (next) => {
      transport.value = next;
      readTimeline();
    });
    made.on('hls', (view) => (hls.value = view));
    made.on('zones', (next) => (zones.value = next));
    made.on('zonesLive', (next) => (zonesLive.value = next));
    made.on('viewers', (count) => (viewers.value = count));
    made.on('publication', (publication) => {
      published.value = publication !== null;
      if (!publication) hasPicture.value = false;
    });
    made.on('problem', (said) => {
      // Once playing, a passing problem is told by the state; only words that need a person stay.
      if (said.code === 'unauthorized') accessNeeded.value = true;
      if (said.code === 'autoplay') setting.muted.value = true; // the player muted itself again
      problem.value = said;
    });
    const ended = made.on('drawn', (record) => {
      hasPicture.value = true; // a ref write of the same value costs nothing per frame
      setting.onDrawn?.(record);
    });
    onClose = ended;
    made.setMuted(setting.muted.value);
    made.setVolume(setting.volume.value);
    window.framelock = { stats: () => made.stats(), player: made };
  }

  let onClose: (() => void) | undefined;
  function fail(said: PlayerProblem): void {
    if (said.code === 'unauthorized') accessNeeded.value = true;
    problem.value = said;
    state.value = 'failed';
  }

  function close(reason: string): void {
    onClose?.();
    onClose = undefined;
    if (window.framelock?.player === player.value) delete window.framelock;
    player.value?.close(reason);
    player.value = undefined;
  }

  function readStats(): void {
    try {
      stats.value = player.value?.stats();
    } catch {
      stats.value = undefined; // closed in between
    }
  }

  function readTimeline(): void {
    timeline.value = player.value?.timeline;
  }

  useIntervalFn(readStats, 500);
  useIntervalFn(readTimeline, 250);
  watch(setting.canvas, (canvas) => canvas && void open(canvas), { immediate: true, flush: 'post' });
  watch(setting.mode, (mode) => player.value?.setMode(mode));
  watch(setting.muted, (muted) => player.value?.setMuted(muted));
  watch(setting.volume, (volume) => player.value?.setVolume(volume));
  if (setting.transport) watch(setting.transport, (wish) => player.value?.setTransport(wish));
  watch(setting.overlay, (overlay) => player.value?.setOverlay({ ...overlay }), { deep: true });
  onScopeDispose(() => {
    turn++;
    close('the page was left');
  });

  function retry(): void {
    if (setting.canvas.value) void open(setting.canvas.value);
  }
  function setLayer(layer: number | 'auto'): void {
    player.value?.setLayer(layer);
  }
  /** What is shown at once shows at once where the handle is. */
  function moved(move: (made: Player) => void): void {
    if (player.value) move(player.value);
    readTimeline();
  }
  const rewinding = {
    seek: (positionS: number) => moved((made) => made.seek(positionS)),
    rewind: (seconds: number) => moved((made) => made.rewind(seconds)),
    setPaused: (paused: boolean) => moved((made) => made.setPaused(paused)),
    backToLive: () => moved((made) => made.backToLive()),
    /** False = nothing is known of it yet. */
    showMoment: (moment: Moment): boolean => {
      const shown = player.value?.showMoment(moment) ?? false;
      readTimeline();
      return shown;
    },
    thumbnailAt: (positionS: number) => player.value?.thumbnailAt(positionS),
  };
  const facts = {
    state,
    analysis,
    viewers,
    problem,
    hasPicture,
    published,
    stats,
    streamName,
    transport,
    hls,
    timeline,
    zones,
    zonesLive,
  };
  const copyPicture = () => player.value?.copyPicture();
  const setZones = (drawn: ZoneSettings) => player.value?.setZones(drawn);
  return { ...facts, ...rewinding, retry, setLayer, copyPicture, setZones };
}
