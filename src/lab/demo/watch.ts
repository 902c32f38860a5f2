// When a kernel got a route: `ip monitor`, with the time at which its line came.

import type { LabNode } from '../lab.ts';
import { until } from '../process.ts';

export interface RouteWatch {
  /** performance.now() when the prefix was first added since the watch began, undefined if it was not. */
  added(prefix: string): number | undefined;
  /** Lines of BGP's routes that left the main table since. */
  readonly deleted: readonly string[];
  stop(): void;
}

/** A route in a table that nobody looks at: its coming shows that the monitor listens. */
const MARKER = ['route', 'replace', 'blackhole', '192.0.2.255/32', 'table', '4242'];

/** @returns once it is sure that no later change is missed. @throws when `ip monitor` does not work: it is a part of ip(8). */
export async function watchRoutes(node: LabNode): Promise<RouteWatch> {
  const times = new Map<string, number>();
  const deleted: string[] = [];
  let listening = false;
  const stop = node.follow(['ip', '-o', 'monitor', 'route'], (line) => {
    if (line.includes('192.0.2.255')) listening = true;
    if (line.startsWith('Deleted ') && line.includes(' proto bgp')) deleted.push(line);
    const prefix = /^(?:blackhole )?([0-9a-f.:]+\/\d+) /.exec(line)?.[1]; // deletions begin with "Deleted"
    if (prefix !== undefined && !times.has(prefix)) times.set(prefix, performance.now());
  });
  const works = await until(
    async () => {
      await node.exec(['ip', 'route', 'flush', 'table', '4242']);
      await node.exec(['ip', ...MARKER]);
      return listening;
    },
    5_000,
    20,
  );
  await node.exec(['ip', 'route', 'flush', 'table', '4242']);
  if (!works) {
    stop();
    throw new Error(`ip monitor on ${node.name} shows nothing`);
  }
  return { added: (prefix) => times.get(prefix), deleted, stop };
}
