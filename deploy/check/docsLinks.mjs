// `pnpm check:docs`: every relative link of every Markdown file leads to a file that is there, and its #anchor to a
// heading of it.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

/** Problems of one Markdown text; `file` is its full path. */
export function brokenLinks(file, text) {
  const prose = withoutCode(text);
  const problems = [];
  for (const [, target] of prose.matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+["'][^)]*)?\)/g))
    problems.push(problemOf(file, target));
  for (const [, target] of prose.matchAll(/(?:src|href)="([^"]+)"/g)) problems.push(problemOf(file, target));
  for (const [, target] of prose.matchAll(/^\[[^\]]+\]:\s*(\S+)/gm)) problems.push(problemOf(file, target));
  return problems.filter(Boolean);
}

function problemOf(file, target) {
  if (/^[a-z][a-z0-9+.-]*:/i.test(target)) return undefined;
  const [path, anchor] = target.split('#');
  const full =
    path === ''
      ? file
      : resolve(path.startsWith('/') ? root : dirname(file), decodeURIComponent(path.replace(/^\//, '')));
  if (!existsSync(full)) return `${relative(root, file)}: ${target} leads to nothing`;
  if (!anchor || !full.endsWith('.md') || !statSync(full).isFile()) return undefined;
  if (anchorsOf(readFileSync(full, 'utf8')).has(decodeURIComponent(anchor).toLowerCase())) return undefined;
  return `${relative(root, file)}: ${target} has no such heading`;
}

function withoutCode(text) {
  return text.replace(/^(```|~~~)[\s\S]*?^\1/gm, '').replace(/`[^`\n]*`/g, '');
}

/** Anchors as GitHub makes them: lower case, punctuation gone, spaces to hyphens, repeated ones numbered. */
function anchorsOf(text) {
  const anchors = new Set([...text.matchAll(/<a\s+(?:id|name)="([^"]+)"/g)].map(([, id]) => id.toLowerCase()));
  const lines = text.replace(/^(```|~~~)[\s\S]*?^\1/gm, '').matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm);
  for (const [, heading] of lines) {
    const base = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-');
    let anchor = base;
    for (let count = 1; anchors.has(anchor); count++) anchor = `${base}-${count}`;
    anchors.add(anchor);
  }
  return anchors;
}

function markdownFiles() {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], {
    cwd: root,
    encoding: 'utf8',
  });
  return listed
    .split('\n')
    .filter(Boolean)
    .map((name) => join(root, name))
    .filter((path) => existsSync(path));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const problems = markdownFiles().flatMap((file) => brokenLinks(file, readFileSync(file, 'utf8')));
  for (const problem of problems) console.error(problem);
  process.exit(problems.length === 0 ? 0 : 1);
}
