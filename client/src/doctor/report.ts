import type { Finding } from '@framelock/server/protocol';

const rank = { ok: 0, info: 1, warning: 2, problem: 3 } as const;

/** Both looked at the same thing: the worse of the two is told, of two alike the first. */
export function mergeFindings(first: readonly Finding[], second: readonly Finding[]): Finding[] {
  const merged = new Map(first.map((finding) => [finding.id, finding]));
  for (const finding of second) {
    const known = merged.get(finding.id);
    if (!known || rank[finding.level] > rank[known.level]) merged.set(finding.id, finding);
  }
  return [...merged.values()];
}

export function worstLevel(findings: readonly Finding[]): Finding['level'] {
  return findings.reduce<Finding['level']>((worst, { level }) => (rank[level] > rank[worst] ? level : worst), 'ok');
}

/** One sentence for all of it. */
export function summaryOf(findings: readonly Finding[]): string {
  const count = (level: Finding['level']) => findings.filter((finding) => finding.level === level).length;
  const [problems, warnings] = [count('problem'), count('warning')];
  if (problems === 0 && warnings === 0) return 'All is well: nothing stands in the way of publishing.';
  const parts = [
    ...(problems ? [problems === 1 ? 'one problem' : `${problems} problems`] : []),
    ...(warnings ? [warnings === 1 ? 'one warning' : `${warnings} warnings`] : []),
  ].join(' and ');
  return `${parts.charAt(0).toUpperCase()}${parts.slice(1)}. What to do is written beside ${problems + warnings === 1 ? 'it' : 'each'}.`;
}

const marks = { ok: '[ok]', info: '[info]', warning: '[warning]', problem: '[PROBLEM]' };

/** Plain text to send to who can help. `about`: lines such as browser and time. */
export function reportText(findings: readonly Finding[], about: readonly string[]): string {
  const lines = findings.flatMap(({ level, title, detail, advice }) => [
    `${marks[level]} ${title}: ${detail}`,
    ...(advice ? [`    -> ${advice}`] : []),
  ]);
  return ['Framelock connection report', ...about, '', ...lines, ''].join('\n');
}
