/** What of zod's issue is read here. */
interface Issue {
  path: readonly PropertyKey[];
  message: string;
}

/**
 * What is wrong with ZoneSettings that were sent, each in words that say of which zone or line it is: people know these by
 * their names, and not by their places in a list.
 */
export function zoneProblems(sent: unknown, issues: readonly Issue[]): string[] {
  return issues.map(({ path, message }) => {
    const [list, index, ...rest] = path;
    if ((list === 'zones' || list === 'lines') && typeof index === 'number') {
      return `${nameOf(sent, list, index)}${placeOf(rest)}: ${message}`;
    }
    if (list === 'scale') return `speed scale${placeOf(path.slice(1))}: ${message}`;
    return path.length === 0 ? message : `${path.join('.')}: ${message}`;
  });
}

function nameOf(sent: unknown, list: 'zones' | 'lines', index: number): string {
  const kind = list === 'zones' ? 'zone' : 'line';
  const shape = ((sent as Record<string, unknown> | null)?.[list] as { name?: unknown }[] | undefined)?.[index];
  const name = typeof shape?.name === 'string' ? shape.name.trim().slice(0, 60) : '';
  return name === '' ? `${kind} ${index + 1}` : `${kind} “${name}”`;
}

function placeOf([field, index, axis]: readonly PropertyKey[]): string {
  if (field === undefined) return '';
  if (field === 'polygon' || field === 'points') {
    if (typeof index !== 'number') return '';
    return `, point ${index + 1}${axis === undefined ? '' : `, ${String(axis)}`}`;
  }
  if (field === 'labels' && typeof index === 'number') return `, label ${index + 1}`;
  return `, ${String(field)}${index === undefined ? '' : `, ${String(index)}`}`;
}
