// Path attributes that are not as they should be, and what becomes of the route: RFC 7606 and what other RFCs say of theirs.

import {
  attribute,
  EXTENDED,
  its,
  join,
  OPTIONAL,
  OPTIONAL_TRANSITIVE,
  PARTIAL,
  segment,
  u8,
  u16,
  u32,
  WELL_KNOWN,
} from './octets.ts';
import { attributesOf, pathOf } from './routes.ts';
import { internal, OUR_ADDRESS, OUR_AS, type PeerSpec, type ProbedPeer } from './suite.ts';

/** Shows in what is told on that the second UPDATE was taken. */
export const SECOND = 65100;

/** `used`: the route as the second UPDATE has it. `discarded`: so, but without that attribute. `withdrawn`: no route. */
export type Outcome = 'used' | 'withdrawn' | { readonly discarded: number };

export interface Case {
  readonly rule: string;
  readonly from?: PeerSpec;
  readonly outcome: Outcome;
  /** All attributes of the second UPDATE. */
  readonly attributes: (peer: ProbedPeer) => readonly Buffer[];
}

export const path = (peer: ProbedPeer): readonly number[] =>
  peer.asNumber === OUR_AS ? [SECOND] : [peer.asNumber, SECOND];

export const having =
  (...others: readonly Buffer[]) =>
  (peer: ProbedPeer): readonly Buffer[] => {
    const codes = new Set(others.map((octets) => octets[1]));
    return [
      ...attributesOf(peer, { asPath: path(peer) }).filter((octets) => !codes.has(octets[1])),
      ...others,
    ];
  };

const without =
  (code: number) =>
  (peer: ProbedPeer): readonly Buffer[] =>
    attributesOf(peer, { asPath: path(peer) }).filter((octets) => octets[1] !== code);

const none = Buffer.alloc(0);
const of = (count: number): Buffer => Buffer.alloc(count, 1);

export const CASES: readonly Case[] = [
  {
    rule: 'RFC 7606 §7.1: ORIGIN 3 is treated as a withdrawal',
    outcome: 'withdrawn',
    attributes: having(its.origin(3)),
  },
  {
    rule: 'RFC 7606 §7.1: ORIGIN of 2 octets is treated as a withdrawal',
    outcome: 'withdrawn',
    attributes: having(attribute(WELL_KNOWN, 1, u16(0))),
  },
  {
    rule: 'RFC 7606 §4: an empty ORIGIN is treated as a withdrawal',
    outcome: 'withdrawn',
    attributes: having(attribute(WELL_KNOWN, 1, none)),
  },
  {
    rule: 'RFC 7606 §3c: ORIGIN as an optional attribute is treated as a withdrawal',
    outcome: 'withdrawn',
    attributes: having(attribute(OPTIONAL_TRANSITIVE, 1, u8(0))),
  },
  {
    rule: 'RFC 7606 §3c: ORIGIN as non-transitive is treated as a withdrawal',
    outcome: 'withdrawn',
    attributes: having(attribute(0, 1, u8(0))),
  },
  {
    rule: 'RFC 7606 §3c: the Partial bit of a well-known attribute does not matter',
    outcome: 'used',
    attributes: having(attribute(WELL_KNOWN | PARTIAL, 1, u8(0))),
  },
  {
    rule: 'RFC 4271 §4.3: the lower four bits of the flags do not matter',
    outcome: 'used',
    attributes: having(attribute(WELL_KNOWN | 0x0f, 1, u8(0))),
  },
  {
    rule: 'RFC 4271 §4.3: a length of two octets where one would do',
    outcome: 'used',
    attributes: having(attribute(WELL_KNOWN | EXTENDED, 1, u8(0))),
  },
  {
    rule: 'RFC 7606 §7.2: a segment type of 5 is treated as a withdrawal',
    outcome: 'withdrawn',
    attributes: having(pathOf([5, [65001]])),
  },
  {
    rule: 'RFC 7606 §7.2: a segment that ends beyond AS_PATH is treated as a withdrawal',
    outcome: 'withdrawn',
    attributes: having(attribute(WELL_KNOWN, 2, join(u8(2), u8(3), u32(65001)))),
  },
  {
    rule: 'RFC 7606 §7.2: one octet after the last segment is treated as a withdrawal',
    outcome: 'withdrawn',
    attributes: having(attribute(WELL_KNOWN, 2, join(segment(2, [65001]), u8(2)))),
  },
  {
    rule: 'RFC 7606 §7.2: a segment without AS numbers is treated as a withdrawal',
    outcome: 'withdrawn',
    attributes: having(attribute(WELL_KNOWN, 2, join(u8(2), u8(0)))),
  },
  {
    rule: 'RFC 7607 §2: AS number 0 in AS_PATH is treated as a withdrawal',
    outcome: 'withdrawn',
    attributes: having(its.asPath(65001, 0)),
  },
  {
    rule: 'RFC 5065 §5: a confederation sequence from outside is treated as a withdrawal',
    outcome: 'withdrawn',
    attributes: having(pathOf([3, [65001]])),
  },
  {
    rule: 'RFC 5065 §5: a confederation set from outside is treated as a withdrawal',
    outcome: 'withdrawn',
    attributes: having(pathOf([2, [65001]], [4, [65002]])),
  },
  {
    rule: 'RFC 4271 §9.1.2: our own AS number in AS_PATH: the route is not used',
    outcome: 'withdrawn',
    attributes: having(its.asPath(65001, OUR_AS, 65002)),
  },
  {
    rule: 'RFC 4271 §9.1.2: nor where it stands in an AS_SET',
    outcome: 'withdrawn',
    attributes: having(pathOf([2, [65001]], [1, [65002, OUR_AS]])),
  },
  {
    rule: 'RFC 7606 §7.3: NEXT_HOP of 3 octets is treated as a withdrawal',
    outcome: 'withdrawn',
    attributes: having(attribute(WELL_KNOWN, 3, of(3))),
  },
  {
    rule: 'RFC 7606 §7.3: NEXT_HOP of 16 octets is treated as a withdrawal',
    outcome: 'withdrawn',
    attributes: having(attribute(WELL_KNOWN, 3, of(16))),
  },
  {
    rule: 'RFC 4271 §6.3: NEXT_HOP 0.0.0.0 is no host',
    outcome: 'withdrawn',
    attributes: having(its.nextHop('0.0.0.0')),
  },
  {
    rule: 'RFC 4271 §6.3: NEXT_HOP 224.0.0.5 is no host',
    outcome: 'withdrawn',
    attributes: having(its.nextHop('224.0.0.5')),
  },
  {
    rule: 'RFC 4271 §6.3: NEXT_HOP 255.255.255.255 is no host',
    outcome: 'withdrawn',
    attributes: having(its.nextHop('255.255.255.255')),
  },
  {
    rule: 'RFC 4271 §5.1.3: a route with our own address as NEXT_HOP is not used',
    outcome: 'withdrawn',
    attributes: having(its.nextHop(OUR_ADDRESS)),
  },
  {
    rule: 'RFC 7606 §7.4: MULTI_EXIT_DISC of 3 octets is treated as a withdrawal',
    outcome: 'withdrawn',
    attributes: having(attribute(OPTIONAL, 4, of(3))),
  },
  {
    rule: 'RFC 7606 §3c: MULTI_EXIT_DISC as transitive is treated as a withdrawal',
    outcome: 'withdrawn',
    attributes: having(attribute(OPTIONAL_TRANSITIVE, 4, of(4))),
  },
  {
    rule: 'RFC 7606 §7.5: LOCAL_PREF of an external peer is discarded',
    outcome: { discarded: 5 },
    attributes: having(its.localPref(700)),
  },
  {
    rule: 'RFC 7606 §7.5: LOCAL_PREF of an external peer is discarded whatever its length',
    outcome: { discarded: 5 },
    attributes: having(attribute(WELL_KNOWN, 5, of(3))),
  },
  {
    rule: 'RFC 7606 §7.5: LOCAL_PREF of 3 octets from an internal peer is treated as a withdrawal',
    from: internal,
    outcome: 'withdrawn',
    attributes: having(attribute(WELL_KNOWN, 5, of(3))),
  },
  {
    rule: 'RFC 7606 §7.6: ATOMIC_AGGREGATE with a value is discarded',
    outcome: { discarded: 6 },
    attributes: having(attribute(WELL_KNOWN, 6, of(1))),
  },
  {
    rule: 'RFC 7606 §7.7: AGGREGATOR of 6 octets between 4-octet speakers is discarded',
    outcome: { discarded: 7 },
    attributes: having(attribute(OPTIONAL_TRANSITIVE, 7, of(6))),
  },
  {
    rule: 'RFC 7606 §7.7: AGGREGATOR of 9 octets is discarded',
    outcome: { discarded: 7 },
    attributes: having(attribute(OPTIONAL_TRANSITIVE, 7, of(9))),
  },
  {
    rule: 'RFC 7607 §2: AGGREGATOR with AS number 0 is discarded',
    outcome: { discarded: 7 },
    attributes: having(its.aggregator(0, '1.2.3.4')),
  },
  {
    rule: 'RFC 7606 §7.8: COMMUNITIES of 5 octets are treated as a withdrawal',
    outcome: 'withdrawn',
    attributes: having(attribute(OPTIONAL_TRANSITIVE, 8, of(5))),
  },
  {
    rule: 'RFC 7606 §7.8: empty COMMUNITIES are treated as a withdrawal',
    outcome: 'withdrawn',
    attributes: having(attribute(OPTIONAL_TRANSITIVE, 8, none)),
  },
  {
    rule: 'RFC 7606 §7.9: ORIGINATOR_ID of an external peer is discarded',
    outcome: { discarded: 9 },
    attributes: having(its.originatorId('1.2.3.4')),
  },
  {
    rule: 'RFC 7606 §7.9: ORIGINATOR_ID of 5 octets from an internal peer is treated as a withdrawal',
    from: internal,
    outcome: 'withdrawn',
    attributes: having(attribute(OPTIONAL, 9, of(5))),
  },
  {
    rule: 'RFC 7606 §7.10: CLUSTER_LIST of an external peer is discarded',
    outcome: { discarded: 10 },
    attributes: having(its.clusterList('1.2.3.4')),
  },
  {
    rule: 'RFC 7606 §7.10: CLUSTER_LIST of 6 octets from an internal peer is treated as a withdrawal',
    from: internal,
    outcome: 'withdrawn',
    attributes: having(attribute(OPTIONAL, 10, of(6))),
  },
  {
    rule: 'RFC 7606 §7.10: an empty CLUSTER_LIST from an internal peer is treated as a withdrawal',
    from: internal,
    outcome: 'withdrawn',
    attributes: having(attribute(OPTIONAL, 10, none)),
  },
  {
    rule: 'RFC 7606 §7.14: extended communities of 7 octets are treated as a withdrawal',
    outcome: 'withdrawn',
    attributes: having(attribute(OPTIONAL_TRANSITIVE, 16, of(7))),
  },
  {
    rule: 'RFC 7606 §7.14: no extended communities in the attribute are treated as a withdrawal',
    outcome: 'withdrawn',
    attributes: having(attribute(OPTIONAL_TRANSITIVE, 16, none)),
  },
  {
    rule: 'RFC 8092 §5: large communities of 13 octets are treated as a withdrawal',
    outcome: 'withdrawn',
    attributes: having(attribute(OPTIONAL_TRANSITIVE, 32, of(13))),
  },
  {
    rule: 'RFC 9234 §5: ONLY_TO_CUSTOMER of 3 octets is treated as a withdrawal',
    outcome: 'withdrawn',
    attributes: having(attribute(OPTIONAL_TRANSITIVE, 35, of(3))),
  },
  {
    rule: 'RFC 6793 §6: AS4_PATH between 4-octet speakers is discarded',
    outcome: { discarded: 17 },
    attributes: having(attribute(OPTIONAL_TRANSITIVE, 17, segment(2, [65009]))),
  },
  {
    rule: 'RFC 6793 §6: AS4_AGGREGATOR between 4-octet speakers is discarded',
    outcome: { discarded: 18 },
    attributes: having(attribute(OPTIONAL_TRANSITIVE, 18, of(8))),
  },
  {
    rule: 'RFC 7606 §3g: of an attribute that comes twice the first counts',
    outcome: 'used',
    attributes: (peer) => [...attributesOf(peer, { asPath: path(peer) }), its.origin(2)],
  },
  {
    rule: 'RFC 7606 §3g: so of one that nobody knows',
    outcome: 'used',
    attributes: having(attribute(OPTIONAL, 250, of(1)), attribute(OPTIONAL, 250, of(2))),
  },
  {
    rule: 'RFC 7606 §3d: no ORIGIN is treated as a withdrawal',
    outcome: 'withdrawn',
    attributes: without(1),
  },
  {
    rule: 'RFC 7606 §3d: no AS_PATH is treated as a withdrawal',
    outcome: 'withdrawn',
    attributes: without(2),
  },
  {
    rule: 'RFC 7606 §3d: no NEXT_HOP is treated as a withdrawal',
    outcome: 'withdrawn',
    attributes: without(3),
  },
  {
    rule: 'RFC 7606 §4: an attribute that ends beyond the list is treated as a withdrawal',
    outcome: 'withdrawn',
    attributes: having(attribute(OPTIONAL, 4, of(2), 4)),
  },
  {
    rule: 'RFC 7606 §4: flags and nothing more at the end are treated as a withdrawal',
    outcome: 'withdrawn',
    attributes: having(u8(OPTIONAL)),
  },
  {
    rule: 'RFC 4271 §5: attributes in descending order are taken',
    outcome: 'used',
    attributes: (peer) => [...attributesOf(peer, { asPath: path(peer), also: [its.med(1)] })].reverse(),
  },
  {
    rule: 'RFC 4271 §4.3: AS_PATH with two segments in a row',
    outcome: 'used',
    attributes: (peer) => having(pathOf([2, [peer.asNumber]], [2, [SECOND]]))(peer),
  },
  {
    rule: 'RFC 6472 §3: an AS_SET is passed on',
    outcome: 'used',
    attributes: (peer) => having(pathOf([2, [peer.asNumber, SECOND]], [1, [65007, 65008]]))(peer),
  },
];
