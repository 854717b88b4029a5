import type { HlsSetting, StreamSettings } from '@framelock/server/protocol';
import { formatBytes, plural } from './formatFigures.ts';

/** How long Recordings of a Stream stay, and what that means for what is being recorded. */
export function keepWords({
  recordingMaxAgeHours: hours,
  recordingMaxBytes: bytes,
}: Pick<StreamSettings, 'recordingMaxAgeHours' | 'recordingMaxBytes'>): string {
  if (hours === null && bytes === null) {
    return 'Nothing is deleted by itself. When the disk is full, recording and HLS stop; live video by WebRTC goes on.';
  }
  const age = hours === null ? undefined : `what is older than ${ageWords(hours)}`;
  const size =
    bytes === null ? undefined : `the oldest when all recordings of this stream together exceed ${formatBytes(bytes)}`;
  const what = [age, size].filter(Boolean).join(', and ');
  return `Deleted by itself, for good: ${what}. That includes the beginning of what is being recorded.`;
}

/** What turning recording off means for a Publication that is being recorded: one folder is one Recording. */
export function stillRecordedWords(hls: HlsSetting): string {
  const now = {
    always: 'The publication that is live now is still recorded until it ends, and kept.',
    onDemand: 'What is recorded of the publication that is live now is kept, and grows while someone watches by HLS.',
    off: 'What was recorded of the publication that is live now is kept.',
  }[hls];
  return `${now} Later ones are not recorded.`;
}

function ageWords(hours: number): string {
  if (hours < 48) return plural(Math.round(hours * 10) / 10, 'hour');
  return plural(Math.round((hours / 24) * 10) / 10, 'day');
}
