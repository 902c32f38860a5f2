// Is everything as it should be? What every kernel has and every speaker says against the expectation, once nothing changes any more.

import { until } from '../../src/lab/process.ts';
import type { SoakCluster } from './cluster.ts';
import { expectation } from './expectation.ts';
import { readAll, readTables, type Tables } from './tables.ts';
import type { Host } from './topology.ts';

/** What is not as it should be; empty when all is. */
export async function drift(cluster: SoakCluster): Promise<readonly string[]> {
  const entries = await readAll(cluster);
  if (entries.size === 0) return ['etcd does not answer'];
  const tables = new Map<string, Tables>();
  const waiting = [...cluster.hosts];
  const worker = async (): Promise<void> => {
    for (let host = waiting.shift(); host !== undefined; host = waiting.shift())
      tables.set(host.name, await readTables(cluster, host));
  };
  await Promise.all([worker(), worker(), worker()]);
  const workloads = new Map([...tables].map(([name, table]) => [name, table.workloads]));
  const wanted = expectation({ entries, workloads });
  const found: string[] = [];
  for (const host of cluster.hosts) {
    found.push(...differences(host.name, wanted.kernel.get(host.name)!, tables.get(host.name)!.ours));
    found.push(...(await wrongSessions(cluster, host, wanted.peers.get(host.name)!)));
  }
  return found;
}

/** Prefix → how, wanted and there. */
export function differences(
  host: string,
  wanted: ReadonlyMap<string, string>,
  there: ReadonlyMap<string, string>,
): readonly string[] {
  const missing = [...wanted].flatMap(([prefix, how]) =>
    there.get(prefix) === how ? [] : `${host} has ${prefix} ${there.get(prefix) ?? 'not at all'}, not ${how}`,
  );
  const tooMany = [...there].flatMap(([prefix, how]) =>
    wanted.has(prefix) ? [] : `${host} still has ${prefix} ${how}`,
  );
  return [...missing, ...tooMany];
}

async function wrongSessions(
  cluster: SoakCluster,
  host: Host,
  wanted: readonly string[],
): Promise<readonly string[]> {
  const peers = await cluster.daemon(host).peers();
  if (peers === undefined) return [`${host.name} does not answer`];
  const wrong = peers
    .filter(({ state }) => state !== 'Established')
    .map(
      ({ address, state, lastError }) =>
        `${host.name} → ${address} is ${state}${lastError ? ` (${lastError})` : ''}`,
    );
  const addresses = peers.map(({ address }) => address).sort();
  if (addresses.join(' ') !== wanted.join(' '))
    wrong.push(`${host.name} has peers ${addresses.join(' ')}, not ${wanted.join(' ')}`);
  const ready = await cluster.daemon(host).ready();
  if (ready?.ready !== true)
    wrong.push(`${host.name} is not ready: ${ready?.reasons.join('; ') ?? 'no answer'}`);
  return wrong;
}

/** Equal once may be chance, while routes still come and go. */
const IN_A_ROW = 2;

/** Polls until nothing differs. @returns how long it took, and what differed at the deadline. */
export async function untilNoDrift(
  cluster: SoakCluster,
  deadlineMs: number,
  signal: AbortSignal,
): Promise<{ readonly seconds: number; readonly differences: readonly string[] }> {
  const began = performance.now();
  let differences: readonly string[] = [];
  let equal = 0;
  let first = 0;
  await until(
    async () => {
      differences = await drift(cluster);
      if (differences.length > 0) equal = 0;
      else if (++equal === 1) first = performance.now();
      return equal >= IN_A_ROW || signal.aborted;
    },
    deadlineMs,
    500,
  );
  return { seconds: ((equal > 0 ? first : performance.now()) - began) / 1000, differences };
}
