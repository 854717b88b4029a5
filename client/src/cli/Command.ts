import type { ParseArgsConfig } from 'node:util';
import type { FramelockClient } from '../api/FramelockClient.ts';
import type { Output } from './Output.ts';

export type OptionSpec = NonNullable<ParseArgsConfig['options']>[string] & {
  about: string;
  /** What `--help` calls its value, e.g. `FILE`. */
  value?: string;
};

/** What a command is called with. */
export interface Call {
  client: FramelockClient;
  output: Output;
  /** As many as the command's `takes` says. */
  given: string[];
  values: Readonly<Record<string, string | boolean | string[] | undefined>>;
  url: string;
  token: string | undefined;
}

export interface Command {
  /** One or two words, as they are typed: `streams create`. */
  name: string;
  about: string;
  /** Names of what follows it; `[name]` may be left out. */
  takes?: readonly string[];
  options?: Readonly<Record<string, OptionSpec>>;
  /** Rejects with an ApiError, a UsageError or a CliError; anything else is a fault of ours. */
  run(call: Call): Promise<void>;
}

/** The caller typed something that can't be meant: exit code 2. */
export class UsageError extends Error {}

/** It did not work, for a reason that helps: exit code 1. */
export class CliError extends Error {}

export const text = (call: Call, name: string): string | undefined => {
  const value = call.values[name];
  return typeof value === 'string' ? value : undefined;
};

/** A whole number within bounds; undefined where the option was left out. */
export function wholeNumber(call: Call, name: string, [min, max]: readonly [number, number]): number | undefined {
  const value = text(call, name);
  if (value === undefined) return undefined;
  const number = Number(value);
  if (value.trim() !== '' && Number.isInteger(number) && number >= min && number <= max) return number;
  throw new UsageError(`--${name} is a whole number from ${min} to ${max}, and not ${JSON.stringify(value)}`);
}

const seconds = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 } as const;

/** `90s`, `15m`, `12h`, `30d`, `2w` -> seconds. */
export function duration(call: Call, name: string): number | undefined {
  const value = text(call, name);
  if (value === undefined) return undefined;
  const match = /^(\d{1,9})([smhdw])$/.exec(value);
  if (!match)
    throw new UsageError(`--${name} is a time like 90s, 15m, 12h, 30d or 2w, and not ${JSON.stringify(value)}`);
  return Number(match[1]) * seconds[match[2] as keyof typeof seconds];
}

/** An ISO 8601 time, or how long ago: `2h`. */
export function moment(call: Call, name: string): string | undefined {
  const value = text(call, name);
  if (value === undefined) return undefined;
  if (/^\d+[smhdw]$/.test(value)) return new Date(Date.now() - duration(call, name)! * 1_000).toISOString();
  const at = new Date(value);
  if (!Number.isNaN(at.getTime())) return at.toISOString();
  throw new UsageError(`--${name} is a time like 2026-11-22T08:00:00Z, or how long ago like 2h`);
}
