// UPDATE as a whole: its lengths and prefixes, and its two ways to carry IPv4 (RFC 4271 §4.3; RFC 4760; RFC 7606 §2, §3).

import { attribute, endOfRib, ip4, ip6, its, join, nlri, u8, update, WELL_KNOWN } from './octets.ts';
import { readAsPath } from './reading.ts';
import { attributesOf, route, settled, withdrawal } from './routes.ts';
import { conformance, external, internal, OUR_ADDRESS } from './suite.ts';

conformance('UPDATE', {}, (check) => {
  check('RFC 4271 §4.3: withdrawn routes go', { a: external, b: external }, async ({ a, b }, { net }) => {
    const [connection, other] = [await a.established(), await b.established()];
    connection.send(
      update({ attributes: attributesOf(a), nlri: [nlri(net(0)), nlri(net(1)), nlri(net(2))] }),
    );
    for (const i of [0, 1, 2]) await other.told(net(i));
    connection.send(withdrawal(net(0), net(2)));
    await other.takenBack(net(0));
    await other.takenBack(net(2));
    expect(other.table.has(net(1))).toBe(true);
  });

  check(
    'RFC 4271 §9.1.4: a route that is told again replaces the earlier one',
    { a: external, b: external },
    async ({ a, b }, { net }) => {
      const [connection, other] = [await a.established(), await b.established()];
      connection.send(route(a, net()));
      await other.told(net());
      connection.send(route(a, net(), { asPath: [a.asNumber, 65111], origin: 2 }));
      await other.until('the new route', () => readAsPath(other.table.get(net())!).endsWith('65111'));
      expect(other.table.get(net())!.get(1)?.hex).toBe('02');
      expect(other.withdrawn.has(net())).toBe(false);
    },
  );

  check(
    'RFC 4271 §4.3: a prefix that one message withdraws and tells is told',
    { a: external, b: external },
    async ({ a, b }, { net }) => {
      const [connection, other] = [await a.established(), await b.established()];
      connection.send(update({ withdrawn: [nlri(net())], attributes: attributesOf(a), nlri: [nlri(net())] }));
      await other.told(net());
      expect(connection.isOpen).toBe(true);
    },
  );

  check(
    'RFC 4271 §6.3: withdrawing what was never told is no error',
    { a: external, b: external },
    async ({ a, b }, { net }) => {
      const [connection, other] = [await a.established(), await b.established()];
      connection.send(withdrawal(net(0), net(1)), update({ attributes: [its.unreach(1, nlri(net(2)))] }));
      await settled({ peer: a, connection }, other, net);
      expect([connection.isOpen, other.withdrawn.has(net(0))]).toEqual([true, false]);
    },
  );

  check(
    'RFC 4271 §4.3: attributes without a prefix are no error',
    { a: external, b: external },
    async ({ a, b }, { net }) => {
      const [connection, other] = [await a.established(), await b.established()];
      connection.send(update({ attributes: attributesOf(a) }));
      await settled({ peer: a, connection }, other, net);
      expect(connection.isOpen).toBe(true);
    },
  );

  check(
    'RFC 4271 §4.3: bits beyond the length of a prefix do not matter',
    { a: external, b: external },
    async ({ a, b }, { net }) => {
      const [connection, other] = [await a.established(), await b.established()];
      const [x = 0, y = 0] = net().split('.').map(Number);
      connection.send(update({ attributes: attributesOf(a), nlri: [join(u8(20), u8(x), u8(y), u8(0x1f))] }));
      await other.told(`${x}.${y}.16.0/20`);
    },
  );

  check(
    'RFC 4271 §4.3: lengths 0 and 32 are prefixes',
    { a: external, b: external },
    async ({ a, b }, { net, daemon }) => {
      const [connection, other] = [await a.established(), await b.established()];
      const host = net().replace('.0/24', '.7/32');
      connection.send(update({ attributes: attributesOf(a), nlri: [nlri('0.0.0.0/0'), nlri(host)] }));
      await other.told(host);
      await daemon.knows('0.0.0.0/0'); // in no pool, so that it is told to nobody
      expect(connection.isOpen).toBe(true);
    },
  );

  check(
    'RFC 4271 §6.3: prefixes that no unicast route leads to are not used, and the others of the message are',
    { a: external },
    async ({ a }, { net, daemon }) => {
      const connection = await a.established();
      const wrong = ['224.0.0.0/4', '239.1.0.0/16', '127.0.0.0/8', '0.1.0.0/16'];
      connection.send(
        update({ attributes: attributesOf(a), nlri: [...wrong, net()].map((prefix) => nlri(prefix)) }),
      );
      await daemon.knows(net());
      for (const prefix of wrong) expect((await daemon.routes(prefix)).some(({ best }) => best)).toBe(false);
      expect(connection.isOpen).toBe(true);
    },
  );

  check(
    'RFC 4760 §3: IPv4 routes in MP_REACH_NLRI, and back in MP_UNREACH_NLRI',
    { a: external, b: external },
    async ({ a, b }, { net }) => {
      const [connection, other] = [await a.established(), await b.established()];
      const head = attributesOf(a).filter((octets) => octets[1] !== 3);
      connection.send(update({ attributes: [its.reach(1, ip4(a.address), nlri(net())), ...head] }));
      const told = await other.told(net());
      expect([readAsPath(told), told.get(3)?.hex]).toEqual([
        `64512 ${a.asNumber}`,
        ip4(OUR_ADDRESS).toString('hex'),
      ]);
      connection.send(update({ attributes: [its.unreach(1, nlri(net()))] }));
      await other.takenBack(net());
    },
  );

  check('RFC 4760 §3: both ways in one message', { a: external, b: external }, async ({ a, b }, { net }) => {
    const [connection, other] = [await a.established(), await b.established()];
    connection.send(
      update({
        attributes: [its.reach(1, ip4(a.address), nlri(net(0))), ...attributesOf(a)],
        nlri: [nlri(net(1))],
      }),
    );
    await other.told(net(0));
    await other.told(net(1));
  });

  check(
    'RFC 4760 §3: what came one way goes the other',
    { a: external, b: external },
    async ({ a, b }, { net }) => {
      const [connection, other] = [await a.established(), await b.established()];
      connection.send(
        update({ attributes: [its.reach(1, ip4(a.address), nlri(net())), ...attributesOf(a)] }),
      );
      await other.told(net());
      connection.send(withdrawal(net()));
      await other.takenBack(net());
    },
  );

  check(
    'RFC 4760 §7: routes of a family that was not agreed on are ignored',
    { a: external, b: external },
    async ({ a, b }, { net }) => {
      const [connection, other] = [await a.established(), await b.established()];
      connection.send(
        update({ attributes: [its.reach(2, ip6('fd00::9'), nlri('fd00:9::/64')), ...attributesOf(a)] }),
      );
      connection.send(update({ attributes: [its.unreach(2, nlri('fd00:9::/64'))] }));
      await settled({ peer: a, connection }, other, net);
      expect(connection.isOpen).toBe(true);
    },
  );

  check(
    'RFC 7606 §3c: MP_REACH_NLRI with wrong flags takes its routes back',
    { a: external, b: external },
    async ({ a, b }, { net }) => {
      const [connection, other] = [await a.established(), await b.established()];
      connection.send(route(a, net()));
      await other.told(net());
      const value = its.reach(1, ip4(a.address), nlri(net())).subarray(3);
      connection.send(update({ attributes: [attribute(WELL_KNOWN, 14, value), ...attributesOf(a)] }));
      await other.takenBack(net());
      expect(connection.isOpen).toBe(true);
    },
  );

  check(
    'RFC 7606 §2: treat-as-withdraw takes all prefixes of the message',
    { a: external, b: external },
    async ({ a, b }, { net }) => {
      const [connection, other] = [await a.established(), await b.established()];
      for (const i of [0, 1, 2]) connection.send(route(a, net(i)));
      for (const i of [0, 1, 2]) await other.told(net(i));
      connection.send(
        update({
          withdrawn: [nlri(net(2))],
          attributes: [...attributesOf(a).slice(1), its.origin(7)],
          nlri: [nlri(net(0)), nlri(net(1))],
        }),
      );
      for (const i of [0, 1, 2]) await other.takenBack(net(i));
      expect(connection.isOpen).toBe(true);
    },
  );

  check(
    'RFC 4724 §2: the first table ends with End-of-RIB, also without graceful restart',
    { a: external, b: external, c: internal },
    async ({ a, b, c }, { net }) => {
      const connection = await a.established();
      connection.send(route(a, net()));
      for (const peer of [b, c]) {
        const other = await peer.established();
        await other.until('End-of-RIB', () => other.updates.some((each) => each.endOfRib));
        const at = other.updates.findIndex((each) => each.endOfRib);
        expect(other.updates.slice(0, at).flatMap(({ announced }) => announced)).toContain('10.255.0.0/26');
        expect(other.all(2)[at]!.octets.length).toBe(23);
      }
    },
  );

  check(
    'RFC 4724 §2: an empty UPDATE is no error at any time',
    { a: external, b: external },
    async ({ a, b }, { net }) => {
      const [connection, other] = [await a.established(), await b.established()];
      connection.send(
        endOfRib,
        route(a, net()),
        endOfRib,
        endOfRib,
        update({ attributes: [its.unreach(1)] }),
      );
      await settled({ peer: a, connection }, other, net);
      expect([connection.isOpen, other.table.has(net())]).toEqual([true, true]);
    },
  );

  check(
    'RFC 4271 §5: attributes leave in ascending order',
    { a: external, b: internal },
    async ({ a, b }, { net }) => {
      const [connection, other] = [await a.established(), await b.established()];
      const also = [
        its.largeCommunities([1, 2, 3]),
        its.extendedCommunities('0002fde800000001'),
        its.communities('1:2'),
        its.aggregator(65001, '1.2.3.4'),
        its.atomicAggregate(),
        its.med(9),
      ];
      connection.send(route(a, net(), { also }));
      await other.told(net());
      const { order } = other.updates.find(({ announced }) => announced.includes(net()))!;
      expect(order).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 16, 32]);
    },
  );

  check(
    'RFC 4271 §9.2: routes with equal attributes share messages',
    { a: external, b: external },
    async ({ a, b }, { net }) => {
      const connection = await a.established();
      const all = Array.from({ length: 200 }, (_, i) => net(i));
      connection.send(update({ attributes: attributesOf(a), nlri: all.map((prefix) => nlri(prefix)) }));
      const other = await b.established();
      await other.until('all of them', () => all.every((prefix) => other.table.has(prefix)));
      expect(
        other.updates.filter(({ announced }) => announced.includes(net(7)))[0]!.announced.length,
      ).toBeGreaterThan(100);
    },
  );
});
