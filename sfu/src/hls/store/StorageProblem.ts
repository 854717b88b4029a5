/**
 * Why a store cannot write. `full`: no room, or a quota's end (ENOSPC, EDQUOT). `slow`: the disk takes less than comes.
 * `broken`: anything else (EIO, a folder that was taken away).
 */
export class StorageProblem extends Error {
  override readonly name = 'StorageProblem';
  readonly kind: 'full' | 'slow' | 'broken';

  constructor(kind: StorageProblem['kind'], message: string, cause?: unknown) {
    super(message, { cause });
    this.kind = kind;
  }

  static of(error: unknown): StorageProblem {
    if (error instanceof StorageProblem) return error;
    const { code = 'unknown', message = String(error) } = (error ?? {}) as NodeJS.ErrnoException;
    if (code === 'ENOSPC' || code === 'EDQUOT') {
      return new StorageProblem('full', `no room for HLS on the disk (${code}): free some space`, error);
    }
    return new StorageProblem('broken', `the disk does not take HLS: ${message}`, error);
  }
}
