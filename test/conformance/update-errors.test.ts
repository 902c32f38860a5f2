// Errors of UPDATE that end a session (RFC 4271 §6.3, RFC 7606 §3, §5, §7).

import { attribute, ip4, its, join, nlri, OPTIONAL, u8, u16, update, WELL_KNOWN } from './octets.ts';
import { attributesOf, route } from './routes.ts';
import { conformance, external, type ProbedPeer } from './suite.ts';

interface Fatal {
  readonly rule: string;
  readonly octets: (peer: ProbedPeer, prefix: string) => Buffer;
  readonly subcode: number;
  readonly data?: string;
}

const twiceReach = its.reach(1, ip4('127.0.0.9'), nlri('10.0.0.0/24'));
const badReach = (value: Buffer) => (peer: ProbedPeer) =>
  update({ attributes: [...attributesOf(peer), attribute(OPTIONAL, 14, value)] });

const FATAL: readonly Fatal[] = [
  {
    rule: 'RFC 4271 §6.3: Withdrawn Routes Length beyond the message: 3/1',
    octets: () => update({ withdrawnLength: 100 }),
    subcode: 1,
  },
  {
    rule: 'RFC 4271 §6.3: Total Path Attribute Length beyond the message: 3/1',
    octets: (peer) => update({ attributes: attributesOf(peer), attributesLength: 200 }),
    subcode: 1,
  },
  {
    rule: 'RFC 4271 §6.3: the two lengths together beyond the message: 3/1',
    octets: () => update({ withdrawn: [nlri('10.0.0.0/8')], attributesLength: 1 }),
    subcode: 1,
  },
  {
    rule: 'RFC 7606 §5.3: an NLRI length of 33: 3/10',
    octets: (peer) => update({ attributes: attributesOf(peer), nlri: [join(u8(33), Buffer.alloc(5))] }),
    subcode: 10,
  },
  {
    rule: 'RFC 7606 §5.3: an NLRI length of 255: 3/10',
    octets: (peer) => update({ attributes: attributesOf(peer), nlri: [join(u8(255), Buffer.alloc(32))] }),
    subcode: 10,
  },
  {
    rule: 'RFC 7606 §5.3: NLRI that ends within a prefix: 3/10',
    octets: (peer) => update({ attributes: attributesOf(peer), nlri: [join(u8(24), u8(10))] }),
    subcode: 10,
  },
  {
    rule: 'RFC 7606 §5.3: a withdrawn length of 33: 3/10',
    octets: () => update({ withdrawn: [join(u8(33), Buffer.alloc(5))] }),
    subcode: 10,
  },
  {
    rule: 'RFC 7606 §5.3: withdrawn routes that end within a prefix: 3/10',
    octets: () => update({ withdrawn: [join(u8(32), u8(10))] }),
    subcode: 10,
  },
  {
    rule: 'RFC 4271 §6.3: a well-known attribute that nobody knows: 3/2, with the attribute as data',
    octets: (peer, prefix) =>
      update({
        attributes: [...attributesOf(peer), attribute(WELL_KNOWN, 99, u16(0xabcd))],
        nlri: [nlri(prefix)],
      }),
    subcode: 2,
    data: '406302abcd',
  },
  {
    rule: 'RFC 7606 §3g: MP_REACH_NLRI twice: 3/1',
    octets: (peer) => update({ attributes: [...attributesOf(peer), twiceReach, twiceReach] }),
    subcode: 1,
  },
  {
    rule: 'RFC 7606 §3g: MP_UNREACH_NLRI twice: 3/1',
    octets: () => update({ attributes: [its.unreach(1), its.unreach(1)] }),
    subcode: 1,
  },
  {
    rule: 'RFC 7606 §7.11: MP_REACH_NLRI of 3 octets: 3/9',
    octets: badReach(join(u16(1), u8(1))),
    subcode: 9,
  },
  {
    rule: 'RFC 7606 §7.11: a next hop of 5 octets in MP_REACH_NLRI: 3/9',
    octets: badReach(join(u16(1), u8(1), u8(5), Buffer.alloc(5, 1), u8(0), nlri('10.0.0.0/24'))),
    subcode: 9,
  },
  {
    rule: 'RFC 7606 §7.11: a next hop that ends beyond MP_REACH_NLRI: 3/9',
    octets: badReach(join(u16(1), u8(1), u8(40), Buffer.alloc(5, 1))),
    subcode: 9,
  },
  {
    rule: 'RFC 7606 §5.3: a length of 33 in MP_REACH_NLRI: 3/9',
    octets: badReach(join(u16(1), u8(1), u8(4), ip4('127.0.0.9'), u8(0), u8(33), Buffer.alloc(5))),
    subcode: 9,
  },
  {
    rule: 'RFC 7606 §7.12: MP_UNREACH_NLRI of 2 octets: 3/9',
    octets: () => update({ attributes: [attribute(OPTIONAL, 15, u16(1))] }),
    subcode: 9,
  },
  {
    rule: 'RFC 7606 §5.3: a length of 33 in MP_UNREACH_NLRI: 3/9',
    octets: () =>
      update({ attributes: [attribute(OPTIONAL, 15, join(u16(1), u8(1), u8(33), Buffer.alloc(5)))] }),
    subcode: 9,
  },
  {
    rule: 'RFC 7606 §3h: of two errors the stronger counts',
    octets: (peer, prefix) =>
      update({
        attributes: [
          ...attributesOf(peer),
          its.communities('1:1').subarray(0, 6),
          attribute(WELL_KNOWN, 99, u8(0)),
        ].map((each, i) => (i === 3 ? attribute(0xc0, 8, u8(0)) : each)),
        nlri: [nlri(prefix)],
      }),
    subcode: 2,
  },
  {
    rule: 'RFC 7606 §5.2: attributes with an error that tell no prefix at all',
    octets: () => update({ attributes: [its.origin(3)] }),
    subcode: 6,
  },
];

conformance('UPDATE: errors that end the session', {}, (check) => {
  for (const { rule, octets, subcode, data } of FATAL) {
    check(rule, { a: external, b: external }, async ({ a, b }, { net }) => {
      const [connection, other] = [await a.established(), await b.established()];
      connection.send(route(a, net(1)));
      await other.told(net(1));
      connection.send(octets(a, net(0)));
      await connection.expectEnd(3, subcode, data);
      await other.takenBack(net(1));
      expect(other.withdrawn.has(net(0)) || other.table.has(net(0))).toBe(false);
    });
  }
});
