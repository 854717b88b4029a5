import type { SourceMedia, SourceView } from '@framelock/server/protocol';

export interface SourceWords {
  tone: 'good' | 'info' | 'warn' | 'bad' | 'plain';
  /** For a badge. */
  short: string;
  /** A sentence; empty where the badge says it all. */
  long: string;
  busy: boolean;
}

const codecNames: Record<string, string> = {
  h264: 'H.264',
  avc: 'H.264',
  hevc: 'HEVC',
  h265: 'HEVC',
  vp8: 'VP8',
  vp9: 'VP9',
  av1: 'AV1',
  mpeg4: 'MPEG-4',
  mpeg2video: 'MPEG-2',
  mjpeg: 'Motion JPEG',
  aac: 'AAC',
  opus: 'Opus',
  mp3: 'MP3',
  mp2: 'MP2',
  ac3: 'AC-3',
  pcm_alaw: 'G.711 A-law',
  pcm_mulaw: 'G.711 µ-law',
};

/** `video/H264`, `h264`, `pcm_alaw`: as people write it. */
export function codecName(codec: string): string {
  const bare = codec.replace(/^(video|audio)\//i, '');
  return codecNames[bare.toLowerCase()] ?? bare.toUpperCase();
}

/** "H.264, passed on as it is" or "HEVC, converted to H.264: it has B-frames". */
export function mediaWords(media: SourceMedia, kind: 'video' | 'audio'): string {
  const name = codecName(media.codec);
  if (media.how === 'copied') return `${name}, passed on as it is`;
  const why = media.why ? `: ${media.why.replace(/\.$/, '')}` : '';
  return `${name}, transcoded to ${kind === 'video' ? 'H.264' : 'Opus'}${why}`;
}

/** What a Source is doing, in words. */
export function sourceWords(source: SourceView, nowMs: number): SourceWords {
  const { type, url } = source;
  switch (source.state) {
    case 'starting':
      return { tone: 'info', short: 'Starting…', long: '', busy: true };
    case 'waiting':
      return {
        tone: 'info',
        short: type === 'rtmp' ? 'Waiting for an encoder…' : 'Waiting for a sender…',
        long: 'The Stream goes live as soon as it sends.',
        busy: true,
      };
    case 'connecting':
      return { tone: 'info', short: 'Connecting…', long: url ? `To ${url}.` : '', busy: true };
    case 'running':
      return { tone: 'good', short: 'Running', long: restartWords(source), busy: false };
    case 'retrying':
      return {
        tone: 'warn',
        short: `Trying again ${retryIn(source.retryAt, nowMs)}`,
        long: source.lastError ? sentence(source.lastError) : 'The last attempt failed.',
        busy: true,
      };
    case 'finished':
      return {
        tone: 'plain',
        short: 'Finished',
        long: 'The file was played to its end. Start it again, or switch looping on.',
        busy: false,
      };
  }
}

/** For a card: only what someone has to look at. */
export function sourceTrouble(source: SourceView, nowMs: number): SourceWords | undefined {
  return source.state === 'retrying' ? sourceWords(source, nowMs) : undefined;
}

function restartWords({ restarts, lastError }: SourceView): string {
  if (restarts === 0) return '';
  const times = restarts === 1 ? 'once' : `${restarts} times`;
  return `It was started again ${times}${lastError ? `; the last error: ${sentence(lastError)}` : '.'}`;
}

function retryIn(retryAt: string | undefined, nowMs: number): string {
  const seconds = retryAt ? Math.ceil((Date.parse(retryAt) - nowMs) / 1000) : 0;
  return seconds > 0 ? `in ${seconds} s` : 'now…';
}

function sentence(text: string): string {
  const trimmed = text.trim();
  const first = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?…]$/.test(first) ? first : `${first}.`;
}
