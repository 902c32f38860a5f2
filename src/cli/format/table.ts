// Tables and lists of properties. Columns are aligned, nothing is cut unless a terminal is too narrow, and colour says only what a
// word beside it says too.

/** What the text is shown on. */
export interface Terminal {
  /** Columns of a terminal; undefined: a file or a pipe, where nothing is cut. */
  readonly width: number | undefined;
  readonly colour: boolean;
}

export type Colour = 'green' | 'yellow' | 'red' | 'dim' | 'bold';
const SGR: Readonly<Record<Colour, number>> = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 };

export const paint = (text: string, colour: Colour | undefined, terminal: Terminal): string =>
  colour === undefined || !terminal.colour || text === '' ? text : `\u001b[${SGR[colour]}m${text}\u001b[0m`;

/** A cell: its text, coloured or not. */
export type Cell = string | { readonly text: string; readonly colour: Colour | undefined };

export interface Column<T> {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /** In `-o wide` alone. */
  readonly wide?: true;
  readonly cell: (row: T) => Cell;
}

const textOf = (cell: Cell): string => printable(typeof cell === 'string' ? cell : cell.text);

/** What a peer or the datastore said may hold control characters, and a terminal would obey them. */
export const printable = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '\uFFFD');

/** Rows under titles, columns two spaces apart; each line ends without blanks. No rows: no text. */
export function table<T>(
  columns: readonly Column<T>[],
  rows: readonly T[],
  terminal: Terminal,
  wide = false,
): string {
  if (rows.length === 0) return '';
  const shown = columns.filter((column) => wide || column.wide !== true);
  const cells = rows.map((row) => shown.map((column) => column.cell(row)));
  const widths = shown.map((column, i) =>
    cells.reduce((width, row) => Math.max(width, textOf(row[i]!).length), column.title.length),
  );
  const line = (row: readonly Cell[]): string => {
    let used = 0;
    let out = '';
    for (const [i, cell] of row.entries()) {
      const last = i === row.length - 1;
      let text = textOf(cell);
      // Only the last column gives way: it is the one with sentences.
      const room = (terminal.width ?? Number.POSITIVE_INFINITY) - used;
      if (last && text.length > room && room > 10) text = `${text.slice(0, room - 1)}…`;
      const blanks = ' '.repeat(Math.max(0, widths[i]! - text.length));
      const painted = paint(text, typeof cell === 'string' ? undefined : cell.colour, terminal);
      const right = shown[i]!.align === 'right';
      out += `${right ? blanks : ''}${painted}${right || last ? '' : blanks}${last ? '' : '  '}`;
      used += widths[i]! + 2;
    }
    return out.trimEnd();
  };
  const head = line(shown.map((column) => ({ text: column.title, colour: 'bold' })));
  return `${[head, ...cells.map(line)].join('\n')}\n`;
}

/** Names and values, one a line; a value may have several lines. */
export function properties(
  pairs: readonly (readonly [string, Cell | readonly Cell[]])[],
  terminal: Terminal,
  indent = '',
): string {
  const width = Math.max(...pairs.map(([name]) => name.length));
  return pairs
    .map(([name, value]) => {
      const cells = Array.isArray(value) ? (value as readonly Cell[]) : [value as Cell];
      return cells
        .map((cell, i) => {
          const label = paint((i === 0 ? name : '').padEnd(width), 'bold', terminal);
          const text = paint(textOf(cell), typeof cell === 'string' ? undefined : cell.colour, terminal);
          return `${indent}${label}  ${text}`.trimEnd();
        })
        .join('\n');
    })
    .join('\n')
    .concat('\n');
}
