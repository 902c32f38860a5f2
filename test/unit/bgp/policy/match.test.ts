import { type Address, address, type Match, type PathAttributes, prefix } from 'bgp-utils';
import type { RouteFacts } from '../../../../bgp/src/policy/match.ts';
import { evaluatePolicy } from '../../../support/policy.ts';
import { sequence } from '../../../support/rib.ts';

const matches = (match: Match, facts: Partial<RouteFacts>): boolean =>
  evaluatePolicy(
    { terms: [{ name: 'it', match, actions: [], verdict: 'accept' }], otherwise: 'reject' },
    '10.65.0.0/24',
    facts,
  ).accepted;

const withSet = [...sequence(1, 2), { type: 'AS_SET' as const, asNumbers: [3, 4] }];
const confederated = [{ type: 'AS_CONFED_SEQUENCE' as const, asNumbers: [65100] }, ...sequence(1, 2)];

describe('conditions on attributes', () => {
  it.each<[string, Match, Partial<PathAttributes>, boolean]>([
    ['a community', { communities: [5] }, { communities: [1, 5] }, true],
    ['not another one', { communities: [5] }, { communities: [1] }, false],
    ['not a route without any', { communities: [5] }, {}, false],
    ['all communities', { communities: [1, 5] }, { communities: [5, 7, 1] }, true],
    ['not some of them', { communities: [1, 5] }, { communities: [5] }, false],
    ['a large community', { largeCommunities: [[1, 2, 3]] }, { largeCommunities: [[1, 2, 3]] }, true],
    ['not a part of one', { largeCommunities: [[1, 2, 3]] }, { largeCommunities: [[1, 2, 4]] }, false],
    ['not a large one as standard', { communities: [5] }, { largeCommunities: [[0, 0, 5]] }, false],
    [
      'an extended community',
      { extendedCommunities: ['0002fde800000001'] },
      { extendedCommunities: ['0002fde800000001'] },
      true,
    ],
    [
      'not another',
      { extendedCommunities: ['0002fde800000001'] },
      { extendedCommunities: ['0002fde800000002'] },
      false,
    ],
    ['the beginning of a path', { asPath: { startsWith: [1, 2] } }, { asPath: sequence(1, 2, 3) }, true],
    ['the whole path', { asPath: { startsWith: [1, 2] } }, { asPath: sequence(1, 2) }, true],
    ['not its middle', { asPath: { startsWith: [2, 3] } }, { asPath: sequence(1, 2, 3) }, false],
    ['not a shorter path', { asPath: { startsWith: [1, 2] } }, { asPath: sequence(1) }, false],
    ['not an empty path', { asPath: { startsWith: [1] } }, { asPath: [] }, false],
    ['a member of an AS_SET', { asPath: { startsWith: [1, 2, 4] } }, { asPath: withSet }, true],
    ['not two members of one', { asPath: { startsWith: [1, 2, 3, 4] } }, { asPath: withSet }, false],
    ['a path behind a confederation', { asPath: { startsWith: [1] } }, { asPath: confederated }, true],
    ['an AS anywhere', { asPath: { contains: [2] } }, { asPath: sequence(1, 2, 3) }, true],
    ['an AS in a set', { asPath: { contains: [3] } }, { asPath: withSet }, true],
    ['not one that is not there', { asPath: { contains: [2, 9] } }, { asPath: sequence(1, 2, 3) }, false],
    ['an origin', { asPath: { originAs: [9, 3] } }, { asPath: sequence(1, 3) }, true],
    ['not a transit', { asPath: { originAs: [1] } }, { asPath: sequence(1, 3) }, false],
    ['not an empty path as an origin', { asPath: { originAs: [1] } }, { asPath: [] }, false],
    ['a length, where a set is one', { asPath: { length: { min: 3, max: 3 } } }, { asPath: withSet }, true],
    ['not less', { asPath: { length: { min: 2 } } }, { asPath: sequence(1) }, false],
    ['not more', { asPath: { length: { max: 2 } } }, { asPath: sequence(1, 2, 3) }, false],
    ['prepended as often', { asPath: { length: { min: 3 } } }, { asPath: sequence(1, 1, 1) }, true],
    ['a next hop', { nextHop: [prefix('10.0.0.0/24')] }, { nextHop: { address: address('10.0.0.9') } }, true],
    [
      'not outside',
      { nextHop: [prefix('10.0.0.0/24')] },
      { nextHop: { address: address('10.0.1.9') } },
      false,
    ],
    [
      'not the other family',
      { nextHop: [prefix('::/0')] },
      { nextHop: { address: address('10.0.1.9') } },
      false,
    ],
    ['not a route without one', { nextHop: [prefix('0.0.0.0/0')] }, {}, false],
    ['LOCAL_PREF', { localPref: { min: 200, max: 200 } }, { localPref: 200 }, true],
    ['not another', { localPref: { min: 200, max: 200 } }, { localPref: 201 }, false],
    ['LOCAL_PREF 100 where there is none', { localPref: { min: 100, max: 100 } }, {}, true],
    ['a MED', { multiExitDisc: { min: 5 } }, { multiExitDisc: 7 }, true],
    ['MED 0 where there is none', { multiExitDisc: { max: 0 } }, {}, true],
    ['not a greater one', { multiExitDisc: { max: 5 } }, { multiExitDisc: 7 }, false],
    ['an ORIGIN', { origin: [1, 2] }, { origin: 2 }, true],
    ['not another ORIGIN', { origin: [1, 2] }, { origin: 0 }, false],
  ])('takes %s', (_name, match, attributes, expected) => {
    expect(matches(match, { attributes: { origin: 0, asPath: [], ...attributes } })).toBe(expected);
  });
});

describe('conditions on where a route comes from and goes', () => {
  const A = address('10.0.0.2');
  it.each<[readonly Address[], Address | undefined, boolean]>([
    [[A], A, true],
    [[address('10.0.0.3')], A, false],
    [[A], undefined, false],
  ])('fromPeers %j of a route from %s: %s', (fromPeers, fromPeer, expected) => {
    expect(matches({ fromPeers }, { fromPeer })).toBe(expected);
  });

  it.each([
    ['eth0', 'eth0', true],
    ['eth0', 'eth01', false],
    ['eth*', 'eth01', true],
    ['eth*', 'veth0', false],
    ['*', 'wg0.cali', true],
    ['*', undefined, false],
    ['*.cali', 'vxlan.cali', true],
    ['*.cali', 'vxlanxcali', false],
    ['e*0', 'eth10', true],
    ['e*0', 'eth1', false],
  ])('interface %s and %s: %s', (pattern, name, expected) => {
    expect(matches({ interfaces: [pattern] }, { interface: name })).toBe(expected);
    expect(matches({ interfaces: ['lo', pattern] }, { interface: name })).toBe(expected);
  });
});
