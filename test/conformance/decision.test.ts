// The decision process, seen from what is told on (RFC 4271 §9.1.2, RFC 4456 §9): two or three peers tell one prefix, and the
// path that another hears names the one that won.

import type { Connection } from './connection.ts';
import { its, nlri, update } from './octets.ts';
import { readAsPath } from './reading.ts';
import { attributesOf, pathOf, type RouteFields, route, settled, withdrawal } from './routes.ts';
import { conformance, external, internal, type PeerSpec, type ProbedPeer } from './suite.ts';

/** A route of an external peer has its number first; what stands last says whose route it is. */
interface Contender {
  readonly spec: PeerSpec;
  readonly id?: string;
  /** Attributes, before `mark`, which ends the path. */
  readonly says: (peer: ProbedPeer, mark: number) => RouteFields;
}

const WINNER = 65500;
const LOSER = 65400;

const ext = (
  fields: (peer: ProbedPeer, mark: number) => Partial<RouteFields> = () => ({}),
  spec: PeerSpec = external,
  id?: string,
): Contender => ({
  spec,
  ...(id !== undefined && { id }),
  says: (peer, mark) => ({ asPath: [peer.asNumber, mark], ...fields(peer, mark) }),
});

const int = (
  fields: (peer: ProbedPeer, mark: number) => Partial<RouteFields> = () => ({}),
  id?: string,
): Contender => ({
  spec: internal,
  ...(id !== undefined && { id }),
  says: (peer, mark) => ({ asPath: [65300, mark], ...fields(peer, mark) }),
});

const same: PeerSpec = { asNumber: 65250 };

interface Contest {
  readonly rule: string;
  readonly winner: Contender;
  readonly loser: Contender;
}

const CONTESTS: readonly Contest[] = [
  {
    rule: 'RFC 4271 §9.1.1: the higher LOCAL_PREF wins, over a shorter path',
    winner: int((_, mark) => ({ localPref: 200, asPath: [65300, 65301, 65302, mark] })),
    loser: int(() => ({ localPref: 199 })),
  },
  {
    rule: 'RFC 4271 §9.1.1: an internal route with more than 100 wins over an external one',
    winner: int(() => ({ localPref: 101 })),
    loser: ext(),
  },
  { rule: 'RFC 4271 §9.1.1: one with less loses', winner: ext(), loser: int(() => ({ localPref: 99 })) },
  {
    rule: 'RFC 4271 §9.1.2.2a: the shorter path wins, over ORIGIN',
    winner: ext(() => ({ origin: 2 })),
    loser: ext((peer, mark) => ({ asPath: [peer.asNumber, 65301, mark] })),
  },
  {
    rule: 'RFC 4271 §9.1.2.2b: IGP wins over EGP, over MED',
    winner: ext(() => ({ origin: 0, also: [its.med(9)] }), same),
    loser: ext(() => ({ origin: 1, also: [its.med(1)] }), same),
  },
  {
    rule: 'RFC 4271 §9.1.2.2b: EGP wins over INCOMPLETE',
    winner: ext(() => ({ origin: 1 })),
    loser: ext(() => ({ origin: 2 })),
  },
  {
    rule: 'RFC 4271 §9.1.2.2c: of one neighbouring AS the lower MED wins, over the identifier',
    winner: ext(() => ({ also: [its.med(5)] }), same, '9.9.9.9'),
    loser: ext(() => ({ also: [its.med(6)] }), same, '0.0.0.9'),
  },
  {
    rule: 'RFC 4271 §9.1.2.2c: no MED is MED 0',
    winner: ext(() => ({}), same, '9.9.9.9'),
    loser: ext(() => ({ also: [its.med(1)] }), same, '0.0.0.9'),
  },
  {
    rule: 'RFC 4271 §9.1.2.2c: MED 4294967295 is the worst, not the best',
    winner: ext(() => ({ also: [its.med(0x7fffffff)] }), same, '9.9.9.9'),
    loser: ext(() => ({ also: [its.med(0xffffffff)] }), same, '0.0.0.9'),
  },
  {
    rule: 'RFC 4271 §9.1.2.2c: MEDs of two ASes are not compared',
    winner: ext(() => ({ also: [its.med(900)] }), external, '0.0.0.1'),
    loser: ext(() => ({ also: [its.med(1)] }), external, '9.9.9.9'),
  },
  {
    rule: 'RFC 4271 §9.1.2.2d: external wins over internal, over the identifier',
    winner: ext(() => ({}), external, '9.9.9.9'),
    loser: int(() => ({}), '0.0.0.9'),
  },
  {
    rule: 'RFC 4271 §9.1.2.2f: the lower identifier wins',
    winner: ext(() => ({}), external, '0.0.0.3'),
    loser: ext(() => ({}), external, '0.0.0.4'),
  },
  {
    rule: 'RFC 4271 §9.1.2.2f: identifiers are unsigned',
    winner: ext(() => ({}), external, '127.0.0.9'),
    loser: ext(() => ({}), external, '128.0.0.1'),
  },
  {
    rule: 'RFC 4271 §9.1.2.2g: with equal identifiers the lower address wins',
    winner: ext(() => ({}), external, '7.7.7.7'),
    loser: ext(() => ({}), external, '7.7.7.7'),
  },
  {
    rule: 'RFC 4456 §9: ORIGINATOR_ID stands for the identifier',
    winner: int(() => ({ also: [its.originatorId('0.0.0.5')] }), '9.9.9.1'),
    loser: int(() => ({}), '0.0.0.6'),
  },
  {
    rule: 'RFC 4456 §9: the shorter CLUSTER_LIST wins, over the address',
    winner: int(() => ({ also: [its.originatorId('8.8.8.8')] }), '9.9.9.3'),
    loser: int(() => ({ also: [its.originatorId('8.8.8.8'), its.clusterList('4.4.4.4')] }), '9.9.9.2'),
  },
  {
    rule: 'RFC 4271 §9.1.2.2: an unusable route does not take part',
    winner: ext((peer, mark) => ({ asPath: [peer.asNumber, 65301, 65302, mark] })),
    loser: ext((peer, mark) => ({ asPath: [peer.asNumber, 64512, mark] })),
  },
];

const tell = (connection: Connection, peer: ProbedPeer, prefix: string, says: RouteFields): void =>
  connection.send(route(peer, prefix, says));

conformance('decision process', {}, (check) => {
  for (const { rule, winner, loser } of CONTESTS) {
    // Names in order: an earlier peer has the lower address.
    check(rule, { w: winner.spec, l: loser.spec, b: external }, async ({ w, l, b }, { net }) => {
      const other = await b.established();
      const [win, lose] = [
        await w.established(winner.id === undefined ? {} : { id: winner.id }),
        await l.established(loser.id === undefined ? {} : { id: loser.id }),
      ];
      const isTold = (prefix: string, mark: number) =>
        readAsPath(other.table.get(prefix) ?? new Map()).endsWith(` ${mark}`);
      // The winner comes last, and takes over; then it comes first, and stays.
      tell(lose, l, net(0), loser.says(l, LOSER));
      await settled({ peer: l, connection: lose }, other, net);
      tell(win, w, net(0), winner.says(w, WINNER));
      await other.until('the winner', () => isTold(net(0), WINNER));
      tell(win, w, net(1), winner.says(w, WINNER));
      await other.told(net(1));
      tell(lose, l, net(1), loser.says(l, LOSER));
      await settled({ peer: l, connection: lose }, other, net);
      expect(isTold(net(1), WINNER)).toBe(true);
      // When it goes, the other is told in its place, where that may be used at all.
      win.send(withdrawal(net(0)));
      if (rule.includes('unusable')) await other.takenBack(net(0));
      else await other.until('the other', () => isTold(net(0), LOSER));
    });
  }

  check(
    'RFC 4271 §9.1.2.2a: an AS_SET counts one',
    { w: external, l: external, b: external },
    async ({ w, l, b }, { net }) => {
      const other = await b.established();
      const [win, lose] = [await w.established({ id: '9.9.9.9' }), await l.established({ id: '0.0.0.1' })];
      const attributes = attributesOf(w).filter((octets) => octets[1] !== 2);
      lose.send(route(l, net(), { asPath: [l.asNumber, 65301, 65302] }));
      await other.told(net());
      win.send(
        update({
          attributes: [...attributes, pathOf([2, [w.asNumber]], [1, [65303, 65304, 65305]])],
          nlri: [nlri(net())],
        }),
      );
      await other.until('the winner', () => readAsPath(other.table.get(net())!).includes('65303'));
    },
  );

  check(
    'RFC 4271 §9.1.2.2c: MED decides within an AS first, in whatever order routes came',
    { x1: same, x2: same, y: external, b: external },
    async ({ x1, x2, y, b }, { net }) => {
      const other = await b.established();
      // x1 is removed by x2 (MED), so that y wins over x2 by the identifier, although x1 has the lowest of all.
      const connections = [
        [x1, await x1.established({ id: '0.0.1.1' }), 10],
        [x2, await x2.established({ id: '0.0.1.3' }), 5],
        [y, await y.established({ id: '0.0.1.2' }), 7],
      ] as const;
      const orders = [
        [0, 1, 2],
        [2, 1, 0],
        [1, 0, 2],
        [2, 0, 1],
        [0, 2, 1],
        [1, 2, 0],
      ] as const;
      for (const [index, order] of orders.entries()) {
        for (const i of order) {
          const [peer, connection, med] = connections[i];
          connection.send(route(peer, net(index), { also: [its.med(med)] }));
          await settled({ peer, connection }, other, net);
        }
        expect(readAsPath(other.table.get(net(index))!)).toBe(`64512 ${y.asNumber}`);
      }
    },
  );

  check(
    'RFC 4271 §9.1.2: a route made here is told, whatever a peer says of its prefix',
    { a: external, b: external },
    async ({ a, b }, { net }) => {
      const [connection, other] = [await a.established(), await b.established()];
      connection.send(route(a, '10.255.0.0/26'));
      await settled({ peer: a, connection }, other, net);
      expect(readAsPath(other.table.get('10.255.0.0/26')!)).toBe('64512');
    },
  );

  check(
    'RFC 4271 §9.1.4: a longer prefix and a shorter one are told both',
    { a: external, b: external },
    async ({ a, b }, { net }) => {
      const [connection, other] = [await a.established(), await b.established()];
      const half = net().replace('/24', '/25');
      connection.send(route(a, net()), route(a, half));
      await other.told(net());
      await other.told(half);
    },
  );

  check(
    'RFC 4271 §9.2: what does not change is not told again',
    { w: external, l: external, b: external },
    async ({ w, l, b }, { net }) => {
      const other = await b.established();
      const [win, lose] = [await w.established({ id: '0.0.0.1' }), await l.established({ id: '0.0.0.2' })];
      tell(win, w, net(), {});
      await other.told(net());
      tell(lose, l, net(), {});
      tell(win, w, net(), {});
      lose.send(withdrawal(net()));
      await settled({ peer: l, connection: lose }, other, net);
      expect(other.updates.filter(({ announced }) => announced.includes(net()))).toHaveLength(1);
    },
  );
});
