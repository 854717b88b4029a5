export interface ByteRange {
  first: number;
  /** Inclusive. */
  last: number;
}

const pattern = /^bytes=(\d{0,15})-(\d{0,15})$/;

/**
 * One range of `Range` (RFC 9110 14.2) on that many bytes. undefined: all of it, also where the header is not understood
 * or names several ranges, which a server may ignore. `unsatisfiable`: 416.
 */
export function parseRange(header: string | undefined, bytes: number): ByteRange | 'unsatisfiable' | undefined {
  if (header === undefined) return undefined;
  const found = pattern.exec(header);
  if (!found) return undefined;
  const [, from = '', to = ''] = found;
  if (from === '') {
    if (to === '') return undefined;
    const suffix = Number(to);
    return suffix === 0 || bytes === 0 ? 'unsatisfiable' : { first: Math.max(0, bytes - suffix), last: bytes - 1 };
  }
  const first = Number(from);
  if (to !== '' && Number(to) < first) return undefined;
  if (first >= bytes) return 'unsatisfiable';
  return { first, last: to === '' ? bytes - 1 : Math.min(Number(to), bytes - 1) };
}
