// The tables of docs/configuration.md, from the field table in the code.

import { FIELD_TABLE, type FieldName, type FieldRow } from '../../src/calico/field-table.ts';

/** A further column: its title, and what it says of a field. */
export interface Column {
  readonly title: string;
  readonly of: (field: FieldName) => string;
}

/** A section a kind. */
export const fieldTables = (columns: readonly Column[] = []): string =>
  Object.entries(FIELD_TABLE)
    .map(([kind, rows]) => [`### ${kind}`, '', ...table(kind, rows, columns)].join('\n'))
    .join('\n\n');

function table(kind: string, rows: Readonly<Record<string, FieldRow>>, columns: readonly Column[]): string[] {
  const titles = ['Field', 'Value', 'Without it', 'Effect', ...columns.map(({ title }) => title)];
  return [
    line(titles),
    line(titles.map(() => '---')).replaceAll(' ', ''),
    ...Object.entries(rows).map(([path, { accepts, without, effect }]) =>
      line([
        `\`${path}\``,
        accepts,
        without,
        effect,
        ...columns.map((column) => column.of(`${kind} ${path}` as FieldName)),
      ]),
    ),
  ];
}

const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
