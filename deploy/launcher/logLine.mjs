const levels = { 10: 'trace', 20: 'debug', 30: 'info', 40: 'warn', 50: 'error', 60: 'fatal' };
const unsaid = new Set(['level', 'time', 'pid', 'hostname', 'msg', 'name', 'process', 'v']);

/** One line of a child's output for people: pino's JSON as `time level message key=value`, anything else as it is. */
export function logLine(text) {
  const entry = text.startsWith('{') ? parseOrNothing(text) : undefined;
  if (typeof entry?.level !== 'number' || entry.time === undefined) return text;
  const time = new Date(entry.time).toTimeString().slice(0, 8);
  const stack = entry.err?.stack;
  const details = Object.entries(entry)
    .filter(([key]) => !unsaid.has(key) && !(key === 'err' && stack))
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  const line = [time, (levels[entry.level] ?? entry.level).padEnd(5), entry.msg, ...details].filter(Boolean).join(' ');
  return stack ? `${line}\n${stack}` : line;
}

function parseOrNothing(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
