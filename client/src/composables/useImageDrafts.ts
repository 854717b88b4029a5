import { computed, onScopeDispose, shallowRef } from 'vue';
import { takeImages } from './brandImages.ts';

export interface ImageDraft {
  id: number;
  file: File;
  url: string;
}

/** Images that are about to be sent, each with a picture of itself. `already`: that the brand has before them. */
export function useImageDrafts(already: () => number) {
  const drafts = shallowRef<ImageDraft[]>([]);
  const refused = shallowRef<{ name: string; reason: string }[]>([]);
  let nextId = 1;
  let chain = Promise.resolve();

  /** One after the other, so that two drops at once are no more than five together. */
  function add(files: readonly File[]): Promise<void> {
    chain = chain.then(async () => {
      const result = await takeImages(files, already() + drafts.value.length);
      refused.value = result.refused;
      drafts.value = [
        ...drafts.value,
        ...result.taken.map((file) => ({ id: nextId++, file, url: URL.createObjectURL(file) })),
      ];
    });
    return chain;
  }
  function remove(id: number): void {
    for (const one of drafts.value) if (one.id === id) URL.revokeObjectURL(one.url);
    drafts.value = drafts.value.filter((one) => one.id !== id);
    refused.value = [];
  }
  function clear(): void {
    for (const { url } of drafts.value) URL.revokeObjectURL(url);
    drafts.value = [];
    refused.value = [];
  }
  onScopeDispose(clear);

  const pictures = computed(() => drafts.value.map(({ file }) => ({ file, name: file.name })));
  return { drafts, refused, pictures, add, remove, clear };
}
