import type { BrandView, ChangeBrand, ImportResult } from '@framelock/server/protocol';
import { ref, shallowRef } from 'vue';
import { changeBrand, deleteBrand, exportBrands, getBrand, importBrands } from '../api/brands.ts';
import { importWords } from './brandWords.ts';
import { problemOf } from './problemWords.ts';
import { saveFile } from './saveFile.ts';
import { useToasts } from './useToasts.ts';

const askEveryMs = 400;
/** Longer than any embedding; what is not recognised by then has a state that says why. */
const toldWithinMs = 20_000;

/** What a person does to the gallery, with what is said of it. `put` shows a brand at once, `refresh` asks for all. */
export function useBrandChanges(put: (brand: BrandView) => void, refresh: () => Promise<void>) {
  const { show } = useToasts();
  const busy = ref<'import' | 'export' | 'delete'>();
  const imported = shallowRef<ImportResult>();

  /** Shown at once, and back as it was where the server refuses. */
  async function change(brand: BrandView, next: ChangeBrand): Promise<void> {
    put({ ...brand, ...next } as BrandView);
    try {
      put(await changeBrand(brand.id, next));
    } catch (error) {
      put(brand);
      show(`“${brand.name}” was not changed: ${problemOf(error).message}`, 'bad');
    }
    await refresh();
  }

  async function remove(brand: BrandView): Promise<boolean> {
    return during('delete', 'Not deleted', async () => {
      await deleteBrand(brand.id);
      show(`“${brand.name}” was deleted`);
      await refresh();
    });
  }

  async function save(): Promise<void> {
    await during('export', 'Not exported', async () =>
      saveFile(await exportBrands(), `framelock-gallery-${new Date().toISOString().slice(0, 10)}.json`),
    );
  }

  async function take(file: File): Promise<void> {
    imported.value = undefined;
    await during('import', `“${file.name}” was not imported`, async () => {
      const result = await importBrands(file);
      imported.value = result.refused.length > 0 ? result : undefined;
      show(`${file.name}: ${importWords(result)}`, result.refused.length > 0 ? 'bad' : 'good');
      await refresh();
    });
  }

  async function during(what: NonNullable<typeof busy.value>, failed: string, run: () => Promise<void>) {
    busy.value = what;
    try {
      await run();
      return true;
    } catch (error) {
      show(`${failed}: ${problemOf(error).message}`, 'bad');
      return false;
    } finally {
      busy.value = undefined;
    }
  }

  return { busy, imported, change, remove, save, take };
}

/** Waits until a new brand is recognised, or is known not to be, and says so. */
export async function tellWhenRecognised(added: BrandView): Promise<void> {
  const { show } = useToasts();
  const endMs = performance.now() + toldWithinMs;
  let brand = added;
  while (brand.state === 'waiting' && performance.now() < endMs) {
    await new Promise((resolve) => setTimeout(resolve, askEveryMs));
    const answer = await getBrand(added.id).catch(() => undefined);
    if (!answer) continue;
    brand = answer;
  }
  if (brand.state === 'ready') return show(`“${brand.name}” is recognised on all live streams from now on`, 'good');
  if (brand.state === 'failed')
    return show(`“${brand.name}” is not recognised: ${brand.problem ?? 'unusable images'}`, 'bad');
  show(`“${brand.name}” is saved; it is recognised as soon as a brand model has looked at it`);
}
