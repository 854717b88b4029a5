import { constants, openAsBlob } from 'node:fs';
import { access } from 'node:fs/promises';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiError, type components, type FramelockClient } from '../../api/FramelockClient.ts';
import { type Call, CliError, type Command, text, UsageError, wholeNumber } from '../Command.ts';
import { findStream } from '../findStream.ts';

type SourceSpec = components['schemas']['SourceSpec'];
type Source = components['schemas']['Source'];

const types = ['test', 'file', 'rtmp', 'rtsp', 'srt'];

function specOf(type: string, url: string | undefined, loop: boolean): SourceSpec {
  if (!types.includes(type))
    throw new UsageError(`a Source is of type ${types.join(', ')}, and not ${JSON.stringify(type)}`);
  if ((type === 'file' || type === 'rtsp') && url === undefined)
    throw new UsageError(`a Source of type ${type} takes what to play`);
  if (url !== undefined && (type === 'test' || type === 'rtmp'))
    throw new UsageError(`a Source of type ${type} takes no URL`);
  return { type, ...(url === undefined ? {} : { url }), ...(type === 'file' ? { loop } : {}) } as SourceSpec;
}

const sentence = ({ type, url, state, listenUrl, lastError }: Source) =>
  [
    `${type}${url ? ` ${url}` : ''}: ${state}`,
    listenUrl && `send to ${listenUrl}`,
    lastError && `last error: ${lastError}`,
  ]
    .filter(Boolean)
    .join('; ');

/** Until media flows, or it waits for a publisher. */
async function untilItRuns(client: FramelockClient, id: string, waitS: number): Promise<Source | null> {
  for (const endMs = performance.now() + waitS * 1_000; ; await sleep(250)) {
    const { source, state } = await client.get('/api/v1/streams/{id}', { path: { id } });
    const isThere = (source?.state === 'running' && state === 'live') || source?.state === 'waiting';
    if (!source || isThere || source.state === 'finished' || performance.now() >= endMs) return source;
  }
}

const wait = {
  type: 'string',
  value: 'SECONDS',
  about: 'how long to wait until it runs; 0 = not at all',
  default: '20',
} as const;

async function startAndWait(call: Call, id: string, body: SourceSpec): Promise<Source> {
  const { client } = call;
  const started = await client.post('/api/v1/streams/{id}/source', { path: { id }, body, timeoutMs: 30_000 });
  const waitS = wholeNumber(call, 'wait', [0, 3_600])!;
  const source = waitS === 0 ? started : await untilItRuns(client, id, waitS);
  if (!source) throw new CliError('the Source was removed meanwhile');
  return source;
}

const start: Command = {
  name: 'source start',
  about: 'feed a Stream: test, file NAME, rtmp, rtsp URL, srt [URL]',
  takes: ['<stream>', '<type>', '[url]'],
  options: { once: { type: 'boolean', about: 'a file: play it once, and not over and over' }, wait },
  async run(call) {
    const [named, type, url] = call.given;
    const spec = specOf(type!, url, call.values.once !== true);
    const { id } = await findStream(call.client, named!);
    const source = await startAndWait(call, id, spec);
    call.output.done(source, sentence(source));
  },
};

const stop: Command = {
  name: 'source stop',
  about: 'remove what feeds a Stream',
  takes: ['<stream>'],
  async run({ client, output, given }) {
    const { id } = await findStream(client, given[0]!);
    await client.delete('/api/v1/streams/{id}/source', { path: { id }, timeoutMs: 30_000 });
    output.done({ id }, 'removed');
  },
};

const publish: Command = {
  name: 'publish',
  about: 'upload a video file and play it into a Stream; without --stream into a new one of its name',
  takes: ['<file>'],
  options: {
    stream: { type: 'string', value: 'STREAM', about: 'the Stream' },
    once: { type: 'boolean', about: 'play it once, and not over and over' },
    wait,
  },
  async run(call) {
    const { client, output, given } = call;
    const path = given[0]!;
    // The blob itself says no more than that it could not be opened.
    await access(path, constants.R_OK).catch((error: NodeJS.ErrnoException) => {
      throw new CliError(`${path} can't be read: ${error.code ?? error.message}`);
    });
    const body = await openAsBlob(path);
    if (body.size === 0) throw new CliError(`${path} is empty`);
    const named = text(call, 'stream');
    const existing = named === undefined ? undefined : await findStream(client, named);
    const file = await client.post('/api/v1/files', {
      query: { name: basename(path) },
      body,
      contentType: 'application/octet-stream',
      timeoutMs: Infinity,
    });
    const name =
      basename(path)
        .replace(/\.\w+$/, '')
        .slice(0, 100) || 'video';
    const stream = existing ?? (await client.post('/api/v1/streams', { body: { name } }));
    const source = await startAndWait(call, stream.id, {
      type: 'file',
      url: file.name,
      loop: call.values.once !== true,
    });
    output.facts({ stream: stream.id, file, source, watchUrl: stream.watchUrl }, [
      ['stream', stream.id],
      ['file', `${file.name} (${(file.sizeBytes / 1e6).toFixed(1)} MB)`],
      ['source', sentence(source)],
      ['watch', stream.watchUrl],
    ]);
    if (source.state !== 'running' && source.state !== 'finished' && source.lastError) {
      throw new ApiError({ status: 422, code: 'unsupported', message: source.lastError });
    }
  },
};

export const sourceCommands = [publish, start, stop];
