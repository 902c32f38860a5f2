// BGPFilters against a plain reading of the data model's section 4: rules in order, the first that matches decides, filters in the
// order of the list, then the built-in rules. Prefixes are compared bit by bit here.

import { addressOctets, type Prefix, parseNetwork, prefixAddress, prefixLength } from 'bgp-utils';
import fc from 'fast-check';
import { stateOf } from '../support/calico.ts';
import { evaluatePolicy } from '../support/policy.ts';

const M = 2147483647;

interface Rule {
  readonly cidr?: Prefix;
  readonly matchOperator?: 'Equal' | 'NotEqual' | 'In' | 'NotIn';
  readonly prefixLength?: { readonly min?: number; readonly max?: number };
  readonly peerType?: 'eBGP' | 'iBGP';
  readonly source?: 'RemotePeers';
  readonly priority?: number;
  readonly action: 'Accept' | 'Reject';
}

interface Route {
  readonly prefix: Prefix;
  readonly localPref: number;
  readonly external: boolean;
  readonly learned: boolean;
}

const bits = (of: Prefix): string =>
  [...addressOctets(prefixAddress(of))]
    .map((octet) => octet.toString(2).padStart(8, '0'))
    .join('')
    .slice(0, prefixLength(of));

function prefixHolds({ cidr, matchOperator, prefixLength: range }: Rule, route: Prefix): boolean {
  if (cidr === undefined) return true;
  const inside = bits(route).startsWith(bits(cidr));
  const min = Math.max(range?.min ?? 0, prefixLength(cidr));
  const max = Math.min(range?.max ?? 128, cidr.includes(':') ? 128 : 32);
  const inRange = prefixLength(route) >= min && prefixLength(route) <= max;
  const equal = bits(route) === bits(cidr);
  switch (matchOperator!) {
    case 'In':
      return inside && inRange;
    case 'NotIn':
      return !(inside && inRange);
    case 'Equal':
      return equal && inRange;
    case 'NotEqual':
      return !(equal && inRange);
  }
}

const holds = (rule: Rule, route: Route): boolean =>
  prefixHolds(rule, route.prefix) &&
  (rule.peerType === undefined || (rule.peerType === 'eBGP') === route.external) &&
  (rule.source === undefined || route.learned) &&
  (rule.priority === undefined || route.localPref === M - rule.priority);

/** True and false decide; undefined goes on to the built-in rules. */
const decision = (filters: readonly (readonly Rule[])[], route: Route): boolean | undefined => {
  const rule = filters.flat().find((one) => holds(one, route));
  return rule && rule.action === 'Accept';
};

/** Of a small space, so that rules and routes meet. */
const network = (six: boolean): fc.Arbitrary<Prefix> =>
  six
    ? fc
        .tuple(
          fc.constantFrom('fd00:65::', 'fd00:65::40', 'fd00:66::', '::'),
          fc.constantFrom(0, 16, 32, 112, 122, 128),
        )
        .map(([address, length]) => parseNetwork(`${address}/${length}`)!.prefix)
    : fc
        .tuple(
          fc.constantFrom('10.65.0.0', '10.65.0.64', '10.65.1.0', '10.66.0.0', '0.0.0.0'),
          fc.constantFrom(0, 8, 15, 16, 24, 26, 32),
        )
        .map(([address, length]) => parseNetwork(`${address}/${length}`)!.prefix);

const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 2 });
const filled = (value: object): object =>
  Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined));

const rule = (six: boolean): fc.Arbitrary<Rule> =>
  fc
    .record({
      where: maybe(
        fc.record({
          cidr: network(six),
          matchOperator: fc.constantFrom('Equal', 'NotEqual', 'In', 'NotIn'),
          range: maybe(fc.tuple(maybe(fc.constantFrom(0, 16, 24)), maybe(fc.constantFrom(24, 26, 32)))),
        }),
      ),
      peerType: maybe(fc.constantFrom('eBGP', 'iBGP')),
      source: maybe(fc.constant('RemotePeers')),
      priority: maybe(fc.constantFrom(512, 1024)),
      action: fc.constantFrom('Accept', 'Reject'),
    })
    .map(({ where, ...rest }) => {
      const range = where?.range && filled({ min: where.range[0], max: where.range[1] });
      return filled({
        ...rest,
        cidr: where?.cidr,
        matchOperator: where?.matchOperator,
        prefixLength: range,
      }) as Rule;
    });

const generated = fc.boolean().chain((six) =>
  fc.record({
    six: fc.constant(six),
    filters: fc.array(fc.array(rule(six), { maxLength: 3 }), { maxLength: 3 }),
    routes: fc.array(
      fc.record({
        prefix: network(six),
        localPref: fc.constantFrom(100, M - 512, M - 1024),
        external: fc.boolean(),
        learned: fc.boolean(),
      }),
      { minLength: 1, maxLength: 6 },
    ),
  }),
);

const NODE = { v4: '10.0.0.1/24', v6: 'fd00::1/64' };
const POOLS = { four: { cidr: '10.65.0.0/16' }, six: { cidr: 'fd00:65::/112' } };

it.each(['import', 'export'] as const)(
  '%s: the first rule that matches decides, then what is built in',
  (direction) => {
    fc.assert(
      fc.property(generated, ({ six, filters, routes }) => {
        const field = `${direction}V${six ? 6 : 4}`;
        const names = filters.map((_, index) => `f${index}`);
        const peer = (asNumber: number) => ({
          peerIP: six ? 'fd00::2' : '10.0.0.2',
          asNumber,
          filters: names,
        });
        const policyOf = (external: boolean) => {
          const state = stateOf(
            {
              nodes: { a: NODE },
              pools: POOLS,
              filters: Object.fromEntries(filters.map((rules, index) => [`f${index}`, { [field]: rules }])),
              peers: { p: peer(external ? 65001 : 64512) },
            },
            'a',
          );
          expect(state.resolution.problems).toEqual([]);
          return state.peers[0]![direction === 'import' ? 'importPolicy' : 'exportPolicy'];
        };
        const policies = { true: policyOf(true), false: policyOf(false) };
        for (const given of routes) {
          const route = direction === 'import' ? { ...given, learned: true } : given;
          const { prefix, external, learned, localPref } = route;
          const source = learned ? (external ? 'external' : 'internal') : 'local';
          const verdict = evaluatePolicy(policies[`${external}`], prefix, {
            ...{ source, peerType: external ? 'external' : 'internal' },
            attributes: { origin: 0, asPath: [], localPref },
          });
          const inPool = [POOLS.four.cidr, POOLS.six.cidr].some(
            (cidr) => cidr.includes(':') === six && bits(prefix).startsWith(bits(cidr as Prefix)),
          );
          const builtIn = direction === 'import' || inPool;
          expect([prefix, filters, verdict.accepted]).toEqual([
            prefix,
            filters,
            decision(filters, route) ?? builtIn,
          ]);
        }
      }),
      { numRuns: 400 },
    );
  },
);
