import type { PlayerStats } from '../player/PlayerStats.ts';
import { formatBitrate, formatBytes, formatCount, formatFps, formatMs, noFigure } from './formatFigures.ts';

export interface StatsRow {
  name: string;
  value: string;
  title?: string;
}

/** Figures of a player that both transports have, then those that only WebRTC has. */
export function playerRows(s: PlayerStats | undefined): StatsRow[] {
  const both = [
    { name: 'Transport', value: s ? transportName(s) : noFigure },
    { name: 'Analysis', value: s ? `${formatFps(s.analysisFps)} fps` : noFigure },
    { name: 'Video', value: s ? `${formatFps(s.videoFps)} fps` : noFigure },
    { name: 'Picture', value: s?.width ? `${s.width} × ${s.height}` : noFigure },
    { name: 'Codec', value: s?.codec ? s.codec.replace(/^video\//, '') : noFigure },
    { name: 'Bitrate', value: formatBitrate(s?.bitrateBps) },
    { name: 'Detection message', value: formatBytes(s?.dataChannelBytesPerFrame) },
    { name: 'Detections lost', value: formatCount(s?.detections.lost) },
    { name: 'Join time', value: formatMs(s?.joinMs) },
    { name: 'Frames dropped', value: formatCount(s?.framesDropped) },
    { name: 'Reconnections', value: formatCount(s?.reconnections) },
  ];
  if (s?.transport === 'hls') return both;
  return [
    ...both,
    { name: 'Jitter buffer target', value: formatMs(s?.jitterBufferTargetMs) },
    { name: 'Detections later by (p99)', value: formatMs(s?.detectionDelayMs) },
    { name: 'Age of predictions', value: formatMs(s?.predictionAgeMs) },
    { name: 'Packets lost', value: formatCount(s?.packetsLost) },
  ];
}

function transportName({ transport, hls }: PlayerStats): string {
  if (transport === 'webrtc') return 'WebRTC';
  return hls?.lowLatency === false ? 'HLS' : 'LL-HLS';
}

/** What HLS knows where WebRTC has its latency budget; empty before something plays. */
export function hlsRows(s: Pick<PlayerStats, 'hls'> | undefined): StatsRow[] {
  const hls = s?.hls;
  if (!hls) return [];
  const { loaded, missing } = hls.sidecars;
  const rows: StatsRow[] = [
    { name: 'Buffered ahead', value: formatMs(hls.bufferedMs), title: 'Media that is here and not yet shown' },
    {
      name: 'Playback rate',
      value: `${hls.playbackRate.toFixed(2)} ×`,
      title: 'Above 1 it catches up with what is live',
    },
    { name: 'Stalls', value: formatCount(hls.stalls), title: 'The buffer ran empty while playing' },
    {
      name: 'Detection files',
      value: missing > 0 ? `${formatCount(loaded)}, ${formatCount(missing)} missing` : formatCount(loaded),
      title: 'Files of detections beside the media; pictures of a missing one are shown without boxes',
    },
    { name: 'Parts not loaded', value: formatCount(hls.droppedParts), title: 'Skipped, or tried again' },
  ];
  if (hls.partTargetMs !== null) {
    rows.push({ name: 'Part target', value: formatMs(hls.partTargetMs), title: 'Media comes in Parts of this length' });
  }
  if (!hls.exact) rows.push({ name: 'Exactness', value: 'not told by this browser' });
  return rows;
}
