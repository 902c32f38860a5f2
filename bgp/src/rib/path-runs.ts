// Paths that stand side by side: those of a prefix beyond its first one.                                       [hot]
//
//   cells  Int32[4 · cell]   runs of 4, 8, 16 … cells of four words: the smallest is a line of the cache
//
//     run  | prefix, 0, size, next free run | path | path | 0 0 0 0 |
//            └ its head, with 0 where a path has its set: so it also ends the run before it
//
//   free   number[]          by size: the first run that is free, 0 for none
//
// A run is called by the cell of its head. What the words of a path mean is adj-rib-in.ts.

import type { PrefixId } from '../route/route.ts';
import { grown } from './columns.ts';

/** Words of a cell. */
export const CELL = 4;
/** The word that no path has 0 in. */
export const RECEIVED = 1;

/** Words of a head. */
const PREFIX = 0;
const SIZE = 2;
const NEXT_FREE = 3;

const INITIAL = 8;
/** Cells in a line of the cache. */
const LINE_CELLS = 4;

export class PathRuns {
  /** The first cell is nobody's, so that 0 is no run. */
  cells = new Int32Array(INITIAL * CELL);
  private end = 1;
  private count = 0;
  private free: number[] = [];

  /** An empty run. */
  create(prefix: PrefixId): number {
    return this.allocate(prefix, 0);
  }

  release(run: number): void {
    const { cells } = this;
    const size = cells[run * CELL + SIZE]!;
    cells.fill(0, (run + 1) * CELL, (run + cellsOf(size)) * CELL);
    cells[run * CELL + NEXT_FREE] = this.free[size] ?? 0;
    this.free[size] = run;
    this.count--;
  }

  /** The cell behind its paths, or 0 when the run is full. */
  freeCell(run: number): number {
    const end = run + cellsOf(this.cells[run * CELL + SIZE]!);
    for (let cell = run + 1; cell < end; cell++) if (!this.isUsed(cell)) return cell;
    return 0;
  }

  /** @returns a run with twice the room that has its paths, in its place. */
  enlarge(run: number): number {
    const size = this.cells[run * CELL + SIZE]!;
    const larger = this.allocate(this.cells[run * CELL + PREFIX] as PrefixId, size + 1);
    this.cells.copyWithin((larger + 1) * CELL, (run + 1) * CELL, (run + cellsOf(size)) * CELL);
    this.release(run);
    return larger;
  }

  isUsed(cell: number): boolean {
    return this.cells[cell * CELL + RECEIVED] !== 0;
  }

  /** Of the run that a path is in. */
  prefixOf(path: number): PrefixId {
    let cell = path;
    while (this.isUsed(cell)) cell--;
    return this.cells[cell * CELL + PREFIX] as PrefixId;
  }

  /** Reads the lines of memory that looking for a path begins with. */
  ask(run: number): number {
    return this.cells[(run + 1) * CELL]! ^ this.cells[(run + LINE_CELLS) * CELL]!;
  }

  private allocate(prefix: PrefixId, size: number): number {
    if (this.count++ === 0) this.forget();
    let run = this.free[size] ?? 0;
    if (run !== 0) this.free[size] = this.cells[run * CELL + NEXT_FREE]!;
    else {
      run = this.end;
      this.end += cellsOf(size);
      const words = (this.end + LINE_CELLS) * CELL; // free cells at the end
      if (words > this.cells.length) this.cells = grown(this.cells, words);
    }
    this.cells[run * CELL + PREFIX] = prefix;
    this.cells[run * CELL + SIZE] = size;
    return run;
  }

  /** What many prefixes needed is given back when the next one needs some. */
  private forget(): void {
    this.cells = new Int32Array(INITIAL * CELL);
    this.end = 1;
    this.free = [];
  }
}

/** With the head. */
function cellsOf(size: number): number {
  return 4 << size;
}
