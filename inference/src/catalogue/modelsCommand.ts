/** `pnpm models list`, `pnpm models add <id|path|url> [--id name] [--allow-private]`. */
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type ModelEntry, Refusal } from '@framelock/server/protocol';
import { looksLikePath, ModelCatalogue } from './ModelCatalogue.ts';

const usage = `pnpm models list
pnpm models add <id | path | https URL> [--id name] [--allow-private]

Models are kept in MODELS_DIR (default DATA_DIR/models, and DATA_DIR is ./data).`;

/** Relative paths are meant from where the command was typed; pnpm changes to the package's folder. */
const cwd = process.env.INIT_CWD ?? process.cwd();

function modelsDir(): string {
  return resolve(cwd, process.env.MODELS_DIR || join(process.env.DATA_DIR || 'data', 'models'));
}

function openCatalogue(): Promise<ModelCatalogue> {
  const onLeftOut = (path: string, reason: string): void => console.error(`${path} is left out: ${reason}`);
  const mirror = process.env.MODEL_MIRROR || undefined;
  return ModelCatalogue.create({ modelsDir: modelsDir(), mirror, onLeftOut });
}

function printList(entries: ModelEntry[]): void {
  const rows = entries.map(({ id, name, family, inputWidth, inputHeight, labels, licence, available, bundled }) => {
    const where = bundled ? 'bundled' : available ? 'here' : 'pnpm models add';
    return [
      id,
      name,
      family,
      `${inputWidth}x${inputHeight}`,
      `${labels} labels`,
      licence,
      available ? where : bundled ? 'missing' : where,
    ];
  });
  const widths = rows.reduce<number[]>((most, row) => row.map((cell, i) => Math.max(most[i] ?? 0, cell.length)), []);
  for (const row of rows)
    console.log(
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    );
}

/** One line that is written over, or, where the output is no terminal, nothing but the end. */
function progressBar(receivedBytes: number, totalBytes: number | undefined): void {
  if (!process.stderr.isTTY) return;
  const megabytes = (receivedBytes / 1e6).toFixed(1);
  if (totalBytes === undefined) return void process.stderr.write(`\r  ${megabytes} MB`);
  const filled = Math.round((30 * receivedBytes) / totalBytes);
  const bar = '#'.repeat(filled).padEnd(30, '.');
  process.stderr.write(`\r  [${bar}] ${megabytes} of ${(totalBytes / 1e6).toFixed(1)} MB`);
  if (receivedBytes === totalBytes) process.stderr.write('\n');
}

async function addModel(what: string, id: string | undefined, allowPrivate: boolean): Promise<ModelEntry> {
  const catalogue = await openCatalogue();
  const options = { id, reach: allowPrivate ? 'private' : 'public', onProgress: progressBar } as const;
  if (/^https?:\/\//i.test(what)) return catalogue.addOwn({ url: what }, options);
  if (catalogue.entries().some((entry) => entry.id === what)) return catalogue.add(what, options);
  if (looksLikePath(what)) return catalogue.addOwn({ path: resolve(cwd, what) }, options);
  throw new Refusal('notFound', `${what} is no id of the catalogue (pnpm models list), no file and no URL`);
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      id: { type: 'string' },
      'allow-private': { type: 'boolean', default: false },
      help: { type: 'boolean' },
    },
  });
  const [command, what] = positionals;
  if (command === 'list' && positionals.length === 1) {
    const catalogue = await openCatalogue();
    return printList(catalogue.entries());
  }
  if (command === 'add' && what !== undefined && positionals.length === 2) {
    const { id, name, family, labels } = await addModel(what, values.id, values['allow-private']);
    console.log(`${id}: ${name}, ${family}, ${labels} labels; in ${modelsDir()}. Use it with MODEL=${id}`);
    return;
  }
  console.log(usage);
  process.exitCode = values.help ? 0 : 2;
}

try {
  await main();
} catch (error) {
  console.error(`not added: ${(error as Error).message}`);
  process.exitCode = 1;
}
