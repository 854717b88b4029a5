import type { KnownRecording } from '@framelock/db';
import type { StreamSettings } from '../protocol/index.ts';

export type Expiry = 'age' | 'bytes';

/**
 * Which Recordings of one Stream have to go, and why. One that still grows takes its part of the bytes but stays: its
 * node drops its oldest Segments itself. `recordings`: all of the Stream, newest first.
 */
export function expiredRecordings<R extends Pick<KnownRecording, 'state' | 'endedAt' | 'bytes'>>(
  recordings: readonly R[],
  limits: Pick<StreamSettings, 'recordingMaxAgeHours' | 'recordingMaxBytes'>,
  nowMs: number,
): { recording: R; why: Expiry }[] {
  const { recordingMaxAgeHours, recordingMaxBytes } = limits;
  const oldestMs = recordingMaxAgeHours === null ? -Infinity : nowMs - recordingMaxAgeHours * 3_600_000;
  const maxBytes = recordingMaxBytes ?? Infinity;
  const expired: { recording: R; why: Expiry }[] = [];
  let bytes = recordings.reduce((sum, one) => (one.state === 'recording' ? sum + one.bytes : sum), 0);
  for (const recording of recordings) {
    if (recording.state === 'recording') continue;
    if (recording.endedAt.getTime() < oldestMs) {
      expired.push({ recording, why: 'age' });
      continue;
    }
    bytes += recording.bytes;
    if (bytes > maxBytes) expired.push({ recording, why: 'bytes' });
  }
  return expired;
}
