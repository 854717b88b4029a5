import { setTimeout as sleep } from 'node:timers/promises';
import type { components } from '../../api/FramelockClient.ts';
import { CliError, type Command, wholeNumber } from '../Command.ts';
import { findStream } from '../findStream.ts';
import type { HeadlessViewer } from '../HeadlessViewer.ts';

type Stream = components['schemas']['StreamDetail'];

/** What the server knows of it, in a line. */
function figuresOf({ state, viewers, analysis, publication }: Stream) {
  const { analysisFps, sourceFps, stageMs = {}, dropped = {} } = analysis;
  const [video] = publication?.ingest?.producers ?? [];
  return {
    ...{ state, viewers, publicationId: publication?.id ?? null, bitrateBps: video?.bitrateBps ?? null },
    ...{ analysis: analysis.state, modelId: analysis.modelId ?? null, sourceFps, analysisFps, stageMs, dropped },
  };
}

function lineOf(figures: ReturnType<typeof figuresOf>): string {
  const ms = Object.entries(figures.stageMs).map(([stage, value]) => `${stage} ${value.toFixed(1)}`);
  const dropped = Object.entries(figures.dropped).map(([stage, count]) => `${stage} ${count}`);
  return [
    figures.state,
    `${figures.viewers} viewers`,
    figures.bitrateBps === null ? undefined : `${(figures.bitrateBps / 1e6).toFixed(2)} Mbit/s`,
    `analysis ${figures.analysis}`,
    figures.analysisFps === undefined
      ? undefined
      : `${figures.analysisFps.toFixed(1)} of ${(figures.sourceFps ?? 0).toFixed(1)} fps`,
    ms.length > 0 ? `ms: ${ms.join(', ')}` : undefined,
    dropped.length > 0 ? `dropped: ${dropped.join(', ')}` : undefined,
  ]
    .filter((one) => one !== undefined)
    .join(' · ');
}

/** libwebrtc for Node is of development; without it the figures of the server still are there. */
async function viewerOf(serverUrl: string, streamId: string, token: string | undefined): Promise<HeadlessViewer> {
  const { HeadlessViewer } = await import('../HeadlessViewer.ts').catch((error: unknown) => {
    throw new CliError(`this machine can't receive video (${(error as Error).message}): try --stats`);
  });
  return HeadlessViewer.create({ serverUrl, streamId, ...(token ? { token } : {}) });
}

export const watch: Command = {
  name: 'watch',
  about: 'receive a Stream and print live figures once a second; --stats: those of the server alone',
  takes: ['<stream>'],
  options: {
    stats: { type: 'boolean', about: 'receive no video: what the server says of it' },
    seconds: { type: 'string', value: 'N', about: 'end after so many seconds' },
  },
  async run(call) {
    const { client, output, given, url, token, values } = call;
    const seconds = wholeNumber(call, 'seconds', [1, 1_000_000]) ?? Infinity;
    const { id } = await findStream(client, given[0]!);
    const stopped = new AbortController();
    const stop = () => stopped.abort();
    process.once('SIGINT', stop).once('SIGTERM', stop);
    const viewer = values.stats === true ? undefined : await viewerOf(url, id, token);
    try {
      let before = { frames: 0, detections: 0 };
      for (let second = 1; second <= seconds && !stopped.signal.aborted; second++) {
        await sleep(1_000, undefined, { signal: stopped.signal }).catch(() => undefined);
        if (stopped.signal.aborted) break;
        const figures = figuresOf(await client.get('/api/v1/streams/{id}', { path: { id } }));
        const now = { frames: viewer?.frames ?? 0, detections: viewer?.detections ?? 0 };
        const received = viewer && {
          ...{ fps: now.frames - before.frames, detectionsPerSecond: now.detections - before.detections },
          ...{ width: viewer.width, height: viewer.height },
        };
        before = now;
        const seen = received
          ? `${received.width}x${received.height} ${received.fps} pictures/s, ${received.detectionsPerSecond} detection messages/s · `
          : '';
        output.done(
          { at: new Date().toISOString(), ...figures, ...(received ? { received } : {}) },
          seen + lineOf(figures),
        );
      }
    } finally {
      viewer?.close('the watcher stopped');
      // Its threads would keep Node alive for a while, and don't survive an end that just happens.
      if (viewer) setTimeout(() => process.exit(), 200);
    }
  },
};
