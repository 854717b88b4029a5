import { Counter, Gauge } from 'prom-client';
import type { Logger } from 'pino';
import {
  Refusal,
  type EventData,
  type OpenSource,
  type SfuControlContract,
  type SourceProgress,
} from '@framelock/server/protocol';
import type { SfuMetrics } from '../metrics.ts';
import { FfmpegBuild } from './FfmpegBuild.ts';
import { runningFfmpegs } from './FfmpegProcess.ts';
import { openInput, type InputDoors } from './openInput.ts';
import {
  SourceRun,
  sourceRunTimeouts,
  type SourceEnd,
  type SourceRunOptions,
  type SourceRunTimeouts,
} from './SourceRun.ts';

type Told = 'sourceStarted' | 'sourceProgress' | 'sourceEnded';

export interface SourcesOptions extends InputDoors {
  ffmpegBin: string;
  metrics: SfuMetrics;
  log: Logger;
  timeouts?: SourceRunTimeouts;
  /** Ends what listens for publishers. */
  closeDoors?(): void | Promise<void>;
  onStream: SourceRunOptions['onStream'];
  tell<E extends Told>(event: E, data: EventData<SfuControlContract, E>): void;
}

/** Each is an FFmpeg or two; beyond this a node is no use to any of them. */
const maxSources = 64;
const maxRemembered = 500;

/** The Sources of a node: at most one run per Publication, and what earlier ones learnt. */
export class Sources {
  readonly #options: SourcesOptions;
  readonly #runs = new Map<string, SourceRun>();
  readonly #opening = new Map<string, { closed: boolean }>();
  /** Why copying was wrong, by Stream and what it plays. */
  readonly #mustTranscode = new Map<string, string>();
  readonly #started: Counter<'type'>;
  readonly #ended: Counter<'type' | 'reason'>;
  #build: Promise<FfmpegBuild> | undefined;
  #closed = false;

  constructor(options: SourcesOptions) {
    this.#options = options;
    const registers = [options.metrics.registry];
    const runs = this.#runs;
    new Gauge({
      name: 'framelock_sources',
      help: 'Sources on this node',
      labelNames: ['type', 'state'],
      registers,
      collect() {
        this.reset();
        for (const { type, progress } of runs.values()) this.inc({ type, state: progress.state });
      },
    });
    new Gauge({
      name: 'framelock_source_ffmpegs',
      help: 'FFmpeg processes of Sources',
      registers,
      collect() {
        this.set(runningFfmpegs());
      },
    });
    this.#started = new Counter({
      name: 'framelock_source_attempts_total',
      help: 'Attempts to run a Source',
      labelNames: ['type'],
      registers,
    });
    this.#ended = new Counter({
      name: 'framelock_source_ends_total',
      help: 'Attempts that ended',
      labelNames: ['type', 'reason'],
      registers,
    });
  }

  get size(): number {
    return this.#runs.size;
  }

  /** What the FFmpeg of this node can do. @throws Refusal `unavailable` */
  ffmpeg(): Promise<FfmpegBuild> {
    if (!this.#build) {
      this.#build = FfmpegBuild.create(this.#options.ffmpegBin);
      // It may be installed meanwhile.
      this.#build.catch(() => (this.#build = undefined));
    }
    return this.#build;
  }

  /** Begins an attempt; its end is told by `sourceEnded`. @throws Refusal where it can't begin at all; then nothing is told. */
  async open(open: OpenSource): Promise<SourceProgress> {
    const { publicationId } = open;
    if (this.#closed) throw new Refusal('unavailable', 'this sfu node is closing');
    if (this.#runs.has(publicationId) || this.#opening.has(publicationId)) {
      throw new Refusal('conflict', 'this attempt was begun already');
    }
    if (this.#runs.size + this.#opening.size >= maxSources) {
      throw new Refusal('rateLimited', `this node runs ${maxSources} Sources already: stop one, or add a node`);
    }
    const opening = { closed: false };
    this.#opening.set(publicationId, opening);
    try {
      const build = await this.ffmpeg();
      const input = await openInput(open, build, this.#options);
      if (opening.closed || this.#closed) {
        await input.close('requested');
        throw new Refusal('gone', 'openSource: it was closed meanwhile');
      }
      return this.#start(open, { build, input });
    } finally {
      this.#opening.delete(publicationId);
    }
  }

  #start(open: OpenSource, parts: Pick<SourceRunOptions, 'build' | 'input'>): SourceProgress {
    const { tell, onStream, timeouts = sourceRunTimeouts } = this.#options;
    const { publicationId, streamId, spec } = open;
    const what = `${streamId} ${JSON.stringify(spec)}`;
    const run = SourceRun.start({
      ...parts,
      open,
      timeouts,
      onStream,
      mustTranscode: this.#mustTranscode.get(what),
      onProgress: (progress) => tell('sourceProgress', { publicationId, streamId, progress }),
      onStarted: (producers) => tell('sourceStarted', { publicationId, streamId, producers }),
      onMustTranscode: (why) => this.#remember(what, why),
      onEnded: (end) => this.#onEnded(open, end),
    });
    this.#runs.set(publicationId, run);
    this.#started.inc({ type: spec.type });
    return run.progress;
  }

  #remember(what: string, why: string): void {
    this.#mustTranscode.set(what, why);
    if (this.#mustTranscode.size > maxRemembered) this.#mustTranscode.delete(this.#mustTranscode.keys().next().value!);
  }

  #onEnded({ publicationId, streamId, spec }: OpenSource, { reason, message }: SourceEnd): void {
    this.#runs.delete(publicationId);
    this.#ended.inc({ type: spec.type, reason });
    this.#options.log.info({ publicationId, streamId, type: spec.type, reason, message }, 'Source ended');
    this.#options.tell('sourceEnded', { publicationId, streamId, reason, message: message.slice(0, 1000) });
  }

  /** Resolves when its FFmpeg is gone; at once where there is none. */
  async close(publicationId: string): Promise<void> {
    const opening = this.#opening.get(publicationId);
    if (opening) opening.closed = true;
    await this.#runs.get(publicationId)?.close();
  }

  async closeAll(): Promise<void> {
    this.#closed = true;
    for (const opening of this.#opening.values()) opening.closed = true;
    await Promise.all(
      [...this.#runs.values()].map((run) => run.close({ reason: 'requested', message: 'the node stops' })),
    );
    await this.#options.closeDoors?.();
  }

  dump(): Record<string, unknown>[] {
    return [...this.#runs.values()].map((run) => run.dump());
  }
}
