import { useIntervalFn } from '@vueuse/core';
import { watch, type Ref, type ShallowRef } from 'vue';
import { uploadPoster } from '../api/streams.ts';

const maxWidth = 640;
const everyMs = 5_000;
const firstAfterMs = 800;

/** Size of a poster of a picture: at most 640 pixels wide, whole pixels, the same shape. */
export function posterSize(width: number, height: number): { width: number; height: number } {
  const scale = Math.min(1, maxWidth / width);
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

/** undefined: there is no picture yet. */
function sizeOf(element: HTMLVideoElement | HTMLCanvasElement): { width: number; height: number } | undefined {
  const [width, height] =
    element instanceof HTMLCanvasElement
      ? [element.width, element.height]
      : [element.readyState < 2 ? 0 : element.videoWidth, element.videoHeight];
  return width > 0 && height > 0 ? { width, height } : undefined;
}

/** While live, a small JPEG of the preview goes to the server every 5 s; a failure is no news, the next one comes. */
export function usePosterUpload(
  streamId: string,
  picture: Readonly<ShallowRef<HTMLVideoElement | HTMLCanvasElement | null>>,
  live: Readonly<Ref<boolean>>,
): void {
  const canvas = document.createElement('canvas');
  let busy = false;

  async function upload(): Promise<void> {
    const element = picture.value;
    const size = element && sizeOf(element);
    if (busy || !live.value || !element || !size) return;
    busy = true;
    try {
      Object.assign(canvas, posterSize(size.width, size.height));
      canvas.getContext('2d', { alpha: false })?.drawImage(element, 0, 0, canvas.width, canvas.height);
      const jpeg = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/jpeg', 0.7));
      if (jpeg) await uploadPoster(streamId, jpeg);
    } catch {
      // The server is away or the Stream is gone; the publisher's own state says so.
    } finally {
      busy = false;
    }
  }

  useIntervalFn(() => void upload(), everyMs);
  watch(live, (now) => now && setTimeout(() => void upload(), firstAfterMs));
}
