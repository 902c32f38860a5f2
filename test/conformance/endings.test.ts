// How sessions end that the operator, a limit or the end of the daemon ends (RFC 4271 §6.7; RFC 4486, 8538, 9003).

import { can, keepalive, NOTIFICATION, OPEN } from './octets.ts';
import { readOpen } from './reading.ts';
import { route } from './routes.ts';
import { conformance, external, internal, type PeerSpec, type ProbedPeer } from './suite.ts';

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
