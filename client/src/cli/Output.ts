import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Writable } from 'node:stream';
import { CliError } from './Command.ts';

type Cell = string | number | boolean | null | undefined;

/** Control characters of names that others chose would move the cursor of a terminal. */
const plain = (value: Cell) =>
  value === null || value === undefined || value === ''
    ? '–'
    : String(value).replaceAll(/[\p{Cc}\p{Bidi_Control}]/gu, '�');

/** What a command says: tables for people, or, by `--json`, what the server answered. */
export class Output {
  readonly json: boolean;

  constructor(json: boolean) {
    this.json = json;
  }

  /** `data` for machines, the rest for people. */
  table(data: unknown, columns: readonly string[], rows: readonly (readonly Cell[])[]): void {
    if (this.json) return this.data(data);
    if (rows.length === 0) return this.line('nothing');
    const cells = [columns.map((column) => column.toUpperCase()), ...rows.map((row) => row.map(plain))];
    const widths = columns.map((_, i) => Math.max(...cells.map((row) => [...row[i]!].length)));
    const pad = (cell: string, i: number) =>
      i === columns.length - 1 ? cell : cell + ' '.repeat(widths[i]! - [...cell].length);
    for (const row of cells) this.line(row.map(pad).join('  ').trimEnd());
  }

  /** One thing: a line each of what is known of it. */
  facts(data: unknown, facts: readonly (readonly [name: string, value: Cell])[]): void {
    if (this.json) return this.data(data);
    const width = Math.max(...facts.map(([name]) => name.length));
    for (const [name, value] of facts) this.line(`${name.padEnd(width)}  ${plain(value)}`);
  }

  /** It is done: a sentence for people, `data` for machines. */
  done(data: unknown, sentence: string): void {
    if (this.json) this.data(data);
    else this.line(sentence);
  }

  data(data: unknown): void {
    this.line(JSON.stringify(data ?? null));
  }

  line(line: string): void {
    process.stdout.write(`${line}\n`);
  }

  /** What is no part of the answer. */
  note(line: string): void {
    process.stderr.write(`${line}\n`);
  }

  /** The body of an answer into a file, or to standard output (`-`). A file is whole or not there. */
  async file(response: Response, path: string): Promise<void> {
    const { body } = response;
    if (!body) throw new CliError('the answer has no body');
    if (path === '-') {
      await body.pipeTo(Writable.toWeb(process.stdout) as WritableStream<Uint8Array>, { preventClose: true });
      return;
    }
    const part = `${path}.part`;
    try {
      await body.pipeTo(Writable.toWeb(createWriteStream(part)) as WritableStream<Uint8Array>);
      await rename(part, path);
    } catch (error) {
      await rm(part, { force: true });
      throw new CliError(`${path} could not be written: ${(error as Error).message}`);
    }
    this.note(`written to ${path}`);
  }
}
