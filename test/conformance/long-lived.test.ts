// Long-lived graceful restart (RFC 9494).

import { can, endOfRib, its, routeRefresh, WELL_KNOWN_COMMUNITY } from './octets.ts';
import { readCommunities } from './reading.ts';
import { told } from './restarting.ts';
import { route } from './routes.ts';
import { conformance, external, type Hello, type PeerSpec } from './suite.ts';

const llgr: PeerSpec = { annotations: { 'mesos-bgp/long-lived-stale-time': '1h' } };
const longLived = (staleSeconds: number): Hello => ({
  also: [can.gracefulRestart(1, true), can.longLived(staleSeconds)],
});

conformance('long-lived graceful restart', {}, (check) => {
  check.slow(
    'RFC 9494 §4.2, §4.3: after the restart time a route is stale: told with LLGR_STALE to who knows it, withdrawn from who does not',
    { a: llgr, b: external, c: llgr },
    async ({ a, b, c }, { net }) => {
      const [plain, knows] = [await b.established(), await c.established(longLived(100))];
      (await told(a, longLived(3600), plain, net)).reset();
      await plain.takenBack(net(0));
      await knows.until(
        'LLGR_STALE',
        () => readCommunities(knows.table.get(net(0))!) === WELL_KNOWN_COMMUNITY.llgrStale,
      );
    },
  );

  check.slow(
    'RFC 9494 §4.2: a route with NO_LLGR goes with the restart time',
    { a: llgr, c: llgr },
    async ({ a, c }, { net }) => {
      const knows = await c.established(longLived(100));
      const connection = await a.established(longLived(3600));
      connection.send(
        route(a, net(0), { also: [its.communities(WELL_KNOWN_COMMUNITY.noLlgr)] }),
        route(a, net(1)),
      );
      for (const i of [0, 1]) await knows.told(net(i));
      connection.reset();
      await knows.takenBack(net(0));
      await knows.until(
        'LLGR_STALE',
        () => readCommunities(knows.table.get(net(1))!) === WELL_KNOWN_COMMUNITY.llgrStale,
      );
    },
  );

  check.slow(
    'RFC 9494 §4.2: all goes with the stale time',
    { a: llgr, c: llgr },
    async ({ a, c }, { net }) => {
      const knows = await c.established(longLived(100));
      const connection = await a.established(longLived(2));
      connection.send(route(a, net()));
      await knows.told(net());
      connection.reset();
      await knows.takenBack(net());
      const told = knows.updates.filter(({ announced }) => announced.includes(net()));
      expect(told.map(({ attributes }) => readCommunities(attributes))).toEqual([
        '',
        WELL_KNOWN_COMMUNITY.llgrStale,
      ]);
    },
  );

  check.slow(
    'RFC 9494 §4.3: a stale route loses against any other',
    { a: llgr, b: external, c: llgr },
    async ({ a, b, c }, { net }) => {
      const knows = await c.established(longLived(100));
      const connection = await a.established(longLived(3600));
      connection.send(route(a, net()));
      await knows.told(net());
      const backup = await b.established();
      backup.send(route(b, net(), { asPath: [b.asNumber, 65101, 65102, 65103], origin: 2 }));
      connection.reset();
      await knows.until('the backup', () => knows.table.get(net())?.get(1)?.hex === '02');
    },
  );

  check.slow(
    'RFC 9494 §4.2: a route that is told again is fresh',
    { a: llgr, c: llgr },
    async ({ a, c }, { net }) => {
      const knows = await c.established(longLived(100));
      const first = await a.established(longLived(3600));
      first.send(route(a, net()));
      await knows.told(net());
      first.reset();
      await knows.until(
        'LLGR_STALE',
        () => readCommunities(knows.table.get(net())!) === WELL_KNOWN_COMMUNITY.llgrStale,
      );
      const again = await a.established(longLived(3600));
      again.send(route(a, net()), endOfRib);
      await knows.until('the fresh route', () => readCommunities(knows.table.get(net())!) === '');
    },
  );

  check(
    'RFC 9494 §4.2: LLGR_STALE as it comes from a peer is least preferred and goes on',
    { a: llgr, b: external, c: llgr },
    async ({ a, b, c }, { net }) => {
      const [plain, knows] = [await b.established(), await c.established(longLived(100))];
      const connection = await a.established(longLived(3600));
      connection.send(route(a, net(0), { also: [its.communities(WELL_KNOWN_COMMUNITY.llgrStale)] }));
      expect(readCommunities(await knows.told(net(0)))).toBe(WELL_KNOWN_COMMUNITY.llgrStale);
      connection.send(route(a, net(1)), routeRefresh());
      await plain.told(net(1));
      expect(plain.table.has(net(0))).toBe(false);
    },
  );
});
