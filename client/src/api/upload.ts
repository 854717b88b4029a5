import { errorBodySchema, Refusal, sessionRequestHeader } from '@framelock/server/protocol';
import type { z } from 'zod';
import { accessToken } from './accessToken.ts';

export interface UploadOptions {
  /** 0..1 of the bytes that left. */
  onProgress?: (share: number) => void;
  signal?: AbortSignal;
}

/** POST of a file's bytes. XMLHttpRequest, since fetch tells no progress of what it sends. */
export function upload<T extends z.ZodType>(
  path: string,
  file: Blob,
  schema: T,
  { onProgress, signal }: UploadOptions,
): Promise<z.output<T>> {
  return new Promise((resolve, reject) => {
    const call = new XMLHttpRequest();
    const abort = () => call.abort();
    const settle = (run: () => void) => {
      signal?.removeEventListener('abort', abort);
      run();
    };
    call.open('POST', path);
    call.responseType = 'json';
    call.setRequestHeader('accept', 'application/json');
    call.setRequestHeader(sessionRequestHeader, '1');
    call.setRequestHeader('content-type', 'application/octet-stream');
    if (accessToken.value) call.setRequestHeader('authorization', `Bearer ${accessToken.value}`);
    call.upload.onprogress = ({ loaded, total }) => onProgress?.(total > 0 ? loaded / total : 0);
    call.onload = () => settle(() => take(call, schema, resolve, reject));
    call.onerror = () => settle(() => reject(new Refusal('unavailable', 'the connection was lost during the upload')));
    call.onabort = () => settle(() => reject(new DOMException('cancelled', 'AbortError')));
    if (signal?.aborted) return reject(new DOMException('cancelled', 'AbortError'));
    signal?.addEventListener('abort', abort, { once: true });
    call.send(file);
  });
}

function take<T extends z.ZodType>(
  call: XMLHttpRequest,
  schema: T,
  resolve: (value: z.output<T>) => void,
  reject: (error: Error) => void,
): void {
  if (call.status >= 200 && call.status < 300) {
    const parsed = schema.safeParse(call.response);
    if (parsed.success) return resolve(parsed.data);
    return reject(new Refusal('internal', "the server's answer to the upload is not understood"));
  }
  const refused = errorBodySchema.safeParse(call.response);
  if (refused.success) return reject(new Refusal(refused.data.error.code, refused.data.error.message));
  reject(new Refusal('internal', `the server answered ${call.status}`));
}
