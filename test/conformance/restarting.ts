// A peer that has told two prefixes and goes, as checks of both kinds of graceful restart need it.

import type { Connection } from './connection.ts';
import { endOfRib } from './octets.ts';
import { route, settled } from './routes.ts';
import type { Hello, ProbedPeer } from './suite.ts';

/** The peer has told two prefixes, and the other has heard them. */
export async function told(
  peer: ProbedPeer,
  hello: Hello,
  to: Connection,
  net: (index: number) => string,
): Promise<Connection> {
  const connection = await peer.established(hello);
  connection.send(route(peer, net(0)), route(peer, net(1)), endOfRib);
  for (const i of [0, 1]) await to.told(net(i));
  return connection;
}

/** The other hears routes of a third, and so has had the time to hear withdrawals. */
export async function stay(by: ProbedPeer, to: Connection, net: (index: number) => string): Promise<void> {
  const connection = by.connections[0] ?? (await by.established());
  await settled({ peer: by, connection }, to, net);
  for (const i of [0, 1]) expect(to.table.has(net(i))).toBe(true);
}
