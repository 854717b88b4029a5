import type { HlsMedia, HlsView, RecordingView } from '@framelock/server/protocol';
import type { WatchChip } from './watchWords.ts';

/** What HLS of a Stream says beside its picture: that it is recorded, that it starts, and what stands in its way. */
export function hlsChips(hls: HlsView | null | undefined): WatchChip[] {
  const chips: WatchChip[] = [];
  if (hls?.recording) {
    chips.push({ id: 'recording', tone: 'bad', text: 'REC', title: 'This Publication is kept as a Recording.' });
  }
  if (hls?.alert) {
    const text = hls.state === 'failed' ? 'HLS stopped' : 'HLS has a problem';
    chips.push({ id: 'hls', tone: 'warn', text, title: hls.alert });
  } else if (hls?.state === 'failed') {
    chips.push({ id: 'hls', tone: 'warn', text: 'HLS stopped', title: 'It is tried again.' });
  } else if (hls?.state === 'starting') {
    chips.push({ id: 'hls', tone: 'info', text: 'HLS starts', title: 'Its first seconds are being made.' });
  }
  return chips;
}

/** For who publishes: what HLS costs; undefined while nobody watches by it. */
export function hlsCostWords(hls: HlsView | null | undefined): string | undefined {
  if (!hls?.video) return undefined;
  const { video, audio } = hls;
  const picture = `HLS: ${mediaWords(video)}`;
  return audio && audio.how !== video.how ? `${picture}; sound ${mediaWords(audio)}` : picture;
}

function mediaWords({ codec, how, why }: HlsMedia): string {
  if (how === 'copied') return `${codec} copied`;
  return `${codec} transcoded${why ? ` because ${why}` : ''}`;
}

const states: Record<RecordingView['state'], { text: string; tone: 'bad' | 'good' | 'warn'; title: string }> = {
  recording: { text: 'REC', tone: 'bad', title: 'It grows while its Publication goes on.' },
  complete: { text: 'Complete', tone: 'good', title: 'Its Publication ended in order.' },
  recovered: {
    text: 'Recovered',
    tone: 'warn',
    title: 'A crash ended it: at most its last third of a second is lost.',
  },
};

export function recordingStateWords({ state, available }: Pick<RecordingView, 'state' | 'available'>) {
  if (available) return states[state];
  return { text: 'Away', tone: 'warn' as const, title: 'The node that has it does not answer.' };
}
