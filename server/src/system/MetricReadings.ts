import type { MetricObjectWithValues, MetricValue, Registry } from 'prom-client';

type Labels = Record<string, string | number>;

/** What a registry says at one moment, by name. */
export class MetricReadings {
  readonly #values = new Map<string, MetricValue<string>[]>();

  private constructor(metrics: readonly MetricObjectWithValues<MetricValue<string>>[]) {
    for (const { name, values } of metrics) this.#values.set(name, values);
  }

  static async create(registry: Registry): Promise<MetricReadings> {
    return new MetricReadings(await registry.getMetricsAsJSON());
  }

  /** The sum over all label values that `takes` says; 0 of what is not there. */
  sum(name: string, takes: (labels: Labels) => boolean = () => true): number {
    let total = 0;
    for (const { labels, value } of this.#values.get(name) ?? []) if (takes(labels as Labels)) total += value;
    return total;
  }

  /** One figure for each value of the labels, named by it; by `''` where there are none. Histograms: sum and count only. */
  *each(name: string): Iterable<[labels: string, value: number]> {
    for (const one of this.#values.get(name) ?? []) {
      const metricName = (one as { metricName?: string }).metricName ?? name;
      if ('le' in one.labels || metricName.endsWith('_bucket')) continue;
      const part = metricName.slice(name.length + 1);
      yield [[part, ...Object.values(one.labels)].filter(Boolean).join(' '), one.value];
    }
  }

  /** Of a histogram without labels. */
  histogram(name: string): { sum: number; count: number } {
    const of = (part: string) =>
      (this.#values.get(name) ?? []).find((one) => (one as { metricName?: string }).metricName === `${name}_${part}`);
    return { sum: of('sum')?.value ?? 0, count: of('count')?.value ?? 0 };
  }
}
