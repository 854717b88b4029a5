import { describe, expect, it } from 'vitest';
import type { Finding, ProducerStats, PublicationView, SourceView } from '../protocol/index.ts';
import { stunAddressOf } from './askStun.ts';
import type { ProbedPorts, ServerFacts, StreamFacts } from './facts.ts';
import {
  announcedFinding,
  diskFinding,
  ffmpegFinding,
  inferenceFinding,
  nodesFinding,
  portsFinding,
  reachFinding,
  secureFinding,
  serverFindings,
  turnFinding,
} from './serverFindings.ts';
import {
  codecFinding,
  keyFramesFinding,
  limitFinding,
  lossFinding,
  pictureFinding,
  sourceFindings,
  streamFindings,
} from './streamFindings.ts';

const ffmpeg = {
  version: '7.1',
  protocols: ['file', 'tcp', 'udp', 'rtp', 'srt'],
  encoders: ['libx264', 'libopus'],
};
const port = (protocol: 'udp' | 'tcp', open = true): ProbedPorts['ports'][number] => ({
  ip: '127.0.0.1',
  port: 40_000,
  protocol,
  open,
  ...(open ? {} : { error: 'no answer' }),
});
const sfu = (probe: Partial<ProbedPorts> = {}): ServerFacts['sfus'][number] => ({
  id: 'sfu-1',
  probe: { ports: [port('udp'), port('tcp')], ffmpeg, ...probe },
});
const healthy: ServerFacts = {
  host: '0.0.0.0',
  openAccess: false,
  secureOrigin: true,
  sfus: [sfu()],
  iceServers: [{ url: 'turn:t.example', problem: undefined }],
  inferences: [{ id: 'i', executionProvider: 'cpu' }],
  disk: { folder: '/data', freeBytes: 10 * 1024 ** 3 },
};

it('nothing to say of a healthy server, and every finding that says something gives advice', () => {
  expect(serverFindings(healthy).map(({ level }) => level)).toEqual(Array(9).fill('ok'));
  const sick: ServerFacts = {
    host: '127.0.0.1',
    openAccess: true,
    secureOrigin: false,
    sfus: [sfu({ ports: [port('udp', false), port('tcp', false)], ffmpeg: null, announcedIp: '203.0.113.7' })],
    iceServers: [{ url: 'turn:t.example', problem: 'no answer' }],
    inferences: [],
    disk: { folder: '/data', freeBytes: 1 },
  };
  const findings = serverFindings(sick);
  for (const finding of findings.filter(({ id }) => id !== 'sfu')) {
    expect([finding.id, finding.level]).not.toEqual([finding.id, 'ok']);
    expect(finding.advice).toBeTruthy();
  }
  expect(new Set(findings.map(({ id }) => id)).size).toBe(findings.length);
});

describe('the server', () => {
  it('media nodes', () => expect(nodesFinding([]).level).toBe('problem'));

  it('ports: one that is shut warns, all of them are a problem', () => {
    expect(portsFinding('udp', [sfu()])?.detail).toContain('127.0.0.1:40000');
    expect(portsFinding('udp', [sfu({ ports: [port('udp', false)] })])).toMatchObject({ level: 'problem' });
    const half = portsFinding('tcp', [sfu({ ports: [port('tcp'), port('tcp', false)] })]);
    expect(half).toMatchObject({ level: 'warning' });
    expect(half?.detail).toContain('no answer');
    expect(portsFinding('udp', [])).toBeUndefined();
  });

  it('an announced address of its own is checked, another one can not be', () => {
    expect(announcedFinding([sfu({ announcedIp: '127.0.0.1' })])).toBeUndefined();
    expect(announcedFinding([sfu({ announcedIp: '203.0.113.7' })])?.[0]).toMatchObject({ level: 'info' });
  });

  it('loopback only says how to let others in', () => {
    expect(reachFinding('127.0.0.1').advice).toContain('HOST=0.0.0.0');
    expect(reachFinding('0.0.0.0').level).toBe('ok');
  });

  it('cameras need HTTPS off loopback', () => expect(secureFinding(false).advice).toContain('TLS'));

  it('TURN: silent, answering, none', () => {
    expect(turnFinding([{ url: 'turn:t', problem: 'no answer' }], '0.0.0.0')).toMatchObject({ level: 'warning' });
    expect(turnFinding([{ url: 'stun:s', problem: undefined }], '0.0.0.0')).toMatchObject({ level: 'info' });
    expect(turnFinding([], '0.0.0.0').advice).toContain('docs/TURN.md');
  });

  it('FFmpeg: absent, lacking, whole', () => {
    expect(ffmpegFinding([sfu({ ffmpeg: null })]).advice).toContain('FFMPEG_BIN');
    expect(ffmpegFinding([sfu({ ffmpeg: { ...ffmpeg, protocols: ['file', 'tcp'], encoders: [] } })]).detail).toContain(
      'srt input, the encoder libx264',
    );
    expect(ffmpegFinding([sfu()]).level).toBe('ok');
    expect(ffmpegFinding([]).level).toBe('info');
  });

  it('analysis and disk', () => {
    expect(inferenceFinding([{ id: 'i', problem: 'no' }]).level).toBe('warning');
    expect(inferenceFinding([{ id: 'i', executionProvider: 'cuda' }]).detail).toContain('cuda');
    expect(diskFinding({ folder: '/', freeBytes: 1024 ** 3 }).level).toBe('warning');
  });
});

const video: ProducerStats = {
  producerId: 'v',
  bitrateBps: 3_000_000,
  lossFraction: 0,
  jitterMs: 3,
  rttMs: 20,
  keyFrameIntervalMs: 1_000,
};
const publication = (rest: Partial<PublicationView> = {}): PublicationView => ({
  id: 'p',
  startedAt: new Date().toISOString(),
  publishedBy: 'whip',
  producers: [
    { id: 'v', kind: 'video', mimeType: 'video/H264', paused: false },
    { id: 'a', kind: 'audio', mimeType: 'audio/opus', paused: false },
  ],
  ingest: { producers: [video] },
  ...rest,
});
const live = (rest: Partial<StreamFacts> = {}): StreamFacts => ({
  publication: publication(),
  analysis: { state: 'running', width: 1280, height: 720, sourceFps: 30 },
  publisherReport: undefined,
  source: null,
  ...rest,
});
const levels = (findings: Finding[] | undefined) => findings?.map(({ level }) => level);

describe('a Stream', () => {
  it('that is well has nothing but ok', () => {
    const findings = streamFindings(live());
    expect(findings.map(({ id }) => id)).toEqual(['publishing', 'codec', 'bitrate', 'keyFrames', 'loss', 'audio']);
    expect(new Set(levels(findings))).toEqual(new Set(['ok']));
  });

  it('that nobody publishes says so, and where it waits', () => {
    const source: SourceView = { type: 'rtmp', state: 'waiting', restarts: 0, listenUrl: 'rtmp://h/live' };
    expect(streamFindings(live({ publication: null }))).toMatchObject([{ id: 'publishing', level: 'info' }]);
    expect(streamFindings(live({ publication: null, source }))[0]!.detail).toContain('rtmp://h/live');
  });

  it('key frames: rare ones matter, except from browsers', () => {
    const rare = [{ ...video, keyFrameIntervalMs: 8_300 }];
    expect(keyFramesFinding(rare, 'whip')?.[0]?.advice).toContain('Keyframe Interval: 1 s');
    expect(keyFramesFinding(rare, 'whip')?.[0]?.detail).toContain('every 8.3 s');
    expect(levels(keyFramesFinding(rare, 'browser'))).toEqual(['ok']);
    expect(levels(keyFramesFinding([video], 'rtsp'))).toEqual(['ok']);
    expect(keyFramesFinding([{ ...video, keyFrameIntervalMs: null }], 'whip')).toBeUndefined();
  });

  it('loss, jitter and round trip', () => {
    const of = (stats: Partial<ProducerStats>) => lossFinding([{ ...video, ...stats }], 'whip')![0]!.level;
    expect([of({}), of({ lossFraction: 0.02 }), of({ lossFraction: 0.1 })]).toEqual(['ok', 'warning', 'problem']);
    expect([of({ jitterMs: 90 }), of({ rttMs: 400 })]).toEqual(['warning', 'info']);
    expect(lossFinding([], 'whip')).toBeUndefined();
  });

  it('picture: size, rate and bitrate really sent; too few and very many bits', () => {
    expect(pictureFinding(live(), [video])?.[0]).toMatchObject({
      level: 'ok',
      detail: '1280×720 at 30 frames a second with 3.0 Mbit/s.',
    });
    expect(levels(pictureFinding(live(), [{ ...video, bitrateBps: 200_000 }]))).toEqual(['warning']);
    expect(levels(pictureFinding(live(), [{ ...video, bitrateBps: 30_000_000 }]))).toEqual(['info']);
    expect(pictureFinding(live({ analysis: { state: 'off' } }), [video])).toBeUndefined();
  });

  it('codec: sound alone, and simulcast', () => {
    const [vp8, opus] = publication().producers;
    expect(codecFinding(publication({ producers: [opus!] })).level).toBe('warning');
    const layer = (order: number) => ({
      ...vp8!,
      layer: { rid: String(order), order, timeline: { state: 'checking' as const } },
    });
    expect(codecFinding(publication({ producers: [layer(0), layer(1)] })).detail).toContain('in 2 sizes');
  });

  it('what limits the browser', () => {
    expect(limitFinding('cpu')?.[0]?.level).toBe('warning');
    expect(limitFinding('bandwidth')?.[0]?.level).toBe('warning');
    expect(limitFinding('none')).toBeUndefined();
  });

  it('a Source: what fails, what is transcoded and why', () => {
    const source: SourceView = { type: 'rtsp', state: 'retrying', restarts: 3, lastError: 'no route' };
    expect(sourceFindings(source)).toMatchObject([{ id: 'source', level: 'problem' }]);
    const transcoded = { codec: 'h264', how: 'transcoded' as const, why: 'it has B-frames' };
    const running: SourceView = { type: 'rtmp', state: 'running', restarts: 0, video: transcoded };
    expect(sourceFindings(running)[0]).toMatchObject({ id: 'transcoding', level: 'info' });
    expect(sourceFindings(running)[0]!.advice).toContain('B-frames');
    expect(levels(sourceFindings({ ...running, video: { codec: 'h264', how: 'copied' } }))).toEqual(['ok']);
  });
});

it.each([
  ['turn:t.example', { host: 't.example', port: 3478, transport: 'udp' }],
  ['turn:t.example:80?transport=tcp', { host: 't.example', port: 80, transport: 'tcp' }],
  ['turns:t.example', { host: 't.example', port: 5349, transport: 'tls' }],
  ['stun:[2001:db8::1]:3479', { host: '2001:db8::1', port: 3479, transport: 'udp' }],
  ['http://t.example', undefined],
])('%s is asked at %j', (url, address) => expect(stunAddressOf(url)).toEqual(address));
