// Route reflection: the daemon reflects for all its internal peers (RFC 4456).

import { ip4, its } from './octets.ts';
import { readAsPath, readU32 } from './reading.ts';
import { route, settled, withdrawal } from './routes.ts';
import { conformance, external, internal, OUR_ADDRESS } from './suite.ts';

const CLUSTER = '200.0.0.7';
const hexOf = (...addresses: readonly string[]): string =>
  addresses.map((each) => ip4(each).toString('hex')).join('');

conformance('route reflection', { node: { routeReflectorClusterID: CLUSTER } }, (check) => {
  check(
    "RFC 4456 §6, §8: a client's route goes to other clients, with ORIGINATOR_ID and CLUSTER_LIST",
    { a: internal, b: internal },
    async ({ a, b }, { net }) => {
      const [from, to] = [await a.established(), await b.established()];
      from.send(route(a, net()));
      const told = await to.told(net());
      expect([told.get(9), told.get(10)]).toEqual([
        { flags: 0x80, hex: hexOf(a.id) },
        { flags: 0x80, hex: hexOf(CLUSTER) },
      ]);
    },
  );

  check(
    'RFC 4456 §10: NEXT_HOP, AS_PATH, LOCAL_PREF and MED stay as they are',
    { a: internal, b: internal },
    async ({ a, b }, { net }) => {
      const [from, to] = [await a.established(), await b.established()];
      from.send(
        route(a, net(), { asPath: [65100], localPref: 333, nextHop: '127.9.9.9', also: [its.med(44)] }),
      );
      const told = await to.told(net());
      expect([readAsPath(told), told.get(3)?.hex, readU32(told, 5), readU32(told, 4)]).toEqual([
        '65100',
        hexOf('127.9.9.9'),
        333,
        44,
      ]);
    },
  );

  check(
    'RFC 4456 §8: an ORIGINATOR_ID that is there stays, and CLUSTER_LIST grows at its front',
    { a: internal, b: internal },
    async ({ a, b }, { net }) => {
      const [from, to] = [await a.established(), await b.established()];
      from.send(
        route(a, net(), { also: [its.originatorId('5.5.5.5'), its.clusterList('6.6.6.6', '7.7.7.7')] }),
      );
      const told = await to.told(net());
      expect([told.get(9)?.hex, told.get(10)?.hex]).toEqual([
        hexOf('5.5.5.5'),
        hexOf(CLUSTER, '6.6.6.6', '7.7.7.7'),
      ]);
    },
  );

  check(
    'RFC 4456 §8: our own ORIGINATOR_ID is a loop',
    { a: internal, b: internal },
    async ({ a, b }, { net }) => {
      const [from, to] = [await a.established(), await b.established()];
      from.send(route(a, net(), { also: [its.originatorId(OUR_ADDRESS)] }));
      await settled({ peer: a, connection: from }, to, net);
      expect([to.table.has(net()), from.isOpen]).toEqual([false, true]);
    },
  );

  check(
    'RFC 4456 §8: our own cluster in CLUSTER_LIST is a loop',
    { a: internal, b: internal },
    async ({ a, b }, { net }) => {
      const [from, to] = [await a.established(), await b.established()];
      from.send(
        route(a, net(), { also: [its.originatorId('5.5.5.5'), its.clusterList('6.6.6.6', CLUSTER)] }),
      );
      await settled({ peer: a, connection: from }, to, net);
      expect([to.table.has(net()), from.isOpen]).toEqual([false, true]);
    },
  );

  check(
    'RFC 4456 §6: a client is not told its own route',
    { a: internal, b: internal },
    async ({ a, b }, { net }) => {
      const [from, to] = [await a.established(), await b.established()];
      from.send(route(a, net()));
      await settled({ peer: a, connection: from }, to, net);
      expect(from.table.has(net())).toBe(false);
    },
  );

  check(
    'RFC 4456 §6: a route of an external peer goes to clients, not reflected',
    { a: external, b: internal },
    async ({ a, b }, { net }) => {
      const [from, to] = [await a.established(), await b.established()];
      from.send(route(a, net()));
      const told = await to.told(net());
      expect([told.has(9), told.has(10), readU32(told, 5)]).toEqual([false, false, 100]);
    },
  );

  check(
    'RFC 4456 §8: external peers hear neither ORIGINATOR_ID nor CLUSTER_LIST',
    { a: internal, b: external },
    async ({ a, b }, { net }) => {
      const [from, to] = [await a.established(), await b.established()];
      from.send(route(a, net(), { also: [its.originatorId('5.5.5.5'), its.clusterList('6.6.6.6')] }));
      const told = await to.told(net());
      expect([told.has(9), told.has(10)]).toEqual([false, false]);
    },
  );

  check(
    'RFC 4456 §6: a withdrawal is reflected, and the next best route',
    { a: internal, b: internal, c: internal },
    async ({ a, b, c }, { net }) => {
      const [first, second, to] = [await a.established(), await b.established(), await c.established()];
      second.send(route(b, net(), { localPref: 90 }));
      await to.told(net());
      first.send(route(a, net()));
      await to.until("the first peer's route", () => to.table.get(net())?.get(9)?.hex === hexOf(a.id));
      first.send(withdrawal(net()));
      await to.until("the second peer's route", () => to.table.get(net())?.get(9)?.hex === hexOf(b.id));
      second.send(withdrawal(net()));
      await to.takenBack(net());
    },
  );

  check(
    'RFC 4456 §6: the one whose route is best is told the withdrawal of what it heard before',
    { a: internal, b: internal, c: internal },
    async ({ a, b, c }, { net }) => {
      const [first, second, to] = [await a.established(), await b.established(), await c.established()];
      second.send(route(b, net(), { localPref: 90 }));
      await first.told(net());
      first.send(route(a, net()));
      await first.takenBack(net());
      await to.told(net());
      expect((await second.told(net())).get(9)?.hex).toBe(hexOf(a.id));
    },
  );
});
