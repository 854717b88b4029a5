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

/** While live, a small JPEG of the preview goes to the server every 5 s; a failure is no news, the next one comes. */
export function usePosterUpload(
  streamId: string,
  video: Readonly<ShallowRef<HTMLVideoElement | null>>,
  live: Readonly<Ref<boolean>>,
): void {
  const canvas = document.createElement('canvas');
  let busy = false;

  async function upload(): Promise<void> {
    const element = video.value;
    if (busy || !live.value || !element || element.readyState < 2 || !element.videoWidth) return;
    busy = true;
    try {
      Object.assign(canvas, posterSize(element.videoWidth, element.videoHeight));
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
