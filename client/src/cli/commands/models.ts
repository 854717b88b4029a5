import type { Command } from '../Command.ts';
import { findStream } from '../findStream.ts';

const addTimeoutMs = 11 * 60_000;

const list: Command = {
  name: 'models list',
  about: 'the catalogue of detection Models',
  async run({ client, output }) {
    const answer = await client.get('/api/v1/models');
    output.table(
      answer,
      ['id', 'name', 'input', 'labels', 'licence', 'there', 'default'],
      answer.models.map((model) => [
        ...[model.id, model.name, `${model.inputWidth}x${model.inputHeight}`, model.labels, model.licence],
        ...[model.available ? 'yes' : 'no', model.isDefault ? 'yes' : ''],
      ]),
    );
  },
};

const add: Command = {
  name: 'models add',
  about: 'download and verify a catalogued Model on the inference nodes; minutes',
  takes: ['<model>'],
  async run({ client, output, given }) {
    const model = await client.post('/api/v1/models', { body: { modelId: given[0]! }, timeoutMs: addTimeoutMs });
    output.done(model, `${model.name} (${model.id}) is there`);
  },
};

const use: Command = {
  name: 'models use',
  about: 'choose the Model of a Stream; `default` = that of the node',
  takes: ['<stream>', '<model>'],
  async run({ client, output, given }) {
    const { id } = await findStream(client, given[0]!);
    const modelId = given[1] === 'default' ? null : given[1]!;
    const stream = await client.put('/api/v1/streams/{id}/model', {
      path: { id },
      body: { modelId },
      timeoutMs: 60_000,
    });
    output.done(stream, `${stream.name} is analysed by ${stream.modelId ?? 'the default Model'}`);
  },
};

export const modelCommands = [list, add, use];
