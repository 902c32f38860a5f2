// Peers with AS numbers of two octets (RFC 6793).

import {
  attribute,
  can,
  ip4,
  its,
  join,
  nlri,
  OPTIONAL_TRANSITIVE,
  segment,
  u16,
  update,
  WELL_KNOWN,
} from './octets.ts';
import { readAsPath } from './reading.ts';
import { route } from './routes.ts';
import { conformance, external, type Hello, OUR_AS, type ProbedPeer } from './suite.ts';

conformance('AS numbers of two and four octets', {}, (check) => {
  const old: Hello = { can: [can.family()] };
  const shortPath = (...asNumbers: readonly number[]) => attribute(WELL_KNOWN, 2, segment(2, asNumbers, 2));
  const as4Path = (...asNumbers: readonly number[]) =>
    attribute(OPTIONAL_TRANSITIVE, 17, segment(2, asNumbers));
  const said = (peer: ProbedPeer, prefix: string, ...attributes: readonly Buffer[]) =>
    update({ attributes: [its.origin(), ...attributes, its.nextHop(peer.address)], nlri: [nlri(prefix)] });

  check(
    'RFC 6793 §4.2.2: a 2-octet peer hears AS_TRANS, and the numbers in AS4_PATH and AS4_AGGREGATOR',
    { a: external, b: external },
    async ({ a, b }, { net }) => {
      const [from, to] = [await a.established(), await b.established(old)];
      from.send(route(a, net(), { asPath: [a.asNumber, 70000], also: [its.aggregator(70001, '1.2.3.4')] }));
      const told = await to.told(net());
      expect(readAsPath(told, 2)).toBe(`${OUR_AS} ${a.asNumber} 23456`);
      expect(readAsPath(told, 4, 17)).toBe(`${OUR_AS} ${a.asNumber} 70000`);
      expect(told.get(17)?.flags).toBe(OPTIONAL_TRANSITIVE);
      expect([told.get(7)?.hex, told.get(18)?.hex]).toEqual(['5ba001020304', '0001117101020304']);
    },
  );

  check(
    'RFC 6793 §4.2.2: no AS4_PATH where all numbers fit',
    { a: external, b: external },
    async ({ a, b }, { net }) => {
      const [from, to] = [await a.established(), await b.established(old)];
      from.send(route(a, net(), { also: [its.aggregator(65001, '1.2.3.4')] }));
      const told = await to.told(net());
      expect([told.has(17), told.has(18), told.get(7)?.hex]).toEqual([false, false, 'fde901020304']);
    },
  );

  const merges: readonly (readonly [string, readonly Buffer[], (own: number) => string])[] = [
    [
      'AS4_PATH takes the place of the end of AS_PATH',
      [as4Path(70000, 70001)],
      (own) => `${own} 70000 70001`,
    ],
    ['an AS4_PATH that is longer is ignored', [as4Path(1, 2, 3, 4)], (own) => `${own} 23456 23456`],
    [
      'an AS4_PATH that is malformed is ignored',
      [attribute(OPTIONAL_TRANSITIVE, 17, join(u16(0x0203), u16(1)))],
      (own) => `${own} 23456 23456`,
    ],
    [
      'both AS4_ attributes are ignored where AGGREGATOR is not AS_TRANS',
      [
        as4Path(70000, 70001),
        attribute(OPTIONAL_TRANSITIVE, 7, join(u16(65001), ip4('1.2.3.4'))),
        attribute(OPTIONAL_TRANSITIVE, 18, Buffer.alloc(8, 1)),
      ],
      (own) => `${own} 23456 23456`,
    ],
    [
      'confederation segments in AS4_PATH do not count',
      [attribute(OPTIONAL_TRANSITIVE, 17, join(segment(3, [65009]), segment(2, [70000, 70001])))],
      (own) => `${own} 70000 70001`,
    ],
  ];
  for (const [rule, attributes, expected] of merges) {
    check(`RFC 6793 §4.2.3, §6: ${rule}`, { a: external, b: external }, async ({ a, b }, { net }) => {
      const [from, to] = [await a.established(old), await b.established()];
      from.send(said(a, net(), shortPath(a.asNumber, 23456, 23456), ...attributes));
      expect(readAsPath(await to.told(net()))).toBe(`${OUR_AS} ${expected(a.asNumber)}`);
      expect(from.isOpen).toBe(true);
    });
  }

  check(
    'RFC 6793 §4.2.3: AS4_AGGREGATOR takes the place of AS_TRANS',
    { a: external, b: external },
    async ({ a, b }, { net }) => {
      const [from, to] = [await a.established(old), await b.established()];
      const aggregator = attribute(OPTIONAL_TRANSITIVE, 7, join(u16(23456), ip4('1.2.3.4')));
      const as4 = attribute(OPTIONAL_TRANSITIVE, 18, Buffer.from('0001117001020304', 'hex'));
      from.send(said(a, net(), shortPath(a.asNumber), aggregator, as4));
      const told = await to.told(net());
      expect([told.get(7)?.hex, told.has(18)]).toEqual(['0001117001020304', false]);
    },
  );
});
