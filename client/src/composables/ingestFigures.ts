import {
  longKeyFrameIntervalMs,
  type ProducerStats,
  type PublishedBy,
  type StreamView,
} from '@framelock/server/protocol';
import { formatBitrate, formatShare } from './formatFigures.ts';
import { codecName } from './sourceWords.ts';

/** What the server receives of a Publication; undefined = not measured (yet). */
export interface IngestFigures {
  publishedBy: PublishedBy;
  codec: string | undefined;
  width: number | undefined;
  height: number | undefined;
  fps: number | undefined;
  /** All layers together, bit/s. */
  videoBitrateBps: number | undefined;
  audioBitrateBps: number | undefined;
  /** The worst of the Producers, 0..1. */
  lossFraction: number | undefined;
  jitterMs: number | undefined;
  /** null = no key frame was seen yet. */
  keyFrameIntervalMs: number | null | undefined;
  /** Simulcast layers of the video; 1 = it is sent once. */
  layers: number;
}

/** undefined where nothing is published. */
export function ingestFigures(stream: Pick<StreamView, 'publication' | 'analysis'>): IngestFigures | undefined {
  const { publication, analysis } = stream;
  if (!publication) return undefined;
  const videos = publication.producers.filter(({ kind }) => kind === 'video');
  const main = videos.find(({ id }) => id === publication.analysedProducerId) ?? videos[0];
  const stats = new Map((publication.ingest?.producers ?? []).map((one) => [one.producerId, one]));
  const of = (kind: 'video' | 'audio') =>
    publication.producers.filter((one) => one.kind === kind).flatMap(({ id }) => stats.get(id) ?? []);
  const all = [...of('video'), ...of('audio')];
  const mainStats = main && stats.get(main.id);
  return {
    publishedBy: publication.publishedBy,
    codec: main && codecName(main.mimeType),
    width: analysis.width,
    height: analysis.height,
    fps: analysis.sourceFps,
    videoBitrateBps: sumOfBitrates(of('video')),
    audioBitrateBps: sumOfBitrates(of('audio')),
    lossFraction: all.length ? Math.max(...all.map((one) => one.lossFraction)) : undefined,
    jitterMs: mainStats?.jitterMs,
    keyFrameIntervalMs: mainStats?.keyFrameIntervalMs,
    layers: Math.max(1, videos.length),
  };
}

/** Lowest resolution of a time between key frames that a person wants to see. */
export function formatKeyFrameInterval(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return '–';
  return `${(ms / 1000).toFixed(ms < 9_950 ? 1 : 0)} s`;
}

export function keyFramesAreLate(ms: number | null | undefined): boolean {
  return typeof ms === 'number' && ms > longKeyFrameIntervalMs;
}

export interface IngestWarning {
  id: 'keyFrames' | 'loss';
  title: string;
  advice: string;
}

const lossWorthSaying = 0.02;

/** What is not well with what arrives, and the exact thing to change. */
export function ingestWarnings(figures: IngestFigures): IngestWarning[] {
  const warnings: IngestWarning[] = [];
  const { keyFrameIntervalMs, lossFraction = 0, publishedBy } = figures;
  // A browser sends a key frame when it is asked for one, so that nobody waits for the next.
  if (publishedBy !== 'browser' && keyFramesAreLate(keyFrameIntervalMs)) {
    warnings.push({
      id: 'keyFrames',
      title: `A key frame comes every ${formatKeyFrameInterval(keyFrameIntervalMs)} only: who joins waits that long for a picture`,
      advice: keyFrameAdvice[publishedBy],
    });
  }
  if (lossFraction > lossWorthSaying) {
    warnings.push({
      id: 'loss',
      title: `${formatShare(lossFraction, 1)} of the packets are lost on the way to the server`,
      advice: `Send less: lower the bitrate (now ${formatBitrate(figures.videoBitrateBps)}), or use a cable instead of Wi-Fi.`,
    });
  }
  return warnings;
}

const inObs = 'In OBS: Settings → Output → Streaming → Keyframe Interval: 1 s (0 means automatic, up to 10 s).';
const keyFrameAdvice: Record<PublishedBy, string> = {
  browser: '',
  whip: inObs,
  rtmp: `${inObs} In FFmpeg: -g with the frame rate, e.g. -g 30.`,
  rtsp: "In the camera's video settings: I-frame interval (GOP) as long as its frame rate, e.g. 30.",
  srt: 'In the sending encoder: a key-frame interval (GOP) of 1 s.',
  file: 'The file was encoded so. Encode it with a key frame each second, e.g. ffmpeg -i in.mp4 -g 30 -bf 0 out.mp4.',
  test: '',
};

function sumOfBitrates(producers: ProducerStats[]): number | undefined {
  return producers.length ? producers.reduce((sum, one) => sum + one.bitrateBps, 0) : undefined;
}
