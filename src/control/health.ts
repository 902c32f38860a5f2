// The judgement behind the exit code of `status`, with a sentence a reason. Pure.

import type { PeerView } from 'bgp-utils';
import { hostPort } from './host-port.ts';
import type { Health } from './schema.ts';
import type { StatusFacts } from './source.ts';

export const unread = ({ datastore }: StatusFacts): boolean =>
  datastore.revision === undefined || datastore.revision === '0';

/** The judgement behind the exit code of `status`. */
export function health(
  facts: StatusFacts,
  peers: readonly PeerView[],
  httpError: string | null,
): { readonly health: Health; readonly reasons: readonly string[] } {
  const down: string[] = [];
  const degraded: string[] = [];
  const lost = peers.filter((peer) => peer.state !== 'Established');
  const why = facts.datastore.lastError === undefined ? '' : `: ${facts.datastore.lastError}`;
  if (unread(facts)) down.push(`the datastore has not been read yet${why}`);
  else {
    // A kept picture in force is a reason not to be ready, and stands among those.
    if (facts.datastore.kept === undefined && facts.datastore.state !== 'in-sync') {
      degraded.push(
        `the datastore is not reachable, and what was read last (revision ${facts.datastore.revision}) stays in force${why}`,
      );
    }
    if (facts.asNumber === undefined) {
      down.push(`node ${facts.node} has no BGP in the datastore: "mesos-bgp resolve" says why`);
    }
  }
  if (facts.heldBack !== undefined) degraded.push(facts.heldBack);
  if (facts.drain.state === 'drained' || facts.drain.state === 'draining') {
    degraded.push(`this node is ${facts.drain.state}: "mesos-bgp undrain" takes it back`);
  }
  if (lost.length > 0) {
    const named = lost.slice(0, 3).map((peer) => `${peer.config.peer} (${peer.state})`);
    const more = lost.length > named.length ? ` and ${lost.length - named.length} more` : '';
    const sentence = `${lost.length} of ${peers.length} peers ${lost.length === 1 ? 'is' : 'are'} not Established: ${named.join(', ')}${more}`;
    (lost.length === peers.length ? down : degraded).push(sentence);
  }
  for (const { address, port, error } of facts.listening) {
    if (error !== undefined) degraded.push(`not listening on ${hostPort(address, port)}: ${error}`);
  }
  if (facts.kernel.failed > 0) {
    const last = facts.kernel.lastError === undefined ? '' : `: ${facts.kernel.lastError}`;
    degraded.push(
      `the kernel refused ${facts.kernel.failed} route${facts.kernel.failed === 1 ? '' : 's'}${last}`,
    );
  }
  const held = facts.speaker.held.ipv4 + facts.speaker.held.ipv6;
  if (held > 0) {
    const what = held === 1 ? 'route stays' : 'routes stay';
    degraded.push(
      `${held} ${what} in use although nobody is left who could tell them, as the datastore confirms them (fail static): see to the peers`,
    );
  }
  const { fights } = facts.kernel;
  if (fights > 0) {
    const what = fights === 1 ? 'a route' : `${fights} routes`;
    degraded.push(
      `another program takes ${what} of ours out of the kernel again and again: the log says which (event fight)`,
    );
  }
  const { invalid } = facts.speaker.origins;
  if (invalid > 0) {
    const what = invalid === 1 ? 'route comes' : 'routes come';
    const use = facts.originCheck === 'enforce' ? 'not used' : 'used all the same';
    degraded.push(
      `${invalid} ${what} from another node than the one that holds the block (${use}): "mesos-bgp routes -o wide" has the reasons`,
    );
  }
  if (facts.problems > 0) {
    degraded.push(
      `${facts.problems} problem${facts.problems === 1 ? '' : 's'} in the datastore: "mesos-bgp resolve" lists them`,
    );
  }
  if (httpError !== null) degraded.push(httpError);
  const said = new Set([...down, ...degraded]);
  const unready = facts.ready.ok ? [] : facts.ready.reasons.filter((reason) => !said.has(reason));
  return {
    health: down.length > 0 ? 'down' : degraded.length + unready.length > 0 ? 'degraded' : 'ok',
    reasons: [...down, ...degraded, ...unready],
  };
}
