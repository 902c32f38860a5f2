// The running daemon as the control API sees it: reads its parts when asked, and keeps nothing.

import { readdirSync } from 'node:fs';
import { familyOfPrefix, type Speaker } from 'bgp-utils';
import type { RunConfig } from './config/config.ts';
import type { Drain } from './control/drain.ts';
import { routeFacts } from './control/route-facts.ts';
import type { ControlSource, Journal, KernelFacts, KernelRouteFacts, StatusFacts } from './control/source.ts';
import type { Datastore } from './datastore/datastore.ts';
import type { DesiredState } from './desired/desired-state.ts';
import type { FibView } from './fib/fib.ts';
import type { FibSync } from './fib/sync.ts';
import type { EventCounts } from './observe/event-counts.ts';
import { metricsText } from './observe/metrics.ts';
import type { Clock } from './speaker/clock.ts';
import type { SpeakerLoop } from './speaker/loop.ts';
import type { Tcp } from './speaker/tcp.ts';

/** The parts that the facts are read from; what changes while the daemon runs is a function. */
export interface Parts {
  readonly config: RunConfig;
  readonly version: string;
  readonly startedAt: number;
  readonly clock: Clock;
  readonly speaker: Speaker;
  readonly loop: SpeakerLoop;
  readonly tcp: Tcp;
  /** Undefined with `--kernel none`. */
  readonly fib: FibSync | undefined;
  readonly datastore: Datastore;
  readonly desired: () => DesiredState | undefined;
  /** Own routes have been handed to every peer that was up. */
  readonly advertised: () => boolean;
  /** A change of peerings that waits, and why. */
  readonly heldBack: () => string | undefined;
  readonly drain: Drain;
  readonly events: EventCounts;
  readonly journal: Journal;
  /** How often the picture of the datastore was kept. */
  readonly pictureWrites: () => number;
}

export function controlSource(parts: Parts): ControlSource {
  const { speaker, clock, loop } = parts;
  return {
    journal: parts.journal,
    status: () => statusFacts(parts),
    peers: () => speaker.peerViews(),
    routes: (query, page) => routeFacts(speaker, query, page),
    kernel: () => (parts.fib?.view() ?? []).map(kernelRouteFacts),
    resolution: () => parts.desired()?.resolution,
    metrics: () => metrics(parts),
    now: clock.now,
    clear: (peer, how, text) => loop.feed({ type: 'Clear', peer, how, text }),
    drain: (wanted) => parts.drain.set(wanted),
  };
}

function metrics(parts: Parts): string {
  const { clock, startedAt, speaker, events } = parts;
  const types = new Map(
    parts.desired()?.resolution.peers.map((peer) => [`${peer.address} ${peer.port}`, peer.type]),
  );
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed, external } = process.memoryUsage();
  const { active, idle } = performance.eventLoopUtilization();
  return metricsText({
    status: statusFacts(parts),
    peers: speaker.peerStates(),
    views: (of) => speaker.peerViews(of),
    typeOf: ({ config }) => types.get(`${config.address} ${config.port}`),
    events,
    accepts: parts.tcp.acceptCounts,
    pictureWrites: parts.pictureWrites(),
    process: {
      startedAtSeconds: (Date.now() - (clock.now() - startedAt)) / 1000,
      cpuSeconds: (user + system) / 1e6,
      residentOctets: rss,
      heapUsedOctets: heapUsed,
      externalOctets: external,
      openFiles: openFiles(),
      activeResources: process.getActiveResourcesInfo(),
      loopTurns: loopTurns(),
      loopActiveSeconds: active / 1000,
      loopIdleSeconds: idle / 1000,
      longestTurnSeconds: parts.loop.longestTurnMs() / 1000,
    },
  });
}

/** Without the one that the counting itself needs. */
function openFiles(): number | undefined {
  try {
    return readdirSync('/proc/self/fd').length - 1;
  } catch {
    return undefined; // no /proc
  }
}

/** Node.js counts them since 20.18, and its types know no older one. */
function loopTurns(): number | undefined {
  const timing: { readonly uvMetricsInfo?: { readonly loopCount: number } } = performance.nodeTiming;
  return timing.uvMetricsInfo?.loopCount;
}

function statusFacts(parts: Parts): StatusFacts {
  const { config, speaker, tcp } = parts;
  const desired = parts.desired();
  const { state, revision, lastError, since, kept, lists, losses } = parts.datastore.status.current;
  return {
    node: config.node,
    version: parts.version,
    pid: process.pid,
    startedAt: parts.startedAt,
    asNumber: desired?.speaker?.asNumber,
    routerId: desired?.speaker?.bgpIdentifier,
    datastore: {
      type: config.datastore.type,
      endpoints: endpointsOf(config),
      state,
      since,
      revision,
      lastError,
      kept,
      lists,
      losses,
    },
    speaker: speaker.counts(),
    drain: parts.drain.facts(),
    originCheck: originMode(desired),
    failStatic: desired?.speaker?.failStatic === true,
    kernel: kernelFacts(parts),
    listening: tcp.listening().map(({ spec, error }) => ({
      address: spec.address ?? (spec.family === 'ipv4' ? '0.0.0.0' : '::'),
      port: spec.port,
      error,
    })),
    problems: desired?.resolution.problems.length ?? 0,
    heldBack: parts.heldBack(),
    ready: readiness(parts),
  };
}

function originMode(desired: DesiredState | undefined): StatusFacts['originCheck'] {
  const check = desired?.speaker?.originCheck;
  return check === undefined || check.silent === true ? 'off' : check.enforce ? 'enforce' : 'report';
}

function endpointsOf({ datastore }: RunConfig): readonly string[] {
  if (datastore.type === 'file') return [datastore.path];
  return datastore.discoverySrv === undefined ? datastore.endpoints : [`SRV ${datastore.discoverySrv}`];
}

/** A lost peer, or a lost datastore after the first picture, does not unready a node: its routes still forward. */
function readiness(parts: Parts): StatusFacts['ready'] {
  const desired = parts.desired();
  const reasons: string[] = [];
  const { lastError, kept } = parts.datastore.status.current;
  if (desired === undefined || kept !== undefined) {
    const meanwhile =
      kept === undefined
        ? ''
        : `, and the picture of ${new Date(kept.savedAt).toISOString()} serves meanwhile`;
    reasons.push(
      `the datastore has not been read yet${meanwhile}${lastError === undefined ? '' : `: ${lastError}`}`,
    );
  }
  if (desired === undefined) {
    // Nothing is known to judge the rest by.
  } else if (desired.speaker === undefined) {
    const own = desired.resolution.problems.find(({ resource }) => resource === `Node/${desired.node}`);
    reasons.push(
      `this node takes no part in BGP: ${own ? `${own.resource} ${own.field} ${own.message}` : 'see resolve'}`,
    );
  } else if (!parts.advertised()) reasons.push('own routes are not advertised yet');
  if (parts.fib !== undefined && !keepsUp(parts.fib)) {
    const { pending, failed } = parts.fib.sizes;
    reasons.push(`the kernel is not in step: ${pending} changes pending, ${failed} failed`);
  }
  return { ok: reasons.length === 0, reasons };
}

/** Containers come and go all the time: a change that is on its way to the kernel unreadies no node. */
const LAG_MS = 5000;

const keepsUp = (fib: FibSync): boolean => fib.sizes.failed === 0 && fib.lagMs < LAG_MS;

function kernelFacts({ fib }: Parts): KernelFacts {
  if (fib === undefined) {
    const none = { installed: 0, pending: 0, failed: 0, fights: 0, repairs: 0, lastError: undefined };
    return { mode: 'none', inStep: true, ...none };
  }
  const { present, pending, failed } = fib.sizes;
  const lastError = failed === 0 ? undefined : fib.refusal;
  const { fights, counters } = fib;
  return {
    mode: 'netlink',
    inStep: fib.inStep(),
    ...{ installed: present, pending, failed, fights, repairs: counters.corrected, lastError },
  };
}

function kernelRouteFacts({ prefix, wanted, present, state, reason }: FibView): KernelRouteFacts {
  const [shown] = present;
  return {
    prefix,
    family: familyOfPrefix(prefix),
    state: state === 'removing' ? 'pending' : state,
    type: wanted?.type ?? (shown?.type === 'blackhole' ? 'blackhole' : 'unicast'),
    nextHops:
      shown?.nextHops ??
      (wanted?.type === 'unicast'
        ? wanted.nextHops.map((gateway) => ({ gateway, interface: undefined }))
        : []),
    metric: wanted?.metric ?? shown?.metric,
    error: reason,
  };
}
