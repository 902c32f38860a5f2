// What the packets of a window say of a fault: sums for the table, and where the design is not met. Pure.

import { type Expectation, PATHS, type Path } from './faults/fault.ts';
import type { Window } from './prober.ts';

export const FAMILIES = ['IPv4', 'IPv6'] as const;
export type Family = (typeof FAMILIES)[number];

/** One flow in one window. */
export interface FlowOutcome {
  /** "agent1 → agent2 IPv4". */
  readonly name: string;
  readonly family: Family;
  readonly path: Path;
  readonly measured: Window['flows'][number];
}

/** Of all flows of a family on a path: the sum of the lost packets, the longest gap of any. */
export interface Cell {
  readonly family: Family;
  readonly path: Path;
  readonly sent: number;
  readonly lost: number;
  readonly gapMs: number;
}

/** What is to be said for a gap, or a loss, beside the network. */
export interface Circumstances {
  /** For how long the fault itself cut paths. */
  readonly cutMs: number;
  /** For how long the prober stood still at most: so may the daemons. */
  readonly stalledMs: number;
  readonly machineDropped: number;
}

/** A machine that runs a fleet on two cores gives nobody the processor at once. */
const MARGIN_MS = 150;

/** What reached the prober's socket and found no room there is no fault of the network. */
const lostByNetwork = ({ lost, droppedHere }: Window['flows'][number]): number =>
  Math.max(0, lost - droppedHere);

export const cellsOf = (flows: readonly FlowOutcome[]): readonly Cell[] =>
  FAMILIES.flatMap((family) =>
    PATHS.flatMap((path) => {
      const found = flows
        .filter((flow) => flow.family === family && flow.path === path)
        .map(({ measured }) => measured);
      if (found.length === 0) return [];
      return {
        family,
        path,
        sent: found.reduce((sum, { sent }) => sum + sent, 0),
        lost: found.reduce((sum, flow) => sum + lostByNetwork(flow), 0),
        gapMs: Math.max(...found.map(({ gapMs }) => gapMs)),
      };
    }),
  );

/** @returns a sentence for each flow that is not as the design says, with when packets were lost. */
export const failuresOf = (
  flows: readonly FlowOutcome[],
  expect: Readonly<Record<Path, Expectation>>,
  circumstances: Circumstances,
): readonly string[] =>
  flows.flatMap(({ name, path, measured }) => {
    const wrong = wrongWith(expect[path], measured, circumstances);
    if (wrong === undefined) return [];
    const when = measured.outages.map(({ atMs, lost, gapMs }) => `${lost} at ${atMs} ms, for ${gapMs} ms`);
    return `${name}: ${wrong} (${when.join('; ')})`;
  });

function wrongWith(
  expected: Expectation,
  measured: Window['flows'][number],
  { cutMs, stalledMs, machineDropped }: Circumstances,
): string | undefined {
  if (measured.sent === 0) return 'no packet was sent';
  const lost = Math.max(0, lostByNetwork(measured) - machineDropped);
  switch (expected.kind) {
    case 'none lost':
      return lost > 0 ? `${lost} packets lost, where none should be` : undefined;
    case 'gap': {
      const bound = cutMs + expected.withinMs + MARGIN_MS + stalledMs;
      return lost > 0 && measured.gapMs > bound
        ? `a gap of ${measured.gapMs} ms, where ${bound} ms is the most`
        : undefined;
    }
    case 'cut':
      return undefined;
  }
}
