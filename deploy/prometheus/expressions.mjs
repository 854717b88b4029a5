import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const fileOf = (path) => fileURLToPath(new URL(path, import.meta.url));
export const alertsFile = fileOf('alerts.yml');
export const dashboardFile = fileOf('../grafana/dashboards/framelock.json');

/** Each PromQL expression of the dashboard, with Grafana's interval as Prometheus can read it. */
export function dashboardExpressions() {
  const { panels } = JSON.parse(readFileSync(dashboardFile, 'utf8'));
  return panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({ from: title, expr: expr.replaceAll('$__rate_interval', '5m') })),
  );
}

/** Each expression of the alert rules: on the line of `expr:`, or folded (`>-`) on those below it. */
export function alertExpressions() {
  const text = readFileSync(alertsFile, 'utf8');
  return [...text.matchAll(/- alert: (\w+)\n\s+expr: (?:>-\n((?:\s{10,}.*\n)+)|(.*)\n)/g)].map(
    ([, from, folded, plain]) => ({
      from,
      expr: (folded ?? plain).replace(/\s+/g, ' ').trim(),
    }),
  );
}

/** Prometheus' own series; no process has them. */
const ownSeries = new Set(['up', 'ALERTS']);

/** Metric names of an expression, with the job where a selector names one, and without a histogram's endings. */
export function namesIn(expr) {
  // What stands in quotes, ranges and label lists is no metric.
  const plain = expr
    .replace(/\b(by|on|ignoring|group_left|group_right|without)\s*\([^)]*\)/g, ' ')
    .replace(/\[[^\]]*\]/g, ' ');
  return [...plain.matchAll(/\b((?:framelock|process|nodejs)_\w+|up|ALERTS)\b(?:\{([^}]*)\})?/g)]
    .filter(([, name]) => !ownSeries.has(name))
    .map(([, name, selector = '']) => ({
      name: name.replace(/_(bucket|sum|count)$/, ''),
      job: /\bjob="([^"]+)"/.exec(selector)?.[1],
      labels: [...selector.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"/g)].map(([, label]) => label),
    }));
}
