import { useEventListener } from '@vueuse/core';
import { ref } from 'vue';
import { filesOf } from './brandImages.ts';

/**
 * Files dropped or pasted anywhere on the page. A file that is dropped beside a field would else replace the page.
 * `dragging`: one is over it now.
 */
export function useFileDrop(take: (files: File[]) => void) {
  const dragging = ref(false);
  let depth = 0; // of elements entered and not left

  useEventListener(document, 'dragenter', (event: DragEvent) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth++;
    dragging.value = true;
  });
  useEventListener(document, 'dragover', (event: DragEvent) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    if (event.dataTransfer) event.dataTransfer.dropEffect = 'copy';
  });
  useEventListener(document, 'dragleave', () => {
    depth = Math.max(0, depth - 1);
    if (depth === 0) dragging.value = false;
  });
  useEventListener(document, 'drop', (event: DragEvent) => {
    depth = 0;
    dragging.value = false;
    if (!hasFiles(event)) return;
    event.preventDefault();
    const files = filesOf(event.dataTransfer);
    if (files.length > 0) take(files);
  });
  // Text that is pasted into a field has no files with it.
  useEventListener(document, 'paste', (event: ClipboardEvent) => {
    const files = filesOf(event.clipboardData);
    if (files.length === 0) return;
    event.preventDefault();
    take(files);
  });
  return { dragging };
}

function hasFiles(event: DragEvent): boolean {
  return event.dataTransfer?.types.includes('Files') ?? false;
}
