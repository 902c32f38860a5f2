// The state machine as a peer sees it: what may come in which state, and what follows a lost session (RFC 4271 §8; RFC 4486, 6608).

import { KEEPALIVE, keepalive, notification, OPEN, routeRefresh, UPDATE } from './octets.ts';
import { route } from './routes.ts';
import { active, conformance, external, type ProbedPeer } from './suite.ts';

conformance('states', {}, (check) => {
  const unexpected: readonly (readonly [string, (peer: ProbedPeer) => Buffer])[] = [
    ['KEEPALIVE', () => keepalive],
    ['UPDATE', (peer) => route(peer, '10.0.0.0/24')],
    ['ROUTE-REFRESH', () => routeRefresh()],
  ];
  for (const [name, octets] of unexpected) {
    check(`RFC 6608 §4: ${name} in OpenSent ends the session with 5/1`, { a: external }, async ({ a }) => {
      const c = await a.connect();
      await c.of(OPEN);
      c.send(octets(a));
      await c.expectEnd(5, 1);
    });
  }

  check(
    'RFC 4271 §8.2.2: the same OPEN once more in OpenConfirm is passed over',
    { a: external },
    async ({ a }) => {
      const { connection } = await a.opened();
      connection.send(a.hello(), keepalive);
      await connection.of(UPDATE);
    },
  );

  const inOpenConfirm = [
    ['another OPEN', (peer: ProbedPeer) => peer.hello({ hold: 30 })] as const,
    ...unexpected.slice(1),
  ];
  for (const [name, octets] of inOpenConfirm) {
    check(`RFC 6608 §4: ${name} in OpenConfirm ends the session with 5/2`, { a: external }, async ({ a }) => {
      const { connection } = await a.opened();
      connection.send(octets(a));
      await connection.expectEnd(5, 2);
    });
  }

  check('RFC 6608 §4: OPEN in Established ends the session with 5/3', { a: external }, async ({ a }) => {
    const c = await a.established();
    c.send(a.hello());
    await c.expectEnd(5, 3);
  });

  for (const [state, go] of [
    ['OpenSent', async (peer: ProbedPeer) => peer.connect()],
    ['OpenConfirm', async (peer: ProbedPeer) => (await peer.opened()).connection],
    ['Established', async (peer: ProbedPeer) => peer.established()],
  ] as const) {
    check(
      `RFC 4271 §8.2.2: a NOTIFICATION in ${state} ends the session, unanswered`,
      { a: external },
      async ({ a }) => {
        const c = await go(a);
        c.send(notification(6, 2));
        await c.expectSilentEnd();
      },
    );

    check(
      `RFC 4271 §8.2.2: after a lost connection in ${state} the daemon connects again`,
      { a: active },
      async ({ a }) => {
        const c = await a.accept();
        await c.of(OPEN);
        if (state !== 'OpenSent') c.send(a.hello());
        if (state === 'Established') c.send(keepalive);
        if (state !== 'OpenSent') await c.of(KEEPALIVE);
        c.close();
        await a.established({}, await a.accept());
      },
    );
  }

  check('RFC 4271 §8.2.2: the daemon connects again after a NOTIFICATION', { a: active }, async ({ a }) => {
    const c = await a.established({}, await a.accept());
    c.send(notification(6, 4));
    await c.expectSilentEnd();
    await a.established({}, await a.accept());
  });

  check(
    'RFC 4271 §8.2.2: routes go with the session that they came over',
    { a: external, b: external },
    async ({ a, b }, { net }) => {
      const other = await b.established();
      const c = await a.established();
      c.send(route(a, net()));
      await other.told(net());
      c.send(notification(6, 4));
      await other.takenBack(net());
    },
  );

  check(
    'RFC 4271 §8.2.2: a new session starts with an empty table of the peer',
    { a: external, b: external },
    async ({ a, b }, { net }) => {
      const other = await b.established();
      const first = await a.established();
      first.send(route(a, net(0)));
      await other.told(net(0));
      first.reset();
      await other.takenBack(net(0));
      const second = await a.established();
      second.send(route(a, net(1)));
      await other.told(net(1));
      expect(other.table.has(net(0))).toBe(false);
    },
  );

  check(
    'RFC 4486 §4: an address that no peer has is refused with 6/5',
    { a: { unknown: true } },
    async ({ a }) => {
      const c = await a.connect();
      await c.expectEnd(6, 5);
      expect(c.all(OPEN)).toEqual([]);
    },
  );
});
