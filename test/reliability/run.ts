// One fault on a running fleet: what packets noticed, and whether that is what the design says.

import type { Fault, Path } from './faults/fault.ts';
import { type Fleet, type Flow, nameOfFlow } from './fleet.ts';
import type { Host } from './host.ts';
import { type Cell, type Circumstances, cellsOf, failuresOf } from './judge.ts';

export interface Outcome extends Circumstances {
  readonly fault: Fault;
  readonly cells: readonly Cell[];
  readonly seconds: number;
  /** What is not as the design says, a sentence each. */
  readonly failures: readonly string[];
}

/** @throws when the fault does not come to its end, or the fleet is not whole after it; it is healed then, as far as may be. */
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
  const seconds = (performance.now() - began) / 1_000;
  const { stalledMs, machineDropped } = window;
  const circumstances = { cutMs: Math.round(result ?? 0), stalledMs, machineDropped };
  const flows = fleet.flows.map((flow, index) => ({
    name: nameOfFlow(flow),
    family: flow.family,
    path: pathOf(flow, hosts),
    measured: window.flows[index]!,
  }));
  const failures = failuresOf(flows, fault.expect, circumstances).map((failure) => `${fault.id}: ${failure}`);
  return { fault, cells: cellsOf(flows), seconds, ...circumstances, failures };
}

const pathOf = ({ from, to }: Flow, hosts: readonly Host[]): Path =>
  hosts.includes(from) ? 'from' : hosts.includes(to) ? 'to' : 'past';
