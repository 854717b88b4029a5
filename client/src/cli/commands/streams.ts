import type { Command } from '../Command.ts';
import { findStream } from '../findStream.ts';

const list: Command = {
  name: 'streams list',
  about: 'all Streams that one has a right to',
  async run({ client, output }) {
    const answer = await client.get('/api/v1/streams');
    output.table(
      answer,
      ['id', 'name', 'state', 'by', 'viewers', 'analysis', 'fps', 'model'],
      answer.streams.map(({ id, name, state, publication, viewers, analysis, modelId }) => [
        ...[id, name, state, publication?.publishedBy, viewers, analysis.state],
        ...[analysis.analysisFps?.toFixed(1), analysis.modelId ?? modelId],
      ]),
    );
  },
};

const create: Command = {
  name: 'streams create',
  about: 'create a Stream; says its key and its addresses',
  takes: ['<name>'],
  async run({ client, output, given }) {
    const stream = await client.post('/api/v1/streams', { body: { name: given[0]! } });
    output.facts(stream, [
      ['id', stream.id],
      ['name', stream.name],
      ['key', stream.streamKey],
      ['publish', stream.publishUrl],
      ['WHIP', stream.whipUrl],
      ['watch', stream.watchUrl],
    ]);
  },
};

const show: Command = {
  name: 'streams show',
  about: 'one Stream: what is live on it, its settings and addresses; its key for who may publish it',
  takes: ['<stream>'],
  async run({ client, output, given }) {
    const stream = await findStream(client, given[0]!);
    const { publication, analysis, source, settings } = stream;
    output.facts(stream, [
      ['id', stream.id],
      ['name', stream.name],
      ['state', stream.state],
      ['since', publication?.startedAt],
      ['published by', publication?.publishedBy],
      [
        'source',
        source &&
          `${source.type} ${source.url ?? ''} ${source.state}${source.lastError ? `: ${source.lastError}` : ''}`,
      ],
      ['viewers', stream.viewers],
      ['analysis', `${analysis.state}${analysis.reason ? `: ${analysis.reason}` : ''}`],
      ['model', analysis.modelId ?? stream.modelId ?? 'the default'],
      ['HLS', settings.hls],
      ['recording', settings.recording ? 'on' : 'off'],
      ['key', stream.streamKey],
      ['WHIP', stream.whipUrl],
      ['WHEP', stream.whepUrl],
      ['HLS URL', stream.hlsUrl],
      ['watch', stream.watchUrl],
    ]);
  },
};

const remove: Command = {
  name: 'streams delete',
  about: 'delete a Stream; ends what is published on it, its Recordings stay',
  takes: ['<stream>'],
  async run({ client, output, given }) {
    const { id, name } = await findStream(client, given[0]!);
    await client.delete('/api/v1/streams/{id}', { path: { id } });
    output.done({ id }, `${name} (${id}) is deleted`);
  },
};

const rotateKey: Command = {
  name: 'streams rotate-key',
  about: 'give a Stream a new key; the one before is none from then on',
  takes: ['<stream>'],
  async run({ client, output, given }) {
    const { id } = await findStream(client, given[0]!);
    const answer = await client.post('/api/v1/streams/{id}/key', { path: { id } });
    output.done(answer, answer.streamKey);
  },
};

export const streamCommands = [list, create, show, remove, rotateKey];
