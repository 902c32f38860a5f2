// A line of the daemon's log for people.

import { type Colour, paint, printable, type Terminal } from './table.ts';

/** What every line has; others have fields of their own. */
export interface LogLine {
  readonly level: string;
  /** ISO 8601. */
  readonly time: string;
  readonly node?: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

const COLOURS: Readonly<Record<string, Colour>> = { warn: 'yellow', error: 'red', fatal: 'red' };

/** @param wide  with all fields of the line. */
export function formatEvent(line: LogLine, terminal: Terminal, wide: boolean): string {
  const { level, time, node: _, message, ...fields } = line;
  const shown = paint(printable(level.padEnd(5)), COLOURS[level], terminal);
  const more = wide && Object.keys(fields).length > 0 ? `  ${JSON.stringify(fields)}` : '';
  return `${printable(time)} ${shown} ${printable(message + more)}\n`;
}
