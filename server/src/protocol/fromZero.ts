interface LabelledCounter<L extends string> {
  inc(labels: Partial<Record<L, string>>, value: number): void;
}

/**
 * Prometheus sees no increase in a series that begins with its first event: those that alert rules look for are there
 * from the start, as 0. `values` are those of the one label by name.
 */
export function fromZero<L extends string, C extends LabelledCounter<L>>(
  counter: C,
  label: L,
  values: readonly string[],
): C {
  for (const value of values) counter.inc({ [label]: value } as Partial<Record<L, string>>, 0);
  return counter;
}
