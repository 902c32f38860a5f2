// Reading fields of a topology file: each method answers something usable whatever stands there, and notes what was wrong.

import type { Path, Problem, Source } from './source.ts';
import type { CommandLine } from './spec.ts';
import { splitWords } from './words.ts';

export type Values = Readonly<Record<string, unknown>>;
export const isRecord = (value: unknown): value is Values =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isScalar = (value: unknown): value is string | number | boolean =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';

export class FieldReader {
  readonly problems: Problem[] = [];
  readonly warnings: Problem[] = [];

  constructor(private readonly source: Source) {}

  problem(path: Path, message: string): void {
    this.problems.push(this.source.problem(path, message));
  }
  warn(path: Path, message: string): void {
    const warning = this.source.problem(path, message);
    if (!this.warnings.some((known) => known.path === warning.path)) this.warnings.push(warning);
  }
  known(value: Values, keys: readonly string[], path: Path): void {
    for (const key of Object.keys(value))
      if (!keys.includes(key)) this.problem([...path, key], `is unknown here; known are: ${keys.join(', ')}`);
  }
  record(value: unknown, path: Path): Values {
    if (isRecord(value)) return value;
    if (value !== undefined && value !== null) this.problem(path, 'should be a map');
    return {};
  }
  list(value: unknown, path: Path): readonly unknown[] {
    if (Array.isArray(value)) return value;
    if (value !== undefined && value !== null) this.problem(path, 'should be a list');
    return [];
  }
  text(value: unknown, path: Path): string | undefined {
    if (isScalar(value)) return String(value);
    if (value !== undefined && value !== null) this.problem(path, 'should be a text');
    return undefined;
  }
  number(value: unknown, path: Path): number | undefined {
    if (value === undefined || value === null) return undefined;
    const number = Number(value);
    if (isScalar(value) && Number.isFinite(number) && number >= 0) return number;
    this.problem(path, `"${String(value)}" should be a number, 0 or more`);
    return undefined;
  }
  strings(value: unknown, path: Path): Readonly<Record<string, string>> {
    const entries = Object.entries(this.record(value, path));
    return Object.fromEntries(entries.map(([key, entry]) => [key, this.text(entry, [...path, key]) ?? '']));
  }
  command(value: unknown, path: Path): CommandLine | undefined {
    const line = this.text(value, path);
    if (line === undefined) return undefined;
    const split = splitWords(line);
    if (!split.ok) this.problem(path, `"${line}" ${split.message}`);
    else if (split.words.length > 0) return { words: split.words, path: this.source.problem(path, '').path };
    return undefined;
  }
  oneOf<T extends string>(value: unknown, allowed: readonly T[], path: Path): T | undefined {
    const found = allowed.find((candidate) => candidate === value);
    if (found === undefined) this.problem(path, `"${String(value)}" should be one of ${allowed.join(', ')}`);
    return found;
  }
}
