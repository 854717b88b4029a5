/**
 * @typedef {{ verb: string, args: string[] | string, flags: Record<string, string>, line: number }} Step
 * @typedef {{ from: string, name: string | undefined, steps: Step[] }} Stage
 */

const known = [
  'RUN', 'COPY', 'ENV', 'WORKDIR', 'USER', 'VOLUME', 'EXPOSE', 'STOPSIGNAL', 'HEALTHCHECK', 'ENTRYPOINT', 'CMD', 'ARG', 'LABEL',
]; // prettier-ignore

/**
 * The stages of a Dockerfile, in order. Reads the part of the language that ours use and throws on anything else: what is
 * not understood must not count as proven. https://docs.docker.com/reference/dockerfile/
 * @returns {Stage[]}
 */
export function readDockerfile(text) {
  const stages = [];
  for (const { words, line } of instructions(text)) {
    const [, verb, rest] = /^(\S+)\s+([^]*)$/.exec(words) ?? [];
    if (verb === 'FROM') {
      const [, from, name] = /^(\S+)(?:\s+AS\s+(\S+))?$/i.exec(rest) ?? [];
      if (!from) throw new Error(`line ${line}: FROM ${rest} is not understood`);
      stages.push({ from, name, steps: [] });
      continue;
    }
    if (!known.includes(verb)) throw new Error(`line ${line}: ${verb ?? words} is not understood`);
    if (stages.length === 0) throw new Error(`line ${line}: ${verb} comes before FROM`);
    const { flags, args } = readArguments(rest, line);
    stages.at(-1).steps.push({ verb, flags, args, line });
  }
  return stages;
}

/** Lines that end in a backslash go on; comments may stand between. */
function* instructions(text) {
  let words = '';
  let startedAt = 0;
  for (const [index, line] of text.split('\n').entries()) {
    if (/^\s*#/.test(line)) continue;
    if (words === '' && line.trim() === '') continue;
    if (words === '') startedAt = index + 1;
    const goesOn = /\\\s*$/.test(line);
    words += goesOn ? line.replace(/\\\s*$/, '') : line;
    if (goesOn) continue;
    yield { words: words.trim(), line: startedAt };
    words = '';
  }
  if (words !== '') throw new Error(`line ${startedAt}: the last line goes on and nothing follows`);
}

function readArguments(text, line) {
  const flags = {};
  let rest = text;
  for (let match; (match = /^--([a-z-]+)=(\S+)\s+/.exec(rest)); rest = rest.slice(match[0].length))
    flags[match[1]] = match[2];
  if (rest.startsWith('--')) throw new Error(`line ${line}: ${rest} is not understood`);
  if (!rest.startsWith('[')) return { flags, args: rest };
  const args = JSON.parse(rest);
  if (!Array.isArray(args) || !args.every((one) => typeof one === 'string')) throw new Error(`line ${line}: ${rest}`);
  return { flags, args };
}

/** `A=1 B="two words"` as pairs, with `$NAME` and `${NAME}` of what is set already. */
export function readPairs(text, env) {
  const pairs = [...text.matchAll(/([A-Za-z_][A-Za-z0-9_]*)=(?:"([^"]*)"|(\S*))/g)];
  return Object.fromEntries(
    pairs.map(([, name, quoted, plain]) => [
      name,
      (quoted ?? plain).replace(/\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?/g, (_, known) => env[known] ?? ''),
    ]),
  );
}
