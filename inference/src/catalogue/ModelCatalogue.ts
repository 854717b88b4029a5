import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import { idSchema, type ModelAdding, type ModelEntry, parseOrRefuse, Refusal } from '@framelock/server/protocol';
import { type CatalogueEntry, type CatalogueRecord, catalogueRecordSchema } from './catalogueEntry.ts';
import { bundledModelsDir, entryOf, readCatalogue, sha256Of } from './catalogueFile.ts';
import { type DownloadOptions, downloadModel } from './downloadModel.ts';
import { inspectModelFile } from './inspectModelFile.ts';
import { describeModelFile, idFromFileName, sideFileOf } from './ownModel.ts';

export interface ModelCatalogueOptions {
  /** Where downloaded and own models are kept. */
  modelsDir: string;
  /** MODEL: a catalogue id, a path to an .onnx file, or empty for the bundled brand model. */
  model?: string;
  /** Where catalogued models come from instead of their own addresses, as `<mirror>/<id>.onnx`. Checked all the same. */
  mirror?: string;
  /** A model in `modelsDir` whose side file can't be read is left out. */
  onLeftOut?(path: string, reason: string): void;
}

export type AddOptions = Pick<DownloadOptions, 'reach' | 'onProgress' | 'maxBytes'>;

interface Catalogued {
  record: CatalogueRecord;
  entry: CatalogueEntry;
  /** Where its file is, or will be once added. */
  path: string;
}

export const bundledModelId = 'brands';

/** Which Models there are and which of them are on this node. */
export class ModelCatalogue {
  readonly #modelsDir: string;
  readonly #mirror: string | undefined;
  readonly #models: Map<string, Catalogued>;
  readonly #adding = new Map<string, { done: Promise<ModelEntry>; progress: ModelAdding }>();
  /** Why a Model could not be added when that was last tried. */
  readonly #addProblems = new Map<string, string>();
  #defaultModelId = bundledModelId;
  #defaultModelProblem: string | undefined;

  private constructor(modelsDir: string, mirror: string | undefined, models: Map<string, Catalogued>) {
    this.#modelsDir = modelsDir;
    this.#mirror = mirror;
    this.#models = models;
  }

  /** A default model that can't be used is no reason to fail: video works without, and the page says why. */
  static async create({ modelsDir, model, mirror, onLeftOut }: ModelCatalogueOptions): Promise<ModelCatalogue> {
    const models = new Map<string, Catalogued>();
    for (const record of await readCatalogue()) {
      const path = record.file ? join(bundledModelsDir, record.file) : join(modelsDir, `${record.id}.onnx`);
      models.set(record.id, { record, entry: await entryOf(record), path });
    }
    for (const own of await readOwnModels(modelsDir, onLeftOut))
      if (!models.has(own.record.id)) models.set(own.record.id, own);
    const catalogue = new ModelCatalogue(resolve(modelsDir), mirror, models);
    if (model !== undefined && model !== '') await catalogue.#setDefault(model);
    return catalogue;
  }

  get defaultModelId(): string {
    return this.#defaultModelId;
  }

  /** Why the default model can't be used, when it can't; `resolve()` then refuses with it. */
  get defaultModelProblem(): string | undefined {
    if (this.#defaultModelProblem !== undefined) return this.#defaultModelProblem;
    try {
      this.resolve();
      return undefined;
    } catch (error) {
      return (error as Error).message;
    }
  }

  async #setDefault(model: string): Promise<void> {
    if (this.#models.has(model)) {
      this.#defaultModelId = model;
      return;
    }
    this.#defaultModelId = idFromFileName(model);
    if (!looksLikePath(model)) {
      this.#defaultModelProblem = `MODEL=${model}: no such id in the catalogue (pnpm models list), and no such file`;
      return;
    }
    const path = resolve(model);
    try {
      const record = await describeModelFile(path, this.#records());
      this.#models.set(record.id, { record, entry: await entryOf(record), path });
      this.#defaultModelId = record.id;
    } catch (error) {
      this.#defaultModelProblem = `MODEL=${model} can't be used: ${(error as Error).message}`;
    }
  }

  #records(): CatalogueRecord[] {
    return [...this.#models.values()].map(({ record }) => record);
  }

  entries(): ModelEntry[] {
    return [...this.#models.values()].map((model) => this.#view(model));
  }

  #view({ record, entry, path }: Catalogued): ModelEntry {
    return {
      id: record.id,
      name: record.name,
      task: record.task,
      family: record.family,
      licence: record.licence,
      url: record.url,
      labels: entry.labels.length,
      inputWidth: entry.input.width,
      inputHeight: entry.input.height,
      bundled: entry.bundled,
      available: existsSync(path),
      isDefault: record.id === this.#defaultModelId && this.#defaultModelProblem === undefined,
      sizeBytes: record.sizeBytes,
      adding: this.#adding.get(record.id)?.progress,
      addProblem: this.#addProblems.get(record.id),
    };
  }

  /** Refuses with `notFound` (no such id), `unavailable` (its file is not here) or the default model's problem. */
  resolve(modelId: string = this.#defaultModelId): CatalogueEntry & { path: string } {
    if (modelId === this.#defaultModelId && this.#defaultModelProblem !== undefined) {
      throw new Refusal('unsupported', this.#defaultModelProblem);
    }
    const model = this.#models.get(modelId);
    if (!model) throw new Refusal('notFound', `there is no model ${modelId}`);
    if (!existsSync(model.path)) throw new Refusal('unavailable', missingText(model));
    return { ...model.entry, path: model.path };
  }

  /** The brand model on this node: the default Model where it is one. */
  brandModel(): (CatalogueEntry & { path: string; brands: NonNullable<CatalogueEntry['brands']> }) | undefined {
    const ids = [this.#defaultModelId, ...this.#models.keys()];
    for (const id of ids) {
      const { entry, path } = this.#models.get(id) ?? {};
      if (entry?.brands && path !== undefined && existsSync(path)) return { ...entry, brands: entry.brands, path };
    }
    return undefined;
  }

  /** Downloads, verifies and inspects a catalogued model; `entries()` tells how far it is. Asked twice at once, it is done once. */
  add(modelId: string, options: AddOptions = {}): Promise<ModelEntry> {
    const running = this.#adding.get(modelId);
    if (running) return running.done;
    const progress: ModelAdding = { phase: 'downloading', receivedBytes: 0 };
    this.#addProblems.delete(modelId);
    const done = this.#add(modelId, progress, options).then(
      (model) => {
        this.#adding.delete(modelId);
        return this.#view(model);
      },
      (error: unknown) => {
        this.#adding.delete(modelId);
        if (this.#models.has(modelId)) this.#addProblems.set(modelId, (error as Error).message.slice(0, 500));
        throw error;
      },
    );
    this.#adding.set(modelId, { done, progress });
    return done;
  }

  async #add(modelId: string, progress: ModelAdding, options: AddOptions): Promise<Catalogued> {
    const model = this.#models.get(modelId);
    if (!model) throw new Refusal('notFound', `there is no model ${modelId} in the catalogue`);
    if (existsSync(model.path)) return model;
    const { url, sha256, sizeBytes } = model.record;
    if (url === undefined) throw new Refusal('conflict', missingText(model));
    await this.#receive(model.path, async (temporary) => {
      await downloadModel({
        ...options,
        ...(this.#mirror === undefined ? { url } : mirrored(this.#mirror, modelId)),
        path: temporary,
        sha256,
        maxBytes: options.maxBytes ?? sizeBytes,
        onProgress: (receivedBytes, totalBytes) => {
          progress.receivedBytes = receivedBytes;
          progress.totalBytes = totalBytes ?? sizeBytes;
          options.onProgress?.(receivedBytes, totalBytes);
        },
      });
      progress.phase = 'verifying';
      await inspectModelFile(temporary, model.entry);
    });
    return model;
  }

  /** Takes a model from a URL or a path of this machine; its id is the catalogued one's or comes from the file name. */
  async addOwn(
    from: { url: string } | { path: string },
    options: AddOptions & { id?: string } = {},
  ): Promise<ModelEntry> {
    const source = 'url' in from ? (URL.parse(from.url)?.pathname ?? '').replaceAll('%20', '-') : from.path;
    const wantedId = parseOrRefuse(idSchema, options.id ?? idFromFileName(source), 'the id');
    let record: CatalogueRecord | undefined;
    let path = '';
    const describe = async (temporary: string, original: string): Promise<string> => {
      const found = await describeModelFile(original, this.#records(), wantedId);
      const taken = this.#models.get(found.id);
      if (taken && taken.record.sha256 !== (await sha256Of(temporary))) {
        throw new Refusal('conflict', `there is another model ${found.id} already; give this one its own id with --id`);
      }
      record = 'url' in from && /^https:/.test(from.url) ? { ...found, url: found.url ?? from.url } : found;
      return (path = taken?.path ?? join(this.#modelsDir, `${found.id}.onnx`));
    };
    await this.#receive(undefined, async (temporary) => {
      if ('url' in from) await downloadModel({ ...options, url: from.url, path: temporary });
      else await copyOrRefuse(from.path, temporary);
      // A copied file is described where it was, beside its side file.
      return describe(temporary, 'url' in from ? temporary : from.path);
    });
    const catalogued = (await readCatalogue()).some(({ id }) => id === record!.id);
    if (!catalogued) await writeFile(sideFileOf(path), `${JSON.stringify(record, null, 2)}\n`);
    const model = { record: record!, entry: await entryOf(record!), path };
    this.#models.set(record!.id, model);
    return this.#view(model);
  }

  /** Fills a temporary file beside its place; it gets its name only when nothing was wrong with it. */
  async #receive(place: string | undefined, fill: (temporary: string) => Promise<string | void>): Promise<void> {
    await mkdir(this.#modelsDir, { recursive: true });
    const temporary = join(this.#modelsDir, `.incoming-${process.pid}-${Math.random().toString(36).slice(2)}.onnx`);
    try {
      const found = await fill(temporary);
      await rename(temporary, place ?? found!);
    } finally {
      await rm(temporary, { force: true });
    }
  }
}

/** Whoever runs the node named it, so it may be in a private network. */
function mirrored(mirror: string, modelId: string): Pick<DownloadOptions, 'url' | 'reach'> {
  return { url: `${mirror.replace(/\/+$/, '')}/${modelId}.onnx`, reach: 'private' };
}

async function copyOrRefuse(from: string, to: string): Promise<void> {
  try {
    await copyFile(from, to);
  } catch (error) {
    throw new Refusal('notFound', `${from} can't be read: ${(error as Error).message}`);
  }
}

export function looksLikePath(model: string): boolean {
  return isAbsolute(model) || /[\\/]/.test(model) || /\.onnx$/i.test(model) || existsSync(model);
}

function missingText({ record }: Catalogued): string {
  if (record.file) return `the bundled model ${record.id} is not built: ${record.file} is missing`;
  if (record.url === undefined) return `the file of model ${record.id} is gone`;
  return `model ${record.id} is not on this node yet: pnpm models add ${record.id}`;
}

/** Every `x.json` with its `x.onnx` in MODELS_DIR. One that can't be read is left out: it must not stop the others. */
async function readOwnModels(modelsDir: string, onLeftOut: ModelCatalogueOptions['onLeftOut']): Promise<Catalogued[]> {
  const names = await readdir(modelsDir).catch(() => []);
  const own: Catalogued[] = [];
  for (const name of names.filter((candidate) => candidate.endsWith('.json'))) {
    const path = join(modelsDir, name.replace(/\.json$/, '.onnx'));
    try {
      const record = catalogueRecordSchema.parse(JSON.parse(await readFile(join(modelsDir, name), 'utf8')));
      if (existsSync(path)) own.push({ record: { ...record, file: undefined }, entry: await entryOf(record), path });
    } catch (error) {
      onLeftOut?.(join(modelsDir, name), (error as Error).message);
    }
  }
  return own;
}
