import {
  type Finding,
  longKeyFrameIntervalMs,
  type ProducerStats,
  type PublicationView,
  type PublishedBy,
  type SourceView,
} from '../protocol/index.ts';
import type { StreamFacts } from './facts.ts';

/** Findings about one Stream: what is really sent, and how it arrives. All pure. */

const lossWarning = 0.01;
const lossProblem = 0.05;
const jitterWarningMs = 40;
const rttInfoMs = 250;
/** Bits for each pixel of each picture: H.264 at less looks blocky with any movement. */
const poorBitsPerPixel = 0.02;
const generousBitrateBps = 15_000_000;

export function streamFindings(facts: StreamFacts): Finding[] {
  const { publication, source } = facts;
  const ofSource = source ? sourceFindings(source) : [];
  if (!publication) return [publishingFinding(undefined, source), ...ofSource];
  const { ingest, publishedBy, producers } = publication;
  const statsOf = (kind: 'video' | 'audio') =>
    producers
      .filter((producer) => producer.kind === kind)
      .flatMap(({ id }) => ingest?.producers.find(({ producerId }) => producerId === id) ?? []);
  const video = statsOf('video');
  return [
    publishingFinding(publication, source),
    codecFinding(publication),
    ...(pictureFinding(facts, video) ?? []),
    ...(keyFramesFinding(video, publishedBy) ?? []),
    ...(lossFinding([...video, ...statsOf('audio')], publishedBy) ?? []),
    ...(limitFinding(facts.publisherReport?.limitedBy) ?? []),
    audioFinding(publication),
    ...ofSource,
  ];
}

const publisherNames: Record<PublishedBy, string> = {
  browser: 'a browser',
  whip: 'a WHIP client (OBS, for example)',
  test: 'its test pattern',
  file: 'a file',
  rtmp: 'an RTMP publisher',
  rtsp: 'an RTSP camera',
  srt: 'an SRT sender',
};

function publishingFinding(publication: PublicationView | undefined, source: SourceView | null): Finding {
  const finding = { id: 'publishing', title: 'Publishing' };
  if (publication) {
    return { ...finding, level: 'ok', detail: `The Stream is live from ${publisherNames[publication.publishedBy]}.` };
  }
  if (source?.state === 'waiting') {
    const where = source.listenUrl === undefined ? '' : ` at ${source.listenUrl}`;
    return { ...finding, level: 'info', detail: `The Stream waits for ${publisherNames[source.type]}${where}.` };
  }
  return { ...finding, level: 'info', detail: 'Nobody publishes this Stream just now.' };
}

export function codecFinding({ producers }: PublicationView): Finding {
  const finding = { id: 'codec', title: 'Codecs' };
  const names = [...new Set(producers.map(({ mimeType }) => mimeType.replace(/^.+\//, '')))];
  const layers = producers.filter(({ layer }) => layer !== undefined).length;
  const simulcast = layers > 1 ? `, in ${layers} sizes (simulcast)` : '';
  if (!producers.some(({ kind }) => kind === 'video')) {
    return {
      ...finding,
      level: 'warning',
      detail: `Only sound is sent (${names.join(', ')}), so there is nothing to analyse.`,
      advice: 'Switch the video on where it is published.',
    };
  }
  return { ...finding, level: 'ok', detail: `${names.join(' and ')} arrive${simulcast}.` };
}

export function pictureFinding(facts: StreamFacts, video: readonly ProducerStats[]): Finding[] | undefined {
  const { publisherReport: report, analysis } = facts;
  const width = report?.width || analysis.width;
  const height = report?.height || analysis.height;
  const fps = report?.fps || analysis.sourceFps;
  const bitrateBps = video.reduce((most, one) => Math.max(most, one.bitrateBps), 0) || report?.bitrateBps;
  if (!width || !height || bitrateBps === undefined) return undefined;
  const finding = { id: 'bitrate', title: 'Picture' };
  const rate = fps === undefined ? '' : ` at ${Math.round(fps)} frames a second`;
  const detail = `${width}×${height}${rate} with ${(bitrateBps / 1e6).toFixed(1)} Mbit/s.`;
  const bitsPerPixel = fps ? bitrateBps / (width * height * fps) : Infinity;
  if (bitrateBps > 0 && bitsPerPixel < poorBitsPerPixel) {
    const wantedBps = width * height * fps! * poorBitsPerPixel * 2;
    return [
      {
        ...finding,
        level: 'warning',
        detail: `${detail} That is little for this size: pictures get blocky and small objects are missed.`,
        advice: `Send about ${(wantedBps / 1e6).toFixed(1)} Mbit/s, or a smaller picture.`,
      },
    ];
  }
  if (bitrateBps > generousBitrateBps) {
    return [
      {
        ...finding,
        level: 'info',
        detail: `${detail} Every viewer needs as much.`,
        advice: 'Send 4 to 8 Mbit/s for 1080p: viewers on ordinary lines can then follow.',
      },
    ];
  }
  return [{ ...finding, level: 'ok', detail }];
}

export function keyFramesFinding(video: readonly ProducerStats[], by: PublishedBy): Finding[] | undefined {
  const known = video.flatMap(({ keyFrameIntervalMs }) => keyFrameIntervalMs ?? []);
  if (known.length === 0) return undefined;
  const finding = { id: 'keyFrames', title: 'Key frames' };
  const longestMs = Math.max(...known);
  // Browsers send one whenever somebody joins; how rare they are in between is of no matter.
  if (by === 'browser') return [{ ...finding, level: 'ok', detail: 'The browser sends key frames when asked.' }];
  const detail = `A key frame comes every ${(longestMs / 1000).toFixed(1)} s.`;
  if (longestMs <= longKeyFrameIntervalMs) return [{ ...finding, level: 'ok', detail }];
  return [
    {
      ...finding,
      level: 'warning',
      detail: `${detail} Who joins waits that long for the first picture, since this publisher sends none on request.`,
      advice: keyFrameAdvice[by],
    },
  ];
}

const obsAdvice = 'OBS: Settings → Output → Advanced → Keyframe Interval: 1 s.';
const keyFrameAdvice: Record<Exclude<PublishedBy, 'browser'>, string> = {
  whip: obsAdvice,
  rtmp: `${obsAdvice} FFmpeg: -g with one second's worth of frames.`,
  srt: `Set the encoder's key-frame (GOP, IDR) interval to 1 s. ${obsAdvice}`,
  rtsp: "Set the camera's I-frame (GOP) interval to one second's worth of frames in its own settings.",
  file: 'Encode the file with a key frame every second (FFmpeg: -g).',
  test: 'Remove the Source and set it again.',
};

export function lossFinding(stats: readonly ProducerStats[], by: PublishedBy): Finding[] | undefined {
  if (stats.length === 0) return undefined;
  const finding = { id: 'loss', title: 'Packets from the publisher' };
  const loss = Math.max(...stats.map(({ lossFraction }) => lossFraction));
  const jitterMs = Math.max(...stats.map((one) => one.jitterMs));
  const rtts = stats.flatMap(({ rttMs }) => rttMs ?? []);
  const rttMs = rtts.length > 0 ? Math.max(...rtts) : undefined;
  const detail = `${(loss * 100).toFixed(1)} % of the packets are lost, they come within ${Math.round(jitterMs)} ms of their time${rttMs === undefined ? '' : `, round trip ${Math.round(rttMs)} ms`}.`;
  if (loss >= lossWarning) {
    return [
      {
        ...finding,
        level: loss >= lossProblem ? 'problem' : 'warning',
        detail,
        advice:
          by === 'browser' || by === 'whip'
            ? 'Use a cable instead of Wi-Fi, or lower the bitrate: the uplink carries less than is sent.'
            : 'Between FFmpeg and the media node packets get lost: the machine of the sfu has too much to do.',
      },
    ];
  }
  if (jitterMs >= jitterWarningMs) {
    return [
      {
        ...finding,
        level: 'warning',
        detail,
        advice: 'The way to the server is uneven: use a cable instead of Wi-Fi, or lower the bitrate.',
      },
    ];
  }
  if (rttMs !== undefined && rttMs >= rttInfoMs) {
    const advice = 'The publisher is far from the server: a media node nearer to it would save that time.';
    return [{ ...finding, level: 'info', detail, advice }];
  }
  return [{ ...finding, level: 'ok', detail }];
}

export function limitFinding(limitedBy: 'none' | 'cpu' | 'bandwidth' | 'other' | undefined): Finding[] | undefined {
  const finding = { id: 'limited', title: 'Sending' };
  if (limitedBy === 'cpu') {
    return [
      {
        ...finding,
        level: 'warning',
        detail: 'The browser sends less than asked, since the computer can encode no more.',
        advice: 'Close other programs, choose a smaller picture, or VP8 or H.264 instead of VP9 or AV1.',
      },
    ];
  }
  if (limitedBy === 'bandwidth') {
    return [
      {
        ...finding,
        level: 'warning',
        detail: 'The browser sends less than asked, since the uplink carries no more.',
        advice: 'Choose a smaller picture, or a better uplink.',
      },
    ];
  }
  return undefined;
}

function audioFinding({ producers }: PublicationView): Finding {
  const finding = { id: 'audio', title: 'Sound' };
  const audio = producers.filter(({ kind }) => kind === 'audio');
  if (audio.length === 0) return { ...finding, level: 'info', detail: 'No sound is sent.' };
  if (audio.every(({ paused }) => paused)) return { ...finding, level: 'info', detail: 'The sound is muted.' };
  return { ...finding, level: 'ok', detail: 'Sound is sent.' };
}

export function sourceFindings(source: SourceView): Finding[] {
  const findings: Finding[] = [];
  const title = 'Source';
  if (source.state === 'retrying') {
    findings.push({
      id: 'source',
      level: 'problem',
      title,
      detail: `The ${source.type} Source does not run: ${source.lastError ?? 'its last attempt failed'}. It is tried again.`,
      advice: sourceAdvice[source.type],
    });
  } else if (source.restarts > 0 && source.lastError !== undefined) {
    const detail = `The ${source.type} Source began again ${source.restarts} times; the last time since ${source.lastError}.`;
    findings.push({ id: 'source', level: 'warning', title, detail, advice: sourceAdvice[source.type] });
  }
  const { video } = source;
  if (video?.how === 'transcoded') {
    findings.push({
      id: 'transcoding',
      level: 'info',
      title: 'Transcoding',
      detail: `The video (${video.codec}) is encoded anew, which costs about a core${video.why === undefined ? '.' : `: ${video.why}.`}`,
      advice: /B-frame/i.test(video.why ?? '')
        ? 'Switch B-frames off at the encoder (OBS: Max B-frames 0, or tune zerolatency; FFmpeg: -bf 0): it is then passed on as it is.'
        : 'Send H.264 (Baseline, Main or High, 4:2:0, without B-frames): it is then passed on as it is.',
    });
  } else if (video) {
    const detail = `The video (${video.codec}) is passed on as it comes, without encoding it anew.`;
    findings.push({ id: 'transcoding', level: 'ok', title: 'Transcoding', detail });
  }
  return findings;
}

const sourceAdvice: Record<SourceView['type'], string> = {
  test: 'See the output of the sfu: its FFmpeg does not start.',
  file: 'See that the file plays elsewhere, or upload it again.',
  rtmp: 'Check server URL and stream key at the encoder.',
  rtsp: "Check the camera's address, name and password, and that this server reaches it.",
  srt: 'Check address, port, mode and passphrase on both sides.',
};
