// Pages of a table are what sorting all of it gives, and only what they show is made.

import { comparePrefixes, type Family, type Prefix, PrefixTable, parseNetwork } from 'bgp-utils';
import fc from 'fast-check';
import { prefixesInOrder } from '../../bgp/src/speaker/in-order.ts';

const nat = (max: number) => fc.integer({ min: 0, max });

/** Many share their first bits, and some differ in their lengths alone. */
const at = (family: Family) =>
  family === 'ipv4'
    ? fc
        .tuple(nat(3), nat(3), nat(255), nat(32))
        .map(([a, b, c, length]) => `${200 + a}.${b}.0.${c}/${length}`)
    : fc
        .tuple(nat(1), nat(3), nat(255), nat(128))
        .map(([a, b, c, length]) => `fd0${a}:65::${b}:${c}/${length}`);

describe.each<Family>(['ipv4', 'ipv6'])('prefixes of %s in their order', (family) => {
  it('are those of the table sorted, from any prefix on, however many are looked for at once', () => {
    const network = at(family).map((text) => parseNetwork(text)!.prefix);
    fc.assert(
      fc.property(
        fc.uniqueArray(network, { maxLength: 80, size: 'max' }),
        fc.option(network, { nil: undefined }),
        fc.integer({ min: 1, max: 30 }),
        nat(3),
        (prefixes, after, pageSize, skip) => {
          const table = new PrefixTable(family);
          for (const each of prefixes) table.retain(table.addPrefix(each));
          const has = (each: Prefix) => each.length % 4 !== skip;
          const found = [...prefixesInOrder(table, { after, pageSize }, (id) => has(table.prefix(id)))].map(
            (id) => table.prefix(id),
          );
          const expected = prefixes
            .filter((each) => has(each) && (after === undefined || comparePrefixes(each, after) > 0))
            .sort(comparePrefixes);
          expect(found).toEqual(expected);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('of a large table keep no more than a few pages', () => {
    const table = new PrefixTable(family);
    const count = 20_000;
    for (let i = count; i > 0; i--) {
      const text = family === 'ipv4' ? `10.${i >> 8}.${i & 255}.0/24` : `fd00:65:${i.toString(16)}::/48`;
      table.retain(table.addPrefix(parseNetwork(text)!.prefix));
    }
    const [first] = prefixesInOrder(table, { after: undefined, pageSize: 10 }, () => true);
    const after = parseNetwork(family === 'ipv4' ? '10.39.0.0/24' : 'fd00:65:2700::/48')!.prefix;
    const [next] = prefixesInOrder(table, { after, pageSize: 10 }, () => true);
    expect([table.prefix(first!), table.prefix(next!)]).toEqual(
      family === 'ipv4' ? ['10.0.1.0/24', '10.39.1.0/24'] : ['fd00:65:1::/48', 'fd00:65:2701::/48'],
    );
  });
});
