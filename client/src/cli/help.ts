import type { Command, OptionSpec } from './Command.ts';
import { defaultUrl } from './connection.ts';

export const globalOptions: Readonly<Record<string, OptionSpec>> = {
  url: { type: 'string', value: 'URL', about: `of the server; else FRAMELOCK_URL, else ${defaultUrl}` },
  token: { type: 'string', value: 'TOKEN', about: 'API token; better FRAMELOCK_TOKEN, which no process list shows' },
  'token-file': {
    ...{ type: 'string', value: 'FILE' },
    about: 'a file of mode 600 with the token; else FRAMELOCK_TOKEN_FILE, else ~/.config/framelock/token',
  },
  fingerprint: {
    ...{ type: 'string', value: 'SHA256' },
    about: 'take the certificate with this fingerprint and no other; else FRAMELOCK_FINGERPRINT',
  },
  json: { type: 'boolean', about: 'say what the server answered, as JSON; errors too, on standard error' },
  help: { type: 'boolean', short: 'h', about: 'this' },
} as Readonly<Record<string, OptionSpec>>;

function optionLines(options: Readonly<Record<string, OptionSpec>>): string[] {
  const entries = Object.entries(options).map(([name, { short, value, about }]) => ({
    left: `  ${short ? `-${short}, ` : ''}--${name}${value ? ` ${value}` : ''}`,
    about,
  }));
  const width = Math.max(...entries.map(({ left }) => left.length));
  return entries.map(({ left, about }) => `${left.padEnd(width)}  ${about}`);
}

const usageOf = ({ name, takes = [] }: Command) => ['framelock', name, ...takes].join(' ');

export function helpOf(command: Command): string {
  const own = command.options ? ['', 'Options:', ...optionLines(command.options)] : [];
  const everywhere = ['', 'Everywhere:', ...optionLines(globalOptions)];
  return [`${usageOf(command)}${command.options ? ' [options]' : ''}`, '', command.about, ...own, ...everywhere].join(
    '\n',
  );
}

export function helpOfAll(commands: readonly Command[]): string {
  const width = Math.max(...commands.map((command) => usageOf(command).length));
  return [
    'framelock <command> [options]',
    '',
    ...commands.map((command) => `  ${usageOf(command).padEnd(width)}  ${command.about}`),
    ...['', 'Everywhere:', ...optionLines(globalOptions)],
    ...[
      '',
      'Exit codes: 0 done, 1 refused or failed, 2 typed wrong, 3 no server answers, 4 not allowed, 5 no such thing.',
    ],
    'A Stream is named by its id or by its name. `framelock <command> --help` says more.',
  ].join('\n');
}
