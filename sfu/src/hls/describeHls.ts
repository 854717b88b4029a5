import { hlsTargetDurationS, type HlsMedia, type HlsView } from '@framelock/server/protocol';
import type { MediaInput } from './input/MediaInput.ts';
import { partTargetS } from './mux/segmenterTypes.ts';
import type { Packager } from './Packager.ts';

export interface HlsFacts {
  packager: Packager | undefined;
  input: MediaInput | undefined;
  media: { video: HlsMedia; audio: HlsMedia | null } | undefined;
  alert: string | undefined;
  isWanted: boolean;
  recording: boolean;
  /** Requests that wait for the playlist. */
  players: number;
  /** Packagers that ended by a fault. */
  restarts: number;
}

/** HLS of one Publication, in the words of the API. */
export function describeHls(facts: HlsFacts): HlsView {
  const { packager, media, alert, isWanted, recording, players } = facts;
  const dropped = countDropped(facts);
  if (!packager) {
    if (alert !== undefined) return { state: 'failed', alert, dropped };
    return { state: isWanted ? 'starting' : 'idle' };
  }
  const { playlist, format } = packager;
  return {
    state: playlist.last >= playlist.first ? 'live' : 'starting',
    ...(alert === undefined ? {} : { alert }),
    ...(media ? { video: media.video } : {}),
    ...(media?.audio ? { audio: media.audio } : {}),
    ...(format ? { width: format.width, height: format.height } : {}),
    bitrateBps: Math.round(playlist.bitrates().averageBps),
    targetDurationS: hlsTargetDurationS,
    partTargetS,
    windowS: Math.round(playlist.durationS),
    players,
    recording,
    dropped,
  };
}

function countDropped({ packager, input, restarts }: HlsFacts): Record<string, number> {
  const { video, audio } = input?.counts ?? {};
  const ofInput = {
    restarts,
    packetsLost: (video?.lost ?? 0) + (audio?.lost ?? 0),
    kernelDropped: (video?.kernelDropped ?? 0) + (audio?.kernelDropped ?? 0),
    transcoderDropped: video?.transcoderDropped ?? 0,
  };
  if (!packager) return ofInput;
  const { segmenter, sidecars, detectionsDropped } = packager;
  const { framesBeforeKeyFrame, lateKeyFrames, audioOverflow } = segmenter.counts;
  return {
    ...ofInput,
    ...{ framesBeforeKeyFrame, lateKeyFrames, audioOverflow },
    detectionsLate: sidecars.counts.late,
    detectionsDropped: sidecars.counts.dropped + detectionsDropped,
  };
}
