// Two connections of one peer, opened from both sides or from one (RFC 4271 §6.8, RFC 6286).

import type { Connection } from './connection.ts';
import { KEEPALIVE, keepalive, OPEN, routeRefresh } from './octets.ts';
import { route } from './routes.ts';
import { active, conformance, external, OUR_ADDRESS, type PeerSpec, type ProbedPeer } from './suite.ts';

/** Both sides open at once: the daemon's connection and ours, both with OPENs of the daemon. */
async function collide(peer: ProbedPeer): Promise<{ theirs: Connection; ours: Connection }> {
  const theirs = await peer.accept();
  const ours = await peer.connect();
  await Promise.all([theirs.of(OPEN), ours.of(OPEN)]);
  return { theirs, ours };
}

conformance('collisions', {}, (check) => {
  const cases: readonly (readonly [string, PeerSpec, string | undefined, 'theirs' | 'ours'])[] = [
    [
      'RFC 4271 §6.8: the connection of the higher identifier stays: the daemon has it',
      active,
      undefined,
      'theirs',
    ],
    [
      'RFC 4271 §6.8: the connection of the higher identifier stays: the peer has it',
      active,
      '200.0.0.1',
      'ours',
    ],
    ['RFC 4271 §6.8: identifiers are unsigned', active, '127.0.0.2', 'ours'],
    [
      'RFC 6286 §2.3: with equal identifiers the higher AS number: the peer has it',
      active,
      OUR_ADDRESS,
      'ours',
    ],
    [
      'RFC 6286 §2.3: with equal identifiers the higher AS number: the daemon has it',
      { active: true, asNumber: 64001 },
      OUR_ADDRESS,
      'theirs',
    ],
    ['RFC 4271 §6.8: so on internal sessions', { active: true, internal: true }, '200.0.0.2', 'ours'],
  ];
  for (const [rule, spec, id, stays] of cases) {
    for (const first of ['theirs', 'ours'] as const) {
      check(
        `${rule}; OPEN comes first on ${first === 'theirs' ? "the daemon's" : "the peer's"} connection`,
        { a: spec },
        async ({ a }) => {
          const both = await collide(a);
          const hello = a.hello(id === undefined ? {} : { id });
          const loser = both[stays === 'theirs' ? 'ours' : 'theirs'];
          both[first].send(hello);
          // The first OPEN tells who the peer is; the other connection may be ended before it hears one.
          if (loser !== both[first]) both[first].send(keepalive);
          else both[stays].send(hello, keepalive);
          await loser.expectEnd(6, 7);
          await both[stays].of(KEEPALIVE);
          await both[stays].until('the first table', () => both[stays].updates.length > 0);
        },
      );
    }
  }

  check(
    'RFC 4271 §6.8: a new connection has to give way to an established session',
    { a: external },
    async ({ a }) => {
      const first = await a.established({ id: '200.0.0.1' });
      const second = await a.connect();
      second.send(a.hello({ id: '200.0.0.1' }));
      await second.expectEnd(6, 7);
      expect(first.isOpen).toBe(true);
      first.send(routeRefresh());
      await first.until('an answer', () => first.updates.length > 1);
    },
  );

  check(
    'RFC 4271 §6.8: a connection that says nothing does not hurt the session',
    { a: external },
    async ({ a }, { net, daemon }) => {
      const first = await a.established();
      await a.connect();
      first.send(route(a, net()));
      await daemon.knows(net());
      expect(first.isOpen).toBe(true);
    },
  );
});
