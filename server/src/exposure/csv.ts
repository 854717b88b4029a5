export type CsvValue = string | number | boolean | Date | null;

/** One line after RFC 4180, with its CRLF. */
export function csvLine(values: readonly CsvValue[]): string {
  return `${values.map(csvField).join(',')}\r\n`;
}

/**
 * A text that a spreadsheet would take for a formula gets a `'` before it (OWASP, "CSV Injection"): names come from
 * whoever may add a brand. Times are ISO 8601 in UTC, null is empty.
 */
export function csvField(value: CsvValue): string {
  if (value === null) return '';
  if (value instanceof Date) return value.toISOString();
  if (typeof value !== 'string') return String(value);
  const text = /^[=+\-@\t\r\n]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
