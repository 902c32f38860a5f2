// Metrics as Prometheus reads them: text format 0.0.4.

export type Labels = Readonly<Record<string, string>>;
export type Sample = readonly [Labels, number];

/** A family of series, made from facts of one kind. */
export interface Metric<Facts> {
  readonly name: string;
  readonly type: 'gauge' | 'counter';
  readonly help: string;
  readonly samples: (facts: Facts) => readonly Sample[];
}

export const one = (value: number | boolean): readonly Sample[] => [[{}, Number(value)]];
/** No series where the value is not known. */
export const optional = (value: number | undefined): readonly Sample[] =>
  value === undefined ? [] : one(value);

/** @returns the text, a line each, the families in the order given. */
export function exposition<Facts>(metrics: readonly Metric<Facts>[], facts: Facts): string {
  const family = ({ name, type, help, samples }: Metric<Facts>) => [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${type}`,
    ...samples(facts).map(([labels, value]) => `${name}${labelText(labels)} ${value}`),
  ];
  return `${metrics.flatMap(family).join('\n')}\n`;
}

function labelText(labels: Labels): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return parts.length === 0 ? '' : `{${parts.join(',')}}`;
}

const escaped = (value: string): string =>
  value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
