import type { Command } from '../Command.ts';

const rules: Command = {
  name: 'rules list',
  about: 'rules on what is seen and on Streams',
  async run({ client, output }) {
    const answer = await client.get('/api/v1/rules');
    output.table(
      answer,
      ['id', 'name', 'when', 'stream', 'on', 'fired', 'last'],
      answer.rules.map(({ id, name, condition, streamId, enabled, fired, firedAt }) => [
        ...[id, name, condition.kind, streamId ?? 'all', enabled ? 'yes' : 'no', fired, firedAt],
      ]),
    );
  },
};

const targets: Command = {
  name: 'targets list',
  about: 'where events are delivered: webhooks and MQTT brokers',
  async run({ client, output }) {
    const answer = await client.get('/api/v1/targets');
    output.table(
      answer,
      ['id', 'kind', 'name', 'url', 'on', 'waiting', 'dead', 'problem'],
      answer.targets.map(({ id, kind, name, url, enabled, waiting, dead, problem }) => [
        ...[id, kind, name, url, enabled ? 'yes' : 'no', waiting, dead, problem],
      ]),
    );
  },
};

export const ruleCommands = [rules, targets];
