// The state machine as a peer sees it: what may come in which state, timers, collisions, and how sessions end (RFC 4271 §6.5 to
// §6.8, §8; RFC 4486, 6286, 6608, 9003).

import type { Connection } from './connection.ts';
import {
  can,
  its,
  KEEPALIVE,
  keepalive,
  NOTIFICATION,
  nlri,
  notification,
  OPEN,
  routeRefresh,
  update,
} from './octets.ts';
import { readOpen } from './reading.ts';
import {
  active,
  conformance,
  external,
  internal,
  OUR_ADDRESS,
  type PeerSpec,
  type ProbedPeer,
} from './suite.ts';

const route = (peer: ProbedPeer, prefix: string): Buffer =>
  update({
    attributes: [its.origin(), its.asPath(peer.asNumber), its.nextHop(peer.address)],
    nlri: [nlri(prefix)],
  });

const holds = (time: string): PeerSpec => ({ annotations: { 'mesos-bgp/hold-time': time } });

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

  const inOpenConfirm = [['OPEN', (peer: ProbedPeer) => peer.hello()] as const, ...unexpected.slice(1)];
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

conformance('timers', {}, (check) => {
  check.slow(
    'RFC 4271 §6.5: silence in Established: 4/0 after the hold time',
    { a: holds('3s') },
    async ({ a }) => {
      const c = await a.established();
      const began = Date.now();
      await c.expectEnd(4, 0, '');
      expect(Date.now() - began).toBeGreaterThan(2_500);
    },
  );

  check.slow(
    'RFC 4271 §6.5: silence in OpenConfirm: 4/0 after the hold time',
    { a: holds('3s') },
    async ({ a }) => {
      const { connection } = await a.opened();
      await connection.expectEnd(4, 0, '');
    },
  );

  check.slow('RFC 4271 §4.2: the smaller hold time counts: theirs', { a: external }, async ({ a }) => {
    const c = await a.established({ hold: 3 });
    await c.expectEnd(4, 0, '');
  });

  check.slow(
    'RFC 4271 §4.4: KEEPALIVEs come at a third of the smaller hold time',
    { a: external },
    async ({ a }) => {
      const c = await a.established({ hold: 6 });
      c.keepAlive(keepalive, 1_000);
      await c.of(KEEPALIVE, 4);
      const times = c.messages.flatMap(({ type }, i) => (type === KEEPALIVE ? [c.times[i]!] : []));
      // The first answers the OPEN; from then on with jitter of at most a quarter (§10).
      for (let i = 2; i < times.length; i++) expect(times[i]! - times[i - 1]!).toBeGreaterThan(1_200);
      expect(times.at(-1)! - times[0]!).toBeLessThan(12_000);
    },
  );

  check.slow('RFC 4271 §8.2.2: KEEPALIVEs keep the session', { a: holds('3s') }, async ({ a }) => {
    const c = await a.established();
    c.keepAlive(keepalive, 500);
    await c.of(KEEPALIVE, 5);
    expect(c.isOpen).toBe(true);
  });

  check.slow('RFC 4271 §8.2.2: so do UPDATEs', { a: holds('3s') }, async ({ a }, { net }) => {
    const c = await a.established();
    c.keepAlive(route(a, net()), 500);
    await c.of(KEEPALIVE, 5);
    expect(c.isOpen).toBe(true);
  });

  check.slow('RFC 4271 §6.5: half a message does not keep it', { a: holds('3s') }, async ({ a }) => {
    const c = await a.established();
    const half = keepalive.subarray(0, 18);
    c.send(half);
    await c.expectEnd(4, 0, '');
  });

  check.slow(
    'RFC 4271 §4.4: no KEEPALIVEs with hold time 0, and no end',
    { a: external, clock: holds('3s') },
    async ({ a, clock }) => {
      const c = await a.established({ hold: 0 });
      await (await clock.established()).expectEnd(4, 0);
      expect(c.all(KEEPALIVE)).toHaveLength(1);
      expect(c.isOpen).toBe(true);
    },
  );

  check.slow(
    'RFC 4271 §4.2: hold time 0 on our side as well',
    { a: holds('0s'), clock: holds('3s') },
    async ({ a, clock }) => {
      const c = await a.established({ hold: 9 });
      await (await clock.established()).expectEnd(4, 0);
      expect(c.all(KEEPALIVE)).toHaveLength(1);
      expect(c.isOpen).toBe(true);
    },
  );

  check.slow('RFC 4271 §8.2.2: a refused connection is tried again', { a: active }, async ({ a }) => {
    (await a.accept()).reset();
    (await a.accept()).reset();
    await a.established({}, await a.accept());
  });
});

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

conformance('ends that the operator causes', {}, (check) => {
  const withoutRestart: PeerSpec = { spec: { maxRestartTime: '0s' } };

  check(
    'RFC 9003 §2: clear with a reason is 6/4 with the text',
    { a: withoutRestart },
    async ({ a }, { daemon }) => {
      const c = await a.established();
      const { code, output } = await daemon.command('clear', a.name(), '--reason', 'Wartung: größer');
      expect({ code, output }).toMatchObject({ code: 0 });
      const text = Buffer.from('Wartung: größer');
      await c.expectEnd(6, 4, Buffer.concat([Buffer.from([text.length]), text]).toString('hex'));
    },
  );

  check(
    'RFC 9003 §2: clear without a reason has a text of length 0, or none',
    { a: withoutRestart },
    async ({ a }, { daemon }) => {
      const c = await a.established();
      await daemon.command('clear', a.name());
      const data = await c.expectEnd(6, 4);
      expect(['', '00']).toContain(data.toString('hex'));
    },
  );

  check(
    'RFC 8538 §3: clear is a Hard Reset (6/9) where both have the N bit, with 6/4 inside',
    { a: external },
    async ({ a }, { daemon }) => {
      const c = await a.established({ also: [can.gracefulRestart(0x4078, false)] });
      await daemon.command('clear', a.name(), '--reason', 'x');
      await c.expectEnd(6, 9, '06040178');
    },
  );

  check(
    'RFC 4486 §4: a peer that is taken out of the configuration hears 6/3',
    { a: external },
    async ({ a }, { daemon }) => {
      const c = await a.established();
      daemon.change((resources) => resources.filter(({ spec }) => !isPeer(spec, a)));
      await c.expectEnd(6, 3);
    },
  );

  check(
    'RFC 4486 §4: a change that a session cannot follow is 6/6',
    { a: external },
    async ({ a }, { daemon }) => {
      const c = await a.established();
      daemon.change((resources) =>
        resources.map((each) =>
          isPeer(each.spec, a)
            ? { ...each, metadata: { ...each.metadata, annotations: { 'mesos-bgp/role': 'provider' } } }
            : each,
        ),
      );
      await c.expectEnd(6, 6);
    },
  );

  check(
    'RFC 4486 §4: too many prefixes are 6/1, with family and limit as data',
    { a: { annotations: { 'mesos-bgp/max-prefixes': '2' } } },
    async ({ a }, { net }) => {
      const c = await a.established();
      c.send(route(a, net(0)), route(a, net(1)));
      c.send(route(a, net(0)), keepalive); // told again: still two
      c.send(route(a, net(2)));
      await c.expectEnd(6, 1, '00010100000002');
    },
  );

  check(
    'RFC 4271 §6.7: as many prefixes as allowed are not too many',
    { a: { annotations: { 'mesos-bgp/max-prefixes': '2' } } },
    async ({ a }, { net, daemon }) => {
      const c = await a.established();
      c.send(route(a, net(0)), route(a, net(1)));
      await daemon.knows(net(1));
      expect(c.isOpen).toBe(true);
    },
  );

  check(
    'RFC 4271 §8.2.2: after too many prefixes the peer is refused until clear',
    { a: { annotations: { 'mesos-bgp/max-prefixes': '1' } } },
    async ({ a }, { net, daemon }) => {
      const c = await a.established();
      c.send(route(a, net(0)), route(a, net(1)));
      await c.expectEnd(6, 1);
      const refused = await a.connect();
      await refused.untilEnded();
      expect(refused.all(OPEN)).toEqual([]);
      await daemon.command('clear', a.name());
      await a.established();
    },
  );
});

conformance('the daemon ends', {}, (check) => {
  check.slow(
    'RFC 4724 §4.1, RFC 4486 §4: SIGTERM is silent where graceful restart was agreed, and 6/2 where not',
    { a: external, b: external, c: internal },
    async ({ a, b, c }, { daemon }) => {
      const agreed = await a.established({ also: [can.gracefulRestart(0x0078, true)] });
      const plain = await b.established();
      const half = (await c.opened()).connection;
      daemon.signal('SIGTERM');
      await plain.expectEnd(6, 2);
      await half.expectEnd(6, 2);
      await agreed.expectSilentEnd();
    },
  );
});

conformance('the daemon leaves', {}, (check) => {
  check(
    'RFC 4486 §4, RFC 8538 §3: a second SIGTERM says 6/2 to all, as Hard Reset where the N bit was agreed',
    { a: external, b: external, n: external },
    async ({ a, b, n }, { daemon }) => {
      const agreed = await a.established({ also: [can.gracefulRestart(0x0078, true)] });
      const plain = await b.established();
      const hard = await n.established({ also: [can.gracefulRestart(0x4078, true)] });
      daemon.signal('SIGTERM');
      await daemon.eventually('the first signal', async () => daemon.said('stops as a restart'));
      daemon.signal('SIGTERM');
      await agreed.expectEnd(6, 2);
      await plain.expectEnd(6, 2);
      const inside = await hard.expectEnd(6, 9);
      expect([...inside.subarray(0, 2)]).toEqual([6, 2]);
      expect(readOpen(plain.messages[0]!).version).toBe(4);
      expect(plain.all(NOTIFICATION)).toHaveLength(1);
    },
  );
});

const isPeer = (spec: object, { address }: ProbedPeer): boolean =>
  'peerIP' in spec && String(spec.peerIP).startsWith(`${address}:`);
