import { CliError, type Command, text } from '../Command.ts';
import { findStream } from '../findStream.ts';

const system: Command = {
  name: 'system',
  about: 'whether server, database, sfu and inference answer, and who the server takes one for',
  async run({ client, output, url }) {
    const readiness = await client.get('/readyz', { accept: [503] });
    const access = await client.get('/api/v1/access');
    output.facts({ url, readiness, access }, [
      ['server', url],
      ['ready', readiness.ready ? 'yes' : `no: ${readiness.missing.join(', ')}`],
      ['database', readiness.db ? 'answers' : 'away'],
      ['sfu', readiness.sfu ? 'answers' : 'away'],
      ['inference', readiness.inference ? 'answers' : 'away'],
      ['access', access.access],
      [
        'you are',
        access.caller
          ? `${access.caller.name} (${access.caller.kind}${access.caller.admin ? ', administrator' : ''})`
          : 'nobody that it knows',
      ],
      ['certificate', access.tls?.fingerprint],
    ]);
    if (!readiness.ready) throw new CliError(`not ready: ${readiness.missing.join(', ')}`);
  },
};

const doctor: Command = {
  name: 'doctor',
  about: 'what keeps people from publishing and watching, and what to do about it',
  options: { stream: { type: 'string', value: 'STREAM', about: 'also how this Stream arrives' } },
  async run(call) {
    const { client, output } = call;
    const named = text(call, 'stream');
    const streamId = named === undefined ? undefined : (await findStream(client, named)).id;
    const report = await client.get('/api/v1/doctor', { query: { streamId }, timeoutMs: 30_000 });
    if (output.json) return output.data(report);
    for (const { level, title, detail, advice } of report.findings) {
      output.line(`${level.toUpperCase().padEnd(8)} ${title}`);
      output.line(`         ${detail}`);
      if (advice) output.line(`         -> ${advice}`);
    }
  },
};

export const systemCommands = [system, doctor];
