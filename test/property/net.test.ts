import { isIP } from 'node:net';
import {
  type Address,
  addressFromOctets,
  addressFromWords,
  addressOctets,
  addressWords,
  compareAddresses,
  comparePrefixes,
  containsAddress,
  containsPrefix,
  familyOfAddress,
  parseAddress,
  parsePrefix,
  prefixOf,
} from 'bgp-utils';
import fc from 'fast-check';

const octets = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
/** Half of them with many zeros, so that runs of them are met. */
const sparse = fc.array(fc.oneof(fc.constant(0), fc.constant(0), fc.nat(255)), {
  minLength: 16,
  maxLength: 16,
});
const address = fc
  .oneof(
    octets(4),
    octets(16),
    sparse.map((list) => Uint8Array.from(list)),
  )
  .map(addressFromOctets);
const bitsOf = (a: Address) => (familyOfAddress(a) === 'ipv4' ? 32 : 128);
const network = address.chain((a) =>
  fc.nat(bitsOf(a)).map((length) => ({ a, length, p: prefixOf(a, length) })),
);

it('an address survives text, octets and words', () => {
  fc.assert(
    fc.property(address, (a) => {
      expect(parseAddress(a)).toBe(a);
      expect(addressFromOctets(addressOctets(a))).toBe(a);
      expect(addressFromWords(familyOfAddress(a), ...addressWords(a))).toBe(a);
    }),
  );
});

it('the canonical text is that of the URL parser, the dotted form of mapped addresses apart', () => {
  fc.assert(
    fc.property(address, (a) => {
      if (familyOfAddress(a) === 'ipv4' || a.startsWith('::ffff:')) return;
      expect(`[${a}]`).toBe(new URL(`http://[${a}]/`).hostname);
    }),
  );
});

it('what is an address is what Node takes for one', () => {
  const text = fc.oneof(
    fc.string({ unit: fc.constantFrom(...'0123456789abcf:.'), maxLength: 20 }),
    fc
      .array(fc.constantFrom('0', '1', 'ffff', '', '10.0.0.1', '256'), { maxLength: 9 })
      .map((parts) => parts.join(':')),
    fc
      .array(fc.constantFrom('0', '1', '255', '256', '', '01'), { minLength: 3, maxLength: 5 })
      .map((parts) => parts.join('.')),
  );
  fc.assert(
    fc.property(text, (t) => {
      expect([t, parseAddress(t) !== undefined]).toEqual([t, isIP(t) !== 0]);
    }),
    { numRuns: 2000 },
  );
});

it('a prefix survives text, and contains its address and itself', () => {
  fc.assert(
    fc.property(network, ({ a, p }) => {
      expect(parsePrefix(p)).toBe(p);
      expect(containsAddress(p, a)).toBe(true);
      expect(containsPrefix(p, p)).toBe(true);
    }),
  );
});

it('a shorter prefix of an address contains a longer one, not the other way round', () => {
  fc.assert(
    fc.property(network, fc.nat(128), ({ a, length, p }, n) => {
      const other = n % (bitsOf(a) + 1);
      expect(containsPrefix(prefixOf(a, other), p)).toBe(other <= length);
    }),
  );
});

it('orders are total', () => {
  fc.assert(
    fc.property(address, address, address, (a, b, c) => {
      expect(Math.sign(compareAddresses(a, b))).toBe(-Math.sign(compareAddresses(b, a)) + 0);
      expect(compareAddresses(a, b) === 0).toBe(a === b);
      const [x, y, z] = [a, b, c].sort(compareAddresses) as [Address, Address, Address];
      expect(compareAddresses(x, y) <= 0 && compareAddresses(y, z) <= 0 && compareAddresses(x, z) <= 0).toBe(
        true,
      );
    }),
  );
  fc.assert(
    fc.property(network, network, ({ p }, { p: q }) => {
      expect(comparePrefixes(p, q) === 0).toBe(p === q);
    }),
  );
});
