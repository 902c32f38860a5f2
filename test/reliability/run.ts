// One fault on a running fleet: what packets noticed, and whether that is what the design says.

import type { Expectation, Fault, Path } from './faults/fault.ts';
import { PATHS } from './faults/fault.ts';
import { FAMILIES, type Family, type Fleet, type Flow, nameOfFlow } from './fleet.ts';
import type { Host } from './host.ts';
import type { Window } from './prober.ts';

/** Of all flows of a family on a path: the sum of the lost packets, the longest gap of any. */
export interface Cell {
  readonly family: Family;
  readonly path: Path;
  readonly flows: number;
  readonly sent: number;
  readonly lost: number;
  readonly gapMs: number;
}

export interface Outcome {
  readonly fault: Fault;
  readonly cells: readonly Cell[];
  readonly seconds: number;
  /** For how long the fault itself cut paths. */
  readonly cutMs: number;
  readonly stalledMs: number;
  readonly machineDropped: number;
  /** What is not as the design says, a sentence each. */
  readonly failures: readonly string[];
}

/** A machine that runs a fleet on two cores gives nobody the processor at once. */
const MARGIN_MS = 150;

export async function run(fleet: Fleet, fault: Fault): Promise<Outcome> {
  const hosts = fault.at(fleet);
  await fleet.flowing();
  const began = performance.now();
  const { result, window } = await fleet
    .during(() => fault.act(fleet, hosts))
    .catch(async (error: Error) => {
      await fleet.heal();
      throw new Error(`${fault.id}: ${error.message}`);
    });
  const cutMs = Math.round(result ?? 0);
  const seconds = (performance.now() - began) / 1_000;
  const { stalledMs, machineDropped } = window;
  const cells = cellsOf(fleet.flows, hosts, window);
  const outcome = { fault, cells, seconds, cutMs, stalledMs, machineDropped };
  return { ...outcome, failures: failuresOf(fleet.flows, hosts, window, fault, cutMs) };
}

const pathOf = ({ from, to }: Flow, hosts: readonly Host[]): Path =>
  hosts.includes(from) ? 'from' : hosts.includes(to) ? 'to' : 'past';

function cellsOf(flows: readonly Flow[], hosts: readonly Host[], window: Window): readonly Cell[] {
  return FAMILIES.flatMap((family) =>
    PATHS.flatMap((path) => {
      const found = window.flows.filter(
        (_, index) => flows[index]!.family === family && pathOf(flows[index]!, hosts) === path,
      );
      if (found.length === 0) return [];
      return {
        family,
        path,
        flows: found.length,
        sent: found.reduce((sum, { sent }) => sum + sent, 0),
        lost: found.reduce((sum, flow) => sum + lostByNetwork(flow), 0),
        gapMs: Math.max(...found.map(({ gapMs }) => gapMs)),
      };
    }),
  );
}

/** What reached the prober's socket and found no room there is no fault of the network. */
const lostByNetwork = ({ lost, droppedHere }: Window['flows'][number]): number =>
  Math.max(0, lost - droppedHere);

function failuresOf(
  flows: readonly Flow[],
  hosts: readonly Host[],
  window: Window,
  fault: Fault,
  cutMs: number,
): readonly string[] {
  return window.flows.flatMap((measured, index) => {
    const flow = flows[index]!;
    const expected = fault.expect[pathOf(flow, hosts)];
    const lost = lostByNetwork(measured) - window.machineDropped;
    const wrong = wrongWith(expected, Math.max(0, lost), measured.gapMs, cutMs, window.stalledMs);
    if (wrong === undefined) return [];
    const when = measured.outages.map(({ atMs, lost, gapMs }) => `${lost} at ${atMs} ms, for ${gapMs} ms`);
    return `${fault.id}: ${nameOfFlow(flow)}: ${wrong} (${when.join('; ')})`;
  });
}

function wrongWith(
  expected: Expectation,
  lost: number,
  gapMs: number,
  cutMs: number,
  stalledMs: number,
): string | undefined {
  switch (expected.kind) {
    case 'none lost':
      return lost > 0 ? `${lost} packets lost, where none should be` : undefined;
    case 'gap': {
      const bound = cutMs + expected.withinMs + MARGIN_MS + stalledMs;
      return lost > 0 && gapMs > bound ? `a gap of ${gapMs} ms, where ${bound} ms is the most` : undefined;
    }
    case 'cut':
      return undefined;
  }
}
