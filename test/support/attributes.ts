// Attribute sets of every kind for property tests.

import {
  type Address,
  type AsPath,
  type AsPathSegment,
  addressFromOctets,
  isNoHost,
  type Origin,
  type PathAttributes,
} from 'bgp-utils';
import fc from 'fast-check';

const u32 = fc.nat(0xffffffff);
/** Few values, so that they meet. */
const asNumber = fc.constantFrom(65001, 65002, 65003, 64512, 4200000000);
const community = fc.oneof(
  u32,
  fc.constantFrom(0xffff0000, 0xffff0006, 0xffff0007, 0xffffff01, 0xffffff02, 0xffffff03),
);
const identifier = fc.constantFrom('10.0.0.1', '10.0.0.2', '1.1.1.1').map((text) => text as Address);

const host = (octets: number) =>
  fc
    .uint8Array({ minLength: octets, maxLength: octets })
    .map(addressFromOctets)
    .filter((address) => !isNoHost(address));

const linkLocal = fc.constantFrom('fe80::1', 'fe80::2').map((text) => text as Address);

export const nextHops = {
  ipv4: host(4).map((address) => ({ address })),
  ipv6: fc.oneof(
    host(16).map((address) => ({ address })),
    linkLocal.map((address) => ({ address })),
    fc.record({ address: host(16), linkLocal }),
  ),
};

const segment = (types: readonly AsPathSegment['type'][]): fc.Arbitrary<AsPathSegment> =>
  fc.record({
    type: fc.constantFrom(...types),
    asNumbers: fc.oneof(
      { weight: 9, arbitrary: fc.array(asNumber, { minLength: 1, maxLength: 5 }) },
      { weight: 1, arbitrary: fc.array(asNumber, { minLength: 254, maxLength: 255, size: 'max' }) },
    ),
  });

const path = (types: readonly AsPathSegment['type'][]): fc.Arbitrary<AsPath> =>
  fc.array(segment(types), { maxLength: 3 });

const ORDINARY = ['AS_SEQUENCE', 'AS_SEQUENCE', 'AS_SET'] as const;
const ANY = [...ORDINARY, 'AS_CONFED_SEQUENCE', 'AS_CONFED_SET'] as const;

const list = <T>(of: fc.Arbitrary<T>) => fc.array(of, { minLength: 1, maxLength: 4 });

/** Octets as 16 hex digits; the first octet says whether it may leave the AS. */
const extendedCommunity = fc
  .tuple(fc.constantFrom('00', '03', '40'), fc.uint8Array({ minLength: 7, maxLength: 7 }))
  .map(([type, rest]) => type + Buffer.from(rest).toString('hex'));

/** @param confederations  AS paths may have their segments. */
export const attributes = (confederations: boolean): fc.Arbitrary<Omit<PathAttributes, 'nextHop'>> =>
  fc
    .record(
      {
        origin: fc.constantFrom<Origin>(0, 1, 2),
        asPath: path(confederations ? ANY : ORDINARY),
        multiExitDisc: fc.constantFrom(0, 10, 4294967295),
        localPref: fc.constantFrom(0, 100, 200),
        atomicAggregate: fc.constant(true as const),
        aggregator: fc.record({ asNumber, address: identifier }),
        communities: list(community),
        originatorId: identifier,
        clusterList: list(identifier),
        extendedCommunities: list(extendedCommunity),
        largeCommunities: fc.uniqueArray(fc.tuple(u32, u32, u32), {
          minLength: 1,
          maxLength: 3,
          selector: String,
        }),
        onlyToCustomer: asNumber,
        unrecognized: fc
          .record({ code: fc.constantFrom(77, 200), value: fc.uint8Array({ maxLength: 9 }) })
          .map((each) => [{ ...each, flags: 0xe0 }]),
      },
      { requiredKeys: ['origin', 'asPath'] },
    )
    .map((values) => values as Omit<PathAttributes, 'nextHop'>);
