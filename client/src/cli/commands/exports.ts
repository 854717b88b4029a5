import { type Call, type Command, moment, text } from '../Command.ts';
import { findStream } from '../findStream.ts';

const fileTimeoutMs = 10 * 60_000;
const out = { type: 'string', short: 'o', value: 'FILE', about: 'where to; `-` = standard output' } as const;
export const range = {
  from: { type: 'string', value: 'TIME', about: 'from when on: ISO 8601, or how long ago like 2h' },
  to: { type: 'string', value: 'TIME', about: 'until when' },
} as const;

export const rangeOf = (call: Call) => ({ from: moment(call, 'from'), to: moment(call, 'to') });

const recording: Command = {
  name: 'export recording',
  about: 'a Recording as an MP4 file',
  takes: ['<id>'],
  options: { out },
  async run(call) {
    const { client, output, given } = call;
    const id = given[0]!;
    const path = '/api/v1/recordings/{id}/download.mp4';
    const response = await client.raw('get', path, { path: { id }, timeoutMs: Infinity });
    await output.file(response, text(call, 'out') ?? `${id}.mp4`);
  },
};

const recordings: Command = {
  name: 'recordings list',
  about: 'Recordings, newest first',
  options: { stream: { type: 'string', value: 'STREAM', about: 'of one Stream' } },
  async run(call) {
    const named = text(call, 'stream');
    const streamId = named === undefined ? undefined : (await findStream(call.client, named)).id;
    const answer = await call.client.get('/api/v1/recordings', { query: { streamId, limit: 200 } });
    call.output.table(
      answer,
      ['id', 'stream', 'from', 'seconds', 'MB', 'state'],
      answer.recordings.map((one) => [
        ...[one.id, one.streamName, one.startedAt, one.durationS.toFixed(0), (one.bytes / 1e6).toFixed(1), one.state],
      ]),
    );
  },
};

const brands: Command = {
  name: 'export brands',
  about: 'own brands with their images, as one file that another server imports',
  options: { out },
  async run(call) {
    const response = await call.client.raw('get', '/api/v1/brands/export', { timeoutMs: fileTimeoutMs });
    await call.output.file(response, text(call, 'out') ?? 'framelock-gallery.json');
  },
};

const exposure: Command = {
  name: 'export exposure',
  about: 'which brands were on screen, as CSV: a line each, or with --appearances a line for each time',
  takes: ['<stream>'],
  options: {
    out,
    ...range,
    appearances: { type: 'boolean', about: 'a line for each time that a brand was on screen' },
  },
  async run(call) {
    const { client, output, values } = call;
    const { from, to } = rangeOf(call);
    const { id: streamId } = await findStream(client, call.given[0]!);
    const input = { query: { streamId, from, to }, timeoutMs: fileTimeoutMs };
    const response =
      values.appearances === true
        ? await client.raw('get', '/api/v1/appearances.csv', input)
        : await client.raw('get', '/api/v1/exposure.csv', input);
    await output.file(response, text(call, 'out') ?? '-');
  },
};

export const exportCommands = [recordings, recording, brands, exposure];
