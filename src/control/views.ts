// The daemon's facts → the answers of schema.ts. Pure: both clocks are arguments. Peers and routes have files of their own.

import type { PeerView } from 'bgp-utils';
import { type Clocks, iso, secondsSince } from './clocks.ts';
import { health, unread } from './health.ts';
import { kernelSummary } from './route-views.ts';
import type { DrainAnswer, ReadyAnswer, StatusAnswer } from './schema.ts';
import type { DrainFacts, StatusFacts } from './source.ts';

export { peersView } from './peer-views.ts';
export { formatAsPath, kernelView, routesView } from './route-views.ts';

/** @param server  where the answer is served, and why HTTP is not when it should be. */
export function statusView(
  facts: StatusFacts,
  peers: readonly PeerView[],
  server: StatusAnswer['control'],
  clocks: Clocks,
): StatusAnswer {
  const established = peers.filter((peer) => peer.state === 'Established').length;
  const { datastore } = facts;
  const kernel = kernelSummary(facts.kernel);
  return {
    node: facts.node,
    version: facts.version,
    pid: facts.pid,
    startedAt: iso(facts.startedAt, clocks),
    uptimeSeconds: secondsSince(facts.startedAt, clocks),
    ...health(facts, peers, server.httpError),
    ready: readyView(facts),
    asNumber: facts.asNumber ?? null,
    routerId: facts.routerId ?? null,
    listening: facts.listening.map(({ address, port, error }) => ({ address, port, error: error ?? null })),
    datastore: {
      type: datastore.type,
      endpoints: datastore.endpoints,
      state: datastore.state,
      since: new Date(Math.round(datastore.since)).toISOString(),
      stateSeconds: Math.max(0, Math.round(clocks.now + clocks.epochOffset - datastore.since) / 1000),
      revision: unread(facts) ? null : (datastore.revision ?? null),
      lastError: datastore.lastError ?? null,
      kept: datastore.kept
        ? { ...datastore.kept, savedAt: new Date(datastore.kept.savedAt).toISOString() }
        : null,
    },
    peers: { configured: peers.length, established },
    routes: facts.speaker.routes,
    kernel,
    drain: drainView(facts.drain, clocks),
    failStatic: { enabled: facts.failStatic, routes: facts.speaker.held },
    originCheck: { mode: facts.originCheck, ...facts.speaker.origins },
    problems: facts.problems,
    control: server,
  };
}

export const drainView = ({ state, since, waitingFor }: DrainFacts, clocks: Clocks): DrainAnswer => ({
  state,
  since: since === undefined ? null : iso(since, clocks),
  waitingFor,
});

export const readyView = (facts: StatusFacts): ReadyAnswer => ({
  ready: facts.ready.ok,
  reasons: facts.ready.reasons,
});
