import type { Finding } from '@framelock/server/protocol';

const rank = { ok: 0, info: 1, warning: 2, problem: 3 } as const;

/** Of these the browser is the better witness: what worked for it works, whatever the server thinks of itself. */
const seenHere = new Set(['udp', 'tcp', 'secure']);

export interface Examined {
  finding: Finding;
  /** It could not be made: anything that somebody else knows is better. */
  undone?: boolean;
}

/** The browser's findings and the server's: where both looked at one thing, the worse is told. */
export function mergeFindings(mine: readonly Examined[], theirs: readonly Finding[]): Finding[] {
  const merged = new Map(mine.map(({ finding }) => [finding.id, finding]));
  const undone = new Set(mine.flatMap((one) => (one.undone ? [one.finding.id] : [])));
  for (const finding of theirs) {
    const known = merged.get(finding.id);
    const better = known?.level === 'ok' && seenHere.has(finding.id);
    if (!known || undone.has(finding.id) || (!better && rank[finding.level] > rank[known.level]))
      merged.set(finding.id, finding);
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
