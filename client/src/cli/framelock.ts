#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { ApiError, FramelockClient } from '../api/FramelockClient.ts';
import { CliError, type Command, UsageError } from './Command.ts';
import { commands } from './commands/index.ts';
import { readConnection } from './connection.ts';
import { globalOptions, helpOf, helpOfAll } from './help.ts';
import { Output } from './Output.ts';

/** 0 done · 1 refused or failed · 2 typed wrong · 3 no server · 4 not allowed · 5 no such thing. */
function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return 2;
  if (!(error instanceof ApiError)) return 1;
  if (error.status === 0) return 3;
  return error.status === 401 || error.status === 403 ? 4 : error.status === 404 ? 5 : 1;
}

function sentenceOf(error: unknown): string {
  if (error instanceof ApiError) {
    if (error.status === 0 && /self-signed|unable to verify/i.test(error.message)) {
      return "the server's certificate is not known here: say --fingerprint, which the server prints when it starts";
    }
    const advice: Record<number, string> = {
      401: ' (say --token, or set FRAMELOCK_TOKEN)',
      429: error.retryAfterS === undefined ? '' : ` (try again in ${error.retryAfterS} s)`,
    };
    return error.message + (advice[error.status] ?? '');
  }
  if (error instanceof UsageError || error instanceof CliError) return error.message;
  return `a fault of this program: ${error instanceof Error ? error.message : String(error)}`;
}

/** The command whose words come first; options may stand anywhere. */
function find(words: readonly string[]): { command: Command; given: string[] } | undefined {
  for (const length of [2, 1]) {
    const command = commands.find(({ name }) => name === words.slice(0, length).join(' '));
    if (command) return { command, given: words.slice(length) };
  }
  return undefined;
}

async function main(args: string[]): Promise<number> {
  const options = Object.assign(
    {},
    globalOptions,
    ...commands.map((command) => command.options ?? {}),
  ) as Command['options'];
  // First without judging: which options there are depends on the command.
  const loose = parseArgs({ args, allowPositionals: true, strict: false, options: options! });
  const output = new Output(loose.values.json === true);
  const found = find(loose.positionals);
  try {
    if (!found) {
      const group = commands.filter(({ name }) => name.split(' ')[0] === loose.positionals[0]);
      output.line(helpOfAll(group.length > 0 ? group : commands));
      if (loose.values.help || loose.positionals.length === 0) return 0;
      throw new UsageError(`there is no command ${JSON.stringify(loose.positionals.slice(0, 2).join(' '))}`);
    }
    const { command, given } = found;
    if (loose.values.help) {
      output.line(helpOf(command));
      return 0;
    }
    const { values } = parseStrictly(args, command);
    const takes = command.takes ?? [];
    const needed = takes.filter((name) => !name.startsWith('[')).length;
    if (given.length < needed || given.length > takes.length) {
      throw new UsageError(
        `${command.name} takes ${takes.join(' ') || 'nothing more'}; see framelock ${command.name} --help`,
      );
    }
    const { url, token } = await readConnection(
      { ...values, tokenFile: values['token-file'] } as Parameters<typeof readConnection>[0],
      process.env,
    );
    const client = new FramelockClient({ url, ...(token ? { token } : {}) });
    await command.run({ client, output, given, values, url, token });
    return 0;
  } catch (error) {
    if (output.json) output.note(JSON.stringify({ error: { code: codeOf(error), message: sentenceOf(error) } }));
    else output.note(`framelock: ${sentenceOf(error)}`);
    if (process.env.FRAMELOCK_DEBUG && error instanceof Error) output.note(error.stack ?? '');
    return exitCodeOf(error);
  }
}

const codeOf = (error: unknown) =>
  error instanceof ApiError ? error.code : error instanceof UsageError ? 'usage' : 'failed';

function parseStrictly(args: string[], command: Command) {
  const options = { ...globalOptions, ...command.options };
  try {
    return parseArgs({ args, allowPositionals: true, options: options as never }) as {
      values: Record<string, string | boolean | string[] | undefined>;
    };
  } catch (error) {
    throw new UsageError((error as Error).message.split('. ')[0]!);
  }
}

// A reader that has gone (`| head`) is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
process.exitCode = await main(process.argv.slice(2));
