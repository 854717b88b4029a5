import { readFileSync } from 'node:fs';
import type { components } from '../../api/FramelockClient.ts';
import { CliError, type Command } from '../Command.ts';
import { findStream } from '../findStream.ts';

type ZoneSettings = components['schemas']['ZoneSettingsInput'];

const get: Command = {
  name: 'zones get',
  about: 'what is drawn on the picture of a Stream, as JSON that `zones put` takes',
  takes: ['<stream>'],
  async run({ client, output, given }) {
    const { id } = await findStream(client, given[0]!);
    const zones = await client.get('/api/v1/streams/{id}/zones', { path: { id } });
    output.line(JSON.stringify(zones, undefined, output.json ? undefined : 2));
  },
};

const put: Command = {
  name: 'zones put',
  about: 'draw zones and lines by a JSON file (`-` = standard input); takes the place of all that was drawn',
  takes: ['<stream>', '<file>'],
  async run({ client, output, given }) {
    const path = given[1]!;
    let body: ZoneSettings;
    try {
      body = JSON.parse(readFileSync(path === '-' ? 0 : path, 'utf8')) as ZoneSettings;
    } catch (error) {
      throw new CliError(`${path} is no JSON that can be read: ${(error as Error).message}`);
    }
    const { id } = await findStream(client, given[0]!);
    const zones = await client.put('/api/v1/streams/{id}/zones', { path: { id }, body });
    output.done(zones, `${zones.zones.length} zones and ${zones.lines.length} lines are drawn`);
  },
};

export const zoneCommands = [get, put];
