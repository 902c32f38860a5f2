// Route refresh in both forms, and several paths of a prefix (RFC 2918, 7313, 7911).

import type { Connection } from './connection.ts';
import { can, join, message, nlri, ROUTE_REFRESH, routeRefresh, u8, u16, update } from './octets.ts';
import { readAsPath } from './reading.ts';
import { attributesOf, type RouteFields, route, settled } from './routes.ts';
import { conformance, external, type Hello, type PeerSpec, type ProbedPeer } from './suite.ts';

const enhanced: Hello = { also: [can.enhancedRefresh()] };
const [BORR, EORR] = [1, 2];

const subtypes = (connection: Connection): number[] =>
  connection.all(ROUTE_REFRESH).map(({ body }) => body[2]!);

/** How often a prefix was told. */
const times = (connection: Connection, prefix: string): number =>
  connection.updates.filter(({ announced }) => announced.includes(prefix)).length;

conformance('route refresh', {}, (check) => {
  check(
    'RFC 2918 §4: ROUTE-REFRESH brings all routes once more',
    { a: external, b: external },
    async ({ a, b }, { net }) => {
      const [from, to] = [await a.established(), await b.established()];
      from.send(route(a, net()));
      await to.told(net());
      to.send(routeRefresh());
      await to.until('the route again', () => times(to, net()) === 2 && times(to, '10.255.0.0/26') === 2);
      expect(subtypes(to)).toEqual([]);
    },
  );

  check(
    'RFC 7313 §4: between BoRR and EoRR, where both have the capability',
    { a: external, b: external },
    async ({ a, b }, { net }) => {
      const [from, to] = [await a.established(), await b.established(enhanced)];
      from.send(route(a, net()));
      await to.told(net());
      to.send(routeRefresh());
      await to.until('EoRR', () => subtypes(to).includes(EORR));
      expect(subtypes(to)).toEqual([BORR, EORR]);
      const order = to.messages.map(({ type, body }) =>
        type === ROUTE_REFRESH ? `refresh ${body[2]}` : type,
      );
      expect(order.slice(order.indexOf('refresh 1'), order.indexOf('refresh 2') + 1)).toContain(2);
      expect(times(to, net())).toBe(2);
      expect(to.all(ROUTE_REFRESH)[0]!.body.toString('hex')).toBe('00010101');
    },
  );

  check(
    'RFC 2918 §4: for a family that was not agreed on it is ignored',
    { a: external, b: external },
    async ({ a, b }, { net }) => {
      const [from, to] = [await a.established(), await b.established(enhanced)];
      to.send(routeRefresh(2, 1), routeRefresh(25, 70), routeRefresh(1, 128));
      from.send(route(a, net()));
      await settled({ peer: a, connection: from }, to, net);
      expect([subtypes(to), times(to, net())]).toEqual([[], 1]);
    },
  );

  check(
    'RFC 7313 §5: a subtype that nobody knows is ignored',
    { a: external, b: external },
    async ({ a, b }, { net }) => {
      const [from, to] = [await a.established(), await b.established(enhanced)];
      to.send(routeRefresh(1, 1, 7));
      from.send(route(a, net()));
      await settled({ peer: a, connection: from }, to, net);
      expect([to.isOpen, subtypes(to)]).toEqual([true, []]);
    },
  );

  for (const [name, subtype] of [
    ['BoRR', BORR],
    ['EoRR', EORR],
  ] as const) {
    check(
      `RFC 7313 §5: ${name} of 5 octets ends the session with 7/1, and the message as data`,
      { a: external },
      async ({ a }) => {
        const c = await a.established(enhanced);
        const wrong = message(ROUTE_REFRESH, join(u16(1), u8(subtype), u8(1), u8(0)));
        c.send(wrong);
        await c.expectEnd(7, 1, wrong.toString('hex'));
      },
    );
  }

  check(
    'RFC 7313 §4: what is not told between BoRR and EoRR goes',
    { a: external, b: external },
    async ({ a, b }, { net }) => {
      const [from, to] = [await a.established(enhanced), await b.established()];
      for (const i of [0, 1, 2]) from.send(route(a, net(i)));
      for (const i of [0, 1, 2]) await to.told(net(i));
      from.send(routeRefresh(1, 1, BORR), route(a, net(0)), route(a, net(3)));
      await to.told(net(3));
      expect([0, 1, 2].map((i) => to.table.has(net(i)))).toEqual([true, true, true]);
      from.send(routeRefresh(1, 1, EORR));
      for (const i of [1, 2]) await to.takenBack(net(i));
      expect([0, 3].map((i) => to.table.has(net(i)))).toEqual([true, true]);
    },
  );

  check(
    'RFC 7313 §4: EoRR without BoRR means nothing',
    { a: external, b: external },
    async ({ a, b }, { net }) => {
      const [from, to] = [await a.established(enhanced), await b.established()];
      from.send(route(a, net()), routeRefresh(1, 1, EORR));
      await settled({ peer: a, connection: from }, to, net);
      expect(to.table.has(net())).toBe(true);
    },
  );

  check(
    'RFC 7313 §4: BoRR of a peer without the capability means nothing',
    { a: external, b: external },
    async ({ a, b }, { net }) => {
      const [from, to] = [await a.established(), await b.established()];
      from.send(route(a, net()), routeRefresh(1, 1, BORR), routeRefresh(1, 1, EORR));
      await settled({ peer: a, connection: from }, to, net);
      expect(to.table.has(net())).toBe(true);
    },
  );

  check(
    'RFC 2918 §3: clear --soft in asks for the routes, --soft out tells ours',
    { a: external },
    async ({ a }, { daemon }) => {
      const c = await a.established();
      await c.told('10.255.0.0/26');
      await daemon.command('clear', a.name(), '--soft', 'in');
      await c.of(ROUTE_REFRESH);
      expect(c.all(ROUTE_REFRESH)[0]!.body.toString('hex')).toBe('00010001');
      await daemon.command('clear', a.name(), '--soft', 'out');
      await c.until('our routes again', () => times(c, '10.255.0.0/26') === 2);
      expect(c.isOpen).toBe(true);
    },
  );
});

const both: PeerSpec = { annotations: { 'mesos-bgp/add-paths': 'both' } };

/** One path of a prefix (RFC 7911 §3). */
const path = (peer: ProbedPeer, prefix: string, id: number, fields: RouteFields = {}): Buffer =>
  update({ attributes: attributesOf(peer, fields), nlri: [nlri(prefix, id)] });

const noPath = (prefix: string, id: number): Buffer => update({ withdrawn: [nlri(prefix, id)] });

conformance('several paths of a prefix (RFC 7911)', {}, (check) => {
  check(
    'RFC 7911 §3: paths with two identifiers are two routes, and the next is there when the best goes',
    { a: external, b: external },
    async ({ a, b }, { net }) => {
      const [from, to] = [await a.established({ also: [can.addPath(2)] }), await b.established()];
      from.send(path(a, net(), 7), path(a, net(), 9, { asPath: [a.asNumber, 65101] }));
      const isTold = (text: string) => () => readAsPath(to.table.get(net()) ?? new Map()) === text;
      await to.until('the shorter', isTold(`64512 ${a.asNumber}`));
      from.send(noPath(net(), 7));
      await to.until('the longer', isTold(`64512 ${a.asNumber} 65101`));
      from.send(noPath(net(), 9));
      await to.takenBack(net());
    },
  );

  check(
    'RFC 7911 §3: a path with an identifier that is there replaces it',
    { a: external, b: external },
    async ({ a, b }, { net }) => {
      const [from, to] = [await a.established({ also: [can.addPath(2)] }), await b.established()];
      from.send(path(a, net(), 1), path(a, net(), 1, { asPath: [a.asNumber, 65101] }));
      await to.until('the second', () => readAsPath(to.table.get(net()) ?? new Map()).endsWith('65101'));
      from.send(noPath(net(), 1));
      await to.takenBack(net());
    },
  );

  check(
    'RFC 7911 §3: withdrawing an identifier that was never told is no error',
    { a: external, b: external },
    async ({ a, b }, { net }) => {
      const [from, to] = [await a.established({ also: [can.addPath(2)] }), await b.established()];
      from.send(path(a, net(), 1));
      await to.told(net());
      from.send(noPath(net(), 2), path(a, net(1), 0xffffffff));
      await to.told(net(1));
      expect([from.isOpen, to.table.has(net())]).toEqual([true, true]);
    },
  );

  check(
    'RFC 7911 §5: NLRI without identifiers is an error where they were agreed on: 3/10',
    { a: external },
    async ({ a }, { net }) => {
      const c = await a.established({ also: [can.addPath(2)] });
      c.send(route(a, net()));
      await c.expectEnd(3, 10);
    },
  );

  check(
    'RFC 7911 §4: without both sides there are no identifiers',
    { a: external, b: external },
    async ({ a, b }, { net }) => {
      const [from, to] = [
        await a.established({ also: [can.addPath(1)] }),
        await b.established({ also: [can.addPath(3, 2)] }),
      ];
      from.send(route(a, net()));
      await to.told(net());
      expect(from.isOpen).toBe(true);
    },
  );

  check(
    'RFC 7911 §2: a peer that reads several paths is told them, with an identifier each',
    { a: external, b: external, c: both },
    async ({ a, b, c }, { net }) => {
      const to = await c.connect();
      to.addPath = true;
      await c.established({ also: [can.addPath(1)] }, to);
      const [one, two] = [await a.established(), await b.established()];
      one.send(route(a, net()));
      two.send(route(b, net(), { asPath: [b.asNumber, 65101] }));
      const paths = () => [...to.table].filter(([key]) => key.startsWith(`${net()} #`));
      await to.until('two paths', () => paths().length === 2);
      expect(
        paths()
          .map(([, attributes]) => readAsPath(attributes))
          .sort(),
      ).toEqual([`64512 ${a.asNumber}`, `64512 ${b.asNumber} 65101`]);
      const [kept] = paths().find(([, attributes]) => readAsPath(attributes).endsWith('65101'))!;
      one.send(update({ withdrawn: [nlri(net())] }));
      await to.until('one path', () => paths().length === 1);
      expect(paths()[0]![0]).toBe(kept);
      two.send(update({ withdrawn: [nlri(net())] }));
      await to.until('none', () => paths().length === 0);
    },
  );
});
