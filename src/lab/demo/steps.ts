// The demo as a table of steps: each does something to the three hosts, checks what follows from it, and answers with a
// figure. A step that does not hold throws StepFailure.

import { readResources } from '../calico/load.ts';
import { endProcesses } from '../process.ts';
import type { ProcessState } from '../state.ts';
import {
  type Claims,
  type Cluster,
  eventually,
  HOSTS,
  type Host,
  kernelDifference,
  pingAll,
  StepFailure,
  sessionMissing,
} from './cluster.ts';
import { duration, quote } from './report.ts';
import { type RouteWatch, watchRoutes } from './watch.ts';

export interface Stage extends Cluster {
  /** Folder with the resources to load. */
  readonly data: string;
  readonly claims: Claims;
  /** What one step leaves for a later one. */
  readonly notes: { sessionsLost: number; etcdCommand: readonly string[]; watches: readonly RouteWatch[] };
  /** Lines that belong to the step, shown under it. */
  readonly show: (text: string) => void;
}

export interface Step {
  readonly name: string;
  /** Whose logs to show when it fails. */
  readonly hosts: readonly string[];
  /** @returns what was seen or measured, in a few words. */
  readonly run: (stage: Stage) => Promise<string>;
}

const [HOST1, HOST2] = HOSTS as readonly [Host, Host, Host];
const ALL = HOSTS.map((host) => host.name);
const ETCD = 'etcd';

export const STEPS: readonly Step[] = [
  { name: 'etcd filled with Calico data', hosts: [], run: fill },
  { name: 'a daemon on every host, ready', hosts: ALL, run: startDaemons },
  { name: 'sessions: full mesh, both families', hosts: ALL, run: sessions },
  { name: 'routes in every kernel', hosts: ALL, run: routes },
  { name: 'ping between containers of different hosts', hosts: ALL, run: pings },
  { name: 'a new block, from etcd to the last kernel', hosts: ALL, run: newBlock },
  { name: 'a host dies, its routes leave', hosts: ['host1', 'host2'], run: hostDies },
  { name: 'the host comes back', hosts: ALL, run: hostReturns },
  { name: 'etcd stops, routing goes on', hosts: ALL, run: etcdStops },
  { name: 'etcd starts again, nothing was lost', hosts: ALL, run: etcdReturns },
];

async function fill(stage: Stage): Promise<string> {
  const elapsed = await eventually(stage, 20_000, async () =>
    (await stage.etcd.healthy()) ? undefined : `etcd does not answer: ${etcdLog(stage)}`,
  );
  const { entries, problems } = readResources([stage.data]);
  if (problems.length > 0) throw new StepFailure(problems.join('\n'));
  for (const { key, value } of entries) {
    const answer = await stage.etcd.put(key, value);
    if (!answer.ok) throw new StepFailure(`${key}: ${answer.error}`);
  }
  return `${entries.length} keys; etcd was up after ${duration(elapsed)}`;
}

async function startDaemons(stage: Stage): Promise<string> {
  for (const daemon of stage.daemons.values()) daemon.start();
  const elapsed = await eventually(stage, 30_000, () => notReady(stage, HOSTS));
  return `after ${duration(elapsed)}`;
}

async function sessions(stage: Stage): Promise<string> {
  const elapsed = await eventually(stage, 60_000, () => sessionMissing(stage, HOSTS));
  stage.show(quote(await stage.daemons.get('host1')!.command('peers')));
  return `12 of 12 Established, after another ${duration(elapsed)}`;
}

async function routes(stage: Stage): Promise<string> {
  const elapsed = await eventually(stage, 20_000, () => wrongKernel(stage, HOSTS));
  stage.show(quote(await stage.daemons.get('host1')!.command('routes')));
  const memory: number[] = [];
  for (const daemon of stage.daemons.values()) memory.push(await daemon.memoryMebibytes());
  return `6 blocks on each of 3 hosts, after another ${duration(elapsed)}; a daemon takes ${Math.round(Math.max(...memory))} MiB`;
}

function pings(stage: Stage): Promise<string> {
  return allReach(stage, HOSTS);
}

async function newBlock(stage: Stage): Promise<string> {
  const four = await claim(stage, HOST1, '10.65.0.192/26');
  const six = await claim(stage, HOST1, 'fd00:65::c0/122');
  return `IPv4 ${duration(four)}, IPv6 ${duration(six)}`;
}

/** The cable first, then the daemon: no FIN and no NOTIFICATION gets out. */
async function hostDies(stage: Stage): Promise<string> {
  await stage.lab.link('segment', 'seg-host3').down();
  await stage.daemons.get('host3')!.kill();
  const living = [HOST1, HOST2];
  const elapsed = await eventually(stage, 30_000, () => wrongKernel(stage, living, living));
  const reached = await allReach(stage, living);
  return `gone from both kernels after ${duration(elapsed)} (hold time 3 s); the others: ${reached}`;
}

async function hostReturns(stage: Stage): Promise<string> {
  await stage.lab.link('segment', 'seg-host3').up();
  stage.daemons.get('host3')!.start();
  const elapsed = await eventually(
    stage,
    90_000,
    async () => (await sessionMissing(stage, HOSTS)) ?? wrongKernel(stage, HOSTS),
  );
  return `all sessions and routes after ${duration(elapsed)}; ${await allReach(stage, HOSTS)}`;
}

async function etcdStops(stage: Stage): Promise<string> {
  stage.notes.sessionsLost = await sessionsLost(stage);
  stage.notes.watches = await watchAll(stage);
  const etcd = etcdProcesses(stage);
  stage.notes.etcdCommand = etcd[0]?.argv ?? [];
  await endProcesses(etcd, 5_000);
  const noticed = await eventually(stage, 60_000, async () => {
    for (const [name, daemon] of stage.daemons)
      if ((await daemon.status())?.datastore.state !== 'disconnected') return `${name} has not noticed`;
    return undefined;
  });
  // Longer than the hold time: whatever wrongly hung on etcd would show.
  await holds(stage, 4_000);
  return `noticed after ${duration(noticed)}; ${await allReach(stage, HOSTS)}`;
}

async function etcdReturns(stage: Stage): Promise<string> {
  const node = stage.lab.node(ETCD);
  node.spawn(stage.notes.etcdCommand, { name: 'cmd' });
  const elapsed = await eventually(stage, 60_000, async () => {
    for (const [name, daemon] of stage.daemons)
      if ((await daemon.status())?.datastore.state !== 'in-sync') return `${name} is not in sync again`;
    return undefined;
  });
  await holds(stage, 1_000);
  const more = (await sessionsLost(stage)) - stage.notes.sessionsLost;
  if (more !== 0) throw new StepFailure(`${more} sessions were lost meanwhile`);
  const deleted = stage.notes.watches.flatMap((watch) => watch.deleted);
  for (const watch of stage.notes.watches) watch.stop();
  if (deleted.length > 0) throw new StepFailure(`${deleted.length} routes left meanwhile: ${deleted[0]}`);
  const four = await claim(stage, HOST2, '10.65.1.0/26');
  return `in sync after ${duration(elapsed)}, no session or route lost; another block took ${duration(four)}`;
}

/** Writes an affinity as Calico's IPAM does, and waits for the route. @returns milliseconds to the last kernel. */
async function claim(stage: Stage, owner: Host, cidr: string): Promise<number> {
  const family = cidr.includes(':') ? 'ipv6' : 'ipv4';
  const watches = await watchAll(stage);
  try {
    const began = performance.now();
    const key = `/calico/ipam/v2/host/${owner.name}/${family}/block/${cidr.replace('/', '-')}`;
    const written = await stage.etcd.put(key, '{"state":"confirmed","deleted":false}');
    if (!written.ok) throw new StepFailure(`${key}: ${written.error}`);
    stage.claims.set(owner.name, [...(stage.claims.get(owner.name) ?? []), cidr]);
    await eventually(stage, 20_000, () => wrongKernel(stage, HOSTS));
    const seen = watches.map((watch) => watch.added(cidr));
    const missed = HOSTS.filter((_, index) => seen[index] === undefined).map((host) => host.name);
    if (missed.length > 0)
      throw new StepFailure(`${cidr} came to ${missed.join(', ')} before it was written`);
    return Math.max(...seen.map((at) => at! - began));
  } finally {
    for (const watch of watches) watch.stop();
  }
}

const watchAll = (stage: Stage): Promise<readonly RouteWatch[]> =>
  Promise.all(HOSTS.map((host) => watchRoutes(stage.lab.node(host.name))));

async function allReach(stage: Stage, hosts: readonly Host[]): Promise<string> {
  let results = await pingAll(stage, hosts);
  // The first packet on a new path may wait for neighbour discovery: one more chance, then it counts.
  if (results.some((ping) => ping.milliseconds === undefined)) results = await pingAll(stage, hosts);
  const failed = results.filter((ping) => ping.milliseconds === undefined);
  if (failed.length > 0)
    throw new StepFailure(
      `${failed.length} of ${results.length} pings have no answer, such as ${failed[0]!.from} → ${failed[0]!.to}`,
    );
  const times = results.map((ping) => ping.milliseconds!).sort((a, b) => a - b);
  return `${results.length} of ${results.length} pings, median ${times[times.length >> 1]!.toFixed(2)} ms`;
}

async function notReady(stage: Stage, hosts: readonly Host[]): Promise<string | undefined> {
  for (const host of hosts) {
    const daemon = stage.daemons.get(host.name)!;
    if (!daemon.running) throw new StepFailure(`the daemon on ${host.name} has ended`);
    const ready = await daemon.ready();
    if (!ready?.ready) return `${host.name}: ${ready ? ready.reasons.join('; ') : 'no answer'}`;
  }
  return undefined;
}

async function wrongKernel(
  stage: Stage,
  living: readonly Host[],
  where: readonly Host[] = living,
): Promise<string | undefined> {
  for (const host of where) {
    const difference = await kernelDifference(stage, host, living, stage.claims);
    if (difference !== undefined) return difference;
  }
  return undefined;
}

/** For a while every session and every route stays as it is. */
async function holds(stage: Stage, milliseconds: number): Promise<void> {
  const until = performance.now() + milliseconds;
  while (performance.now() < until) {
    const wrong = (await sessionMissing(stage, HOSTS)) ?? (await wrongKernel(stage, HOSTS));
    if (wrong !== undefined) throw new StepFailure(`it did not stay: ${wrong}`);
    if (stage.signal.aborted) throw new StepFailure('interrupted');
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function sessionsLost(stage: Stage): Promise<number> {
  let sum = 0;
  for (const daemon of stage.daemons.values())
    for (const peer of (await daemon.peers()) ?? []) sum += peer.counters.lost;
  return sum;
}

/** The file's `cmd` of the node. */
const etcdProcesses = (stage: Stage): readonly ProcessState[] =>
  stage.lab
    .node(ETCD)
    .processes()
    .filter((process) => process.name === 'cmd');

function etcdLog(stage: Stage): string {
  const [etcd] = etcdProcesses(stage);
  return etcd ? `it runs; its log is ${etcd.log}` : 'it has ended';
}
