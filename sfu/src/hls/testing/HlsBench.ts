import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect } from 'vitest';
import type { HlsView, PackagerSettings } from '@framelock/server/protocol';
import { hlsOriginToken } from '@framelock/server/protocol/node';
import { testFfmpegBin } from '../../testing/clips.ts';
import { startSfu, testSecret, type TestSfu } from '../../testing/startSfu.ts';
import { until } from '../../testing/until.ts';
import { HlsHost } from '../HlsHost.ts';
import { type ClientReport, LowLatencyClient } from './LowLatencyClient.ts';
import { RtpPublisher } from './RtpPublisher.ts';

export const originToken = hlsOriginToken(testSecret);
export const bearer = { authorization: `Bearer ${originToken}` };

export interface HlsBenchOptions {
  /** `DATA_DIR`, the caller's; without it a folder of the bench's own. */
  data?: string;
  /** Of the hls process. */
  environment?: Record<string, string>;
}

let attempts = 0;

export interface Ids {
  streamId: string;
  publicationId: string;
}
export const nextIds = (): Ids => ({ streamId: `stream-${++attempts}`, publicationId: `publication-${attempts}` });

/** An sfu node (real Worker, FFmpeg) with its hls process, who publishes into it, and who plays from it. */
export class HlsBench {
  readonly sfu: TestSfu;
  readonly hls: HlsHost;
  /** Clips for Sources. */
  readonly folder: string;
  readonly data: string;
  readonly #ownFolders: string[];
  readonly #publishers = new Set<RtpPublisher>();

  private constructor(sfu: TestSfu, folders: { folder: string; data: string; own: string[] }) {
    this.sfu = sfu;
    this.hls = sfu.hls!;
    this.folder = folders.folder;
    this.data = folders.data;
    this.#ownFolders = folders.own;
  }

  static async create({ data: given, environment }: HlsBenchOptions = {}): Promise<HlsBench> {
    const folder = await mkdtemp(join(tmpdir(), 'framelock-hls-clips-'));
    const data = given ?? (await mkdtemp(join(tmpdir(), 'framelock-hls-data-')));
    const own = given === undefined ? [folder, data] : [folder];
    const sfu = await startSfu({
      sources: { ffmpegBin: testFfmpegBin, sourceFilesDir: folder, srtPort: 0, rtmpPort: 0 },
      hls: (node) =>
        HlsHost.create({
          node,
          log: pino({ level: 'silent' }),
          environment: {
            ...{ NODE_SECRET: testSecret, DATA_DIR: data, FFMPEG_BIN: testFfmpegBin },
            ...{ LOG_LEVEL: process.env.FRAMELOCK_TEST_LOG ?? 'fatal' },
            ...environment,
          },
        }),
    });
    return new HlsBench(sfu, { folder, data, own });
  }

  /** A file of `folder`, again and again. */
  async publishFile(name: string): Promise<Ids> {
    const ids = nextIds();
    await this.sfu.client.ask('openSource', {
      ...{ ...ids, streamKey: 'a-stream-key-of-tests', allowPrivateAddresses: true },
      spec: { type: 'file', url: name, loop: true },
    });
    const started = (): boolean =>
      this.sfu.client.told('sourceStarted').some((one) => one.publicationId === ids.publicationId);
    await until('it is live', started);
    return ids;
  }

  endFile(publicationId: string): Promise<unknown> {
    return this.sfu.client.ask('closeSource', { publicationId });
  }

  /** Somebody whose RTP is ours to make. */
  async publisher(ids: Ids = nextIds()): Promise<RtpPublisher> {
    const publisher = await RtpPublisher.create(this.sfu.node, ids);
    this.#publishers.add(publisher);
    return publisher;
  }

  /** Ends whoever publishes. */
  async endAll(): Promise<void> {
    for (const publisher of this.#publishers) publisher.close();
    this.#publishers.clear();
    for (const { publicationId } of this.sfu.client.told('sourceStarted')) await this.endFile(publicationId);
    await until('nothing is live', () => this.sfu.node.counts().publications === 0 && this.hls.taps === 0);
  }

  set(publicationId: string, settings: Partial<PackagerSettings>): Promise<unknown> {
    const all: PackagerSettings = {
      ...{ hls: 'onDemand', recording: false, recordingMaxAgeHours: null, recordingMaxBytes: null },
      ...settings,
    };
    return this.sfu.client.ask('setPackager', { publicationId, settings: all });
  }

  get(path: string, headers: Record<string, string> = bearer): Promise<Response> {
    return fetch(`${this.hls.url}${path}`, { headers });
  }

  /** Of a Publication; '' while there is none. */
  async playlist({ streamId, publicationId }: Ids, name = 'live.m3u8'): Promise<string> {
    const response = await this.get(`/hls/${streamId}/${publicationId}/${name}`);
    const text = await response.text();
    return response.ok ? text : '';
  }

  /** Asks as a player does, and goes on when the first Segment is there; the multivariant playlist. */
  untilPlayable({ streamId }: { streamId: string }, limitMs = 30_000): Promise<string> {
    const probe = async (): Promise<string> => {
      const response = await this.get(`/hls/${streamId}/index.m3u8`);
      const text = await response.text();
      if (response.status === 200) return text;
      expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
      return '';
    };
    return until('a full Segment', probe, limitMs);
  }

  viewOf({ publicationId }: Ids): HlsView | undefined {
    return this.sfu.client.told('hls').findLast((one) => one.publicationId === publicationId)?.hls;
  }

  client({ streamId, publicationId }: Ids): LowLatencyClient {
    return new LowLatencyClient({ base: `${this.hls.url}/hls/${streamId}/${publicationId}/`, bearer: originToken });
  }

  async play(ids: Ids, forMs: number): Promise<{ client: LowLatencyClient; report: ClientReport }> {
    const client = this.client(ids);
    const playing = client.play();
    await new Promise((resolve) => setTimeout(resolve, forMs));
    client.stop();
    return { client, report: await playing };
  }

  async close(): Promise<void> {
    for (const publisher of this.#publishers) publisher.close();
    await this.sfu.close();
    await Promise.all(this.#ownFolders.map((path) => rm(path, { recursive: true, force: true })));
  }
}
