import { useEventListener } from '@vueuse/core';

/** What takes keys itself. Of inputs, those that are chosen and not written into leave letters to the page. */
const notOurs =
  'input:not([type=radio], [type=checkbox], [type=range]), select, textarea, dialog, [contenteditable], [data-own-keys]';

/** Single letters that do something anywhere on the page, by the letter in lower case. */
export function useShortcuts(shortcuts: Readonly<Record<string, () => unknown>>): void {
  useEventListener('keydown', (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.defaultPrevented) return;
    if ((event.target as Element).closest?.(notOurs)) return;
    const run = shortcuts[event.key.toLowerCase()];
    if (!run) return;
    event.preventDefault();
    run();
  });
}
