// Who is told what, and changed how (RFC 4271 §5.1, §9.1.3, §9.2; RFC 1997, 4360, 8212, 8326).

import { ip4, its, nlri, update, WELL_KNOWN, WELL_KNOWN_COMMUNITY } from './octets.ts';
import { readAsPath, readCommunities, readU32 } from './reading.ts';
import { pathOf, route, settled } from './routes.ts';
import { conformance, external, internal, OUR_ADDRESS, OUR_AS, type PeerSpec } from './suite.ts';

const hexOf = (address: string): string => ip4(address).toString('hex');
const OWN_BLOCK = '10.255.0.0/26';

const withAnnotation = (name: string, value: string, more: PeerSpec = {}): PeerSpec => ({
  ...more,
  annotations: { [`mesos-bgp/${name}`]: value },
});

conformance('propagation', {}, (check) => {
  check(
    'RFC 4271 §5.1: from one external peer to another',
    { a: external, b: external },
    async ({ a, b }, { net }) => {
      const [from, to] = [await a.established(), await b.established()];
      from.send(route(a, net(), { asPath: [a.asNumber, 65100], origin: 1, also: [its.med(50)] }));
      const told = await to.told(net());
      expect(readAsPath(told)).toBe(`${OUR_AS} ${a.asNumber} 65100`); // §5.1.2
      expect(told.get(3)?.hex).toBe(hexOf(OUR_ADDRESS)); // §5.1.3
      expect(told.get(1)?.hex).toBe('01'); // §5.1.1
      expect([told.has(4), told.has(5)]).toEqual([false, false]); // §5.1.4, §5.1.5
    },
  );

  check(
    'RFC 4271 §5.1: from an external peer to an internal one',
    { a: external, b: internal },
    async ({ a, b }, { net }) => {
      const [from, to] = [await a.established(), await b.established()];
      from.send(route(a, net(), { also: [its.med(50)] }));
      const told = await to.told(net());
      expect(readAsPath(told)).toBe(`${a.asNumber}`);
      expect(told.get(3)?.hex).toBe(hexOf(a.address));
      expect([readU32(told, 4), readU32(told, 5)]).toEqual([50, 100]);
    },
  );

  check(
    'RFC 4271 §5.1: from an internal peer to an external one',
    { a: internal, b: external },
    async ({ a, b }, { net }) => {
      const [from, to] = [await a.established(), await b.established()];
      from.send(route(a, net(), { asPath: [65100], localPref: 300, also: [its.med(50)] }));
      const told = await to.told(net());
      expect(readAsPath(told)).toBe(`${OUR_AS} 65100`);
      expect(told.get(3)?.hex).toBe(hexOf(OUR_ADDRESS));
      expect([told.has(4), told.has(5)]).toEqual([false, false]);
    },
  );

  check('RFC 4271 §5.1: a route made here', { a: internal, b: external }, async ({ a, b }) => {
    const inside = await (await a.established()).told(OWN_BLOCK);
    expect([readAsPath(inside), inside.get(1)?.hex, inside.get(3)?.hex]).toEqual([
      '',
      '00',
      hexOf(OUR_ADDRESS),
    ]);
    expect(inside.has(5)).toBe(true);
    const outside = await (await b.established()).told(OWN_BLOCK);
    expect([readAsPath(outside), outside.get(3)?.hex]).toEqual([`${OUR_AS}`, hexOf(OUR_ADDRESS)]);
    expect(outside.has(5)).toBe(false);
  });

  check(
    'RFC 4271 §9.2: internal peers are not told what internal peers tell',
    { a: internal, b: internal, c: external },
    async ({ a, b, c }, { net }) => {
      const [from, to, outside] = [await a.established(), await b.established(), await c.established()];
      from.send(route(a, net()));
      await settled({ peer: a, connection: from }, outside, net);
      expect(to.table.has(net())).toBe(false);
    },
  );

  check(
    'RFC 4271 §9.1.3: a peer is not told its own route',
    { a: external, b: external },
    async ({ a, b }, { net }) => {
      const [from, to] = [await a.established(), await b.established()];
      from.send(route(a, net()));
      await settled({ peer: a, connection: from }, to, net);
      expect(from.table.has(net())).toBe(false);
    },
  );

  const scopes: readonly (readonly [string, string, boolean, boolean])[] = [
    ['NO_EXPORT', WELL_KNOWN_COMMUNITY.noExport, true, false],
    ['NO_ADVERTISE', WELL_KNOWN_COMMUNITY.noAdvertise, false, false],
    ['NO_EXPORT_SUBCONFED', WELL_KNOWN_COMMUNITY.noExportSubconfed, true, false],
    ['65535:1234, which is reserved and not defined,', '65535:1234', true, true],
  ];
  for (const [name, value, inside, outside] of scopes) {
    check(
      `RFC 1997: ${name} goes ${inside ? 'to internal' : 'to no'} peers${outside ? ' and to external ones' : ''}`,
      { a: external, b: internal, c: external },
      async ({ a, b, c }, { net }) => {
        const [from, internally, externally] = [
          await a.established(),
          await b.established(),
          await c.established(),
        ];
        from.send(route(a, net(), { also: [its.communities('65001:7', value)] }));
        await settled({ peer: a, connection: from }, internally, net);
        await settled({ peer: a, connection: from }, externally, net);
        expect([internally.table.has(net()), externally.table.has(net())]).toEqual([inside, outside]);
        if (inside) expect(readCommunities(internally.table.get(net())!)).toBe(`65001:7 ${value}`);
      },
    );
  }

  check(
    'RFC 4360 §6: extended communities that are not transitive stay in the AS',
    { a: external, b: internal, c: external },
    async ({ a, b, c }, { net }) => {
      const [from, inside, outside] = [await a.established(), await b.established(), await c.established()];
      const [transitive, bandwidth] = ['0002fde800000001', '4004fde849742400'];
      from.send(route(a, net(), { also: [its.extendedCommunities(transitive, bandwidth)] }));
      expect((await inside.told(net())).get(16)?.hex).toBe(transitive + bandwidth);
      expect((await outside.told(net())).get(16)?.hex).toBe(transitive);
    },
  );

  check(
    'RFC 8092 §3, RFC 1997: communities of both kinds go on',
    { a: external, b: external },
    async ({ a, b }, { net }) => {
      const [from, to] = [await a.established(), await b.established()];
      from.send(
        route(a, net(), {
          also: [its.communities('65001:1', '65001:2'), its.largeCommunities([4200000000, 1, 2])],
        }),
      );
      const told = await to.told(net());
      expect([readCommunities(told), told.get(32)?.hex]).toEqual([
        '65001:1 65001:2',
        'fa56ea000000000100000002',
      ]);
    },
  );

  check(
    'RFC 4271 §5.1.6, §5.1.7: ATOMIC_AGGREGATE and AGGREGATOR go on',
    { a: external, b: external },
    async ({ a, b }, { net }) => {
      const [from, to] = [await a.established(), await b.established()];
      from.send(route(a, net(), { also: [its.atomicAggregate(), its.aggregator(70000, '1.2.3.4')] }));
      const told = await to.told(net());
      expect([told.get(6), told.get(7)?.hex]).toEqual([{ flags: WELL_KNOWN, hex: '' }, '0001117001020304']);
    },
  );

  check(
    'RFC 4271 §5.1.2: before an AS_SET our AS number is a sequence of its own',
    { a: external, b: external },
    async ({ a, b }, { net }) => {
      const [from, to] = [await a.established(), await b.established()];
      from.send(
        update({
          attributes: [its.origin(), pathOf([1, [a.asNumber, 65101]]), its.nextHop(a.address)],
          nlri: [nlri(net())],
        }),
      );
      expect(readAsPath(await to.told(net()))).toBe(`${OUR_AS} 1{${a.asNumber} 65101}`);
    },
  );

  check(
    'RFC 4271 §5.1.2: a segment of 255 gets another before it',
    { a: external, b: external },
    async ({ a, b }, { net }) => {
      const [from, to] = [await a.established(), await b.established()];
      const long = [a.asNumber, ...new Array<number>(254).fill(65100)];
      from.send(route(a, net(), { asPath: long }));
      const told = await to.told(net());
      expect(told.get(2)!.hex.startsWith('02010000fc0002ff')).toBe(true);
      expect(readAsPath(told).split(' ')).toHaveLength(256);
    },
  );

  check(
    'Calico nextHopMode Keep: the next hop goes on as it came',
    { a: external, b: { spec: { nextHopMode: 'Keep' } } },
    async ({ a, b }, { net }) => {
      const [from, to] = [await a.established(), await b.established()];
      from.send(route(a, net()));
      expect((await to.told(net())).get(3)?.hex).toBe(hexOf(a.address));
    },
  );

  check(
    'Calico nextHopMode Self: an internal peer hears us as next hop',
    { a: external, b: { internal: true, spec: { nextHopMode: 'Self' } } },
    async ({ a, b }, { net }) => {
      const [from, to] = [await a.established(), await b.established()];
      from.send(route(a, net()));
      expect((await to.told(net())).get(3)?.hex).toBe(hexOf(OUR_ADDRESS));
    },
  );

  check(
    'RFC 7705 §3: towards a peer with a local AS number of its own, that number stands in the path',
    { a: external, b: { spec: { localASNumber: 64900 } } },
    async ({ a, b }, { net }) => {
      const [from, to] = [await a.established(), await b.established()];
      from.send(route(a, net()));
      expect(readAsPath(await to.told(net()))).toBe(`64900 ${a.asNumber}`);
    },
  );

  check(
    'RFC 4271 §9.1.2: our AS number in the path as often as allowed',
    { a: { spec: { numAllowedLocalASNumbers: 1 } }, b: external },
    async ({ a, b }, { net }) => {
      const [from, to] = [await a.established(), await b.established()];
      from.send(route(a, net(0), { asPath: [a.asNumber, OUR_AS] }));
      from.send(route(a, net(1), { asPath: [a.asNumber, OUR_AS, OUR_AS] }));
      await settled({ peer: a, connection: from }, to, net);
      expect([to.table.has(net(0)), to.table.has(net(1))]).toEqual([true, false]);
    },
  );

  check(
    'RFC 4271 §6.3: a path that begins with another AS number, where that is checked',
    { a: withAnnotation('enforce-first-as', 'true'), b: external },
    async ({ a, b }, { net }) => {
      const [from, to] = [await a.established(), await b.established()];
      from.send(route(a, net(0), { asPath: [65100, a.asNumber] }), route(a, net(1), { asPath: [] }));
      from.send(route(a, net(2)));
      await settled({ peer: a, connection: from }, to, net);
      expect([0, 1, 2].map((i) => to.table.has(net(i)))).toEqual([false, false, true]);
      expect(from.isOpen).toBe(true);
    },
  );

  check(
    'RFC 8326 §4: GRACEFUL_SHUTDOWN from an external peer means LOCAL_PREF 0',
    { a: external, b: internal },
    async ({ a, b }, { net }) => {
      const [from, to] = [await a.established(), await b.established()];
      from.send(route(a, net(), { also: [its.communities(WELL_KNOWN_COMMUNITY.gracefulShutdown)] }));
      const told = await to.told(net());
      expect([readU32(told, 5), readCommunities(told)]).toEqual([0, WELL_KNOWN_COMMUNITY.gracefulShutdown]);
    },
  );

  check(
    'RFC 8212 §2: without a policy an external peer tells and hears nothing, where one is required',
    { a: withAnnotation('require-policy', 'true'), b: external },
    async ({ a, b }, { net, daemon }) => {
      const [strict, other] = [await a.established(), await b.established()];
      strict.send(route(a, net(0)));
      other.send(route(b, net(1)));
      await daemon.knows(net(1));
      await strict.until('End-of-RIB', () => strict.updates.some(({ endOfRib }) => endOfRib));
      await daemon.knows(net(0));
      expect((await daemon.routes(net(0)))[0]).toMatchObject({ best: false });
      expect([other.table.has(net(0)), strict.table.size]).toEqual([false, 0]);
    },
  );
});
