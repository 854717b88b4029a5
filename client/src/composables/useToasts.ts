import { ref } from 'vue';

export interface Toast {
  id: number;
  tone: 'good' | 'bad' | 'plain';
  text: string;
}

const limit = 4;
const toasts = ref<Toast[]>([]);
let nextId = 1;

/** Short news at the corner of the page. At most four; the oldest makes room. The same words do not stack. */
export function useToasts() {
  function dismiss(id: number): void {
    toasts.value = toasts.value.filter((toast) => toast.id !== id);
  }
  function show(text: string, tone: Toast['tone'] = 'plain'): void {
    const id = nextId++;
    toasts.value = [...toasts.value.filter((toast) => toast.text !== text), { id, tone, text }].slice(-limit);
    setTimeout(() => dismiss(id), tone === 'bad' ? 8_000 : 3_500);
  }
  return { toasts, show, dismiss };
}
