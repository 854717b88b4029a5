import { Counter, type Registry } from 'prom-client';

/**
 * A counter of what somebody else counts already, such as a Worker in C++ or plain numbers on a hot path: read when
 * somebody scrapes. `read` gives totals since the process began, by labels.
 */
export function tally<L extends string = never>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: L[],
  read: () => Iterable<[Partial<Record<L, string | number>>, number]>,
): void {
  new Counter({
    name,
    help,
    labelNames,
    registers: [registry],
    collect() {
      this.reset();
      for (const [labels, total] of read()) this.inc(labels, total);
    },
  });
}
