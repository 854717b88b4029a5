/** SQLSTATE classes that say something of what was written: cardinality, data, integrity, a limit of the program. */
const classesOfData = new Set(['21', '22', '23', '54']);

/**
 * Whether a write failed for what was written, so that it would fail again, and not for how the database is (away, full,
 * shutting down, read only). Whatever comes of a connection has a `code`; an error without one is of our own making.
 */
export function isPoison(error: unknown): boolean {
  for (let one: unknown = error; one instanceof Error; one = one.cause) {
    const { code } = one as Error & { code?: unknown };
    if (typeof code !== 'string') continue;
    return code === 'UNDEFINED_VALUE' || (/^[0-9A-Z]{5}$/.test(code) && classesOfData.has(code.slice(0, 2)));
  }
  return true;
}
