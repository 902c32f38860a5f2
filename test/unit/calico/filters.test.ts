import { familyOfPrefix, type PathAttributes, prefix } from 'bgp-utils';
import type { RouteFacts } from '../../../bgp/src/policy/match.ts';
import { compileFilter } from '../../../src/calico/filters.ts';
import type { BgpFilter } from '../../../src/calico/resources.ts';
import { resources } from '../../../src/calico/snapshot.ts';
import { snapshotOf } from '../../support/calico.ts';
import { evaluatePolicy } from '../../support/policy.ts';
import { sequence } from '../../support/rib.ts';

const filterOf = (spec: object): BgpFilter => {
  const [filter] = resources(snapshotOf({ filters: { f: spec } }), 'BGPFilter');
  if (filter === undefined) throw new Error('the filter of the test is refused');
  return filter;
};

const carrying = (attributes: Partial<PathAttributes>): Partial<RouteFacts> => ({
  attributes: { origin: 0, asPath: [], ...attributes },
});

const decide = (spec: object, route: string, peerType: 'internal' | 'external' = 'external') => {
  const family = familyOfPrefix(prefix(route));
  const compiled = compileFilter(filterOf(spec), 'import', family);
  return evaluatePolicy({ terms: compiled, otherwise: 'accept' }, route, { source: peerType, peerType });
};

describe('a BGPFilter rule (§4)', () => {
  const matches = (rule: object, route: string, peerType: 'internal' | 'external' = 'external') =>
    decide(
      { importV4: [{ ...rule, action: 'Reject' }], importV6: [{ ...rule, action: 'Reject' }] },
      route,
      peerType,
    ).accepted === false;

  it.each([
    ['In', undefined, '10.65.0.0/16', true],
    ['In', undefined, '10.65.1.0/26', true],
    ['In', undefined, '10.66.0.0/16', false],
    ['In', undefined, '10.64.0.0/15', false],
    ['NotIn', undefined, '10.65.1.0/26', false],
    ['NotIn', undefined, '10.66.0.0/16', true],
    ['Equal', undefined, '10.65.0.0/16', true],
    ['Equal', undefined, '10.65.0.0/17', false],
    ['NotEqual', undefined, '10.65.0.0/16', false],
    ['NotEqual', undefined, '10.65.0.0/17', true],
    ['In', { min: 24, max: 26 }, '10.65.1.0/26', true],
    ['In', { min: 24, max: 26 }, '10.65.1.0/27', false],
    ['In', { min: 24, max: 26 }, '10.65.0.0/16', false],
    ['In', { min: 8 }, '10.65.0.0/16', true],
    ['In', { max: 24 }, '10.65.1.0/26', false],
    ['NotIn', { min: 24, max: 26 }, '10.65.0.0/16', true],
    ['NotIn', { min: 24, max: 26 }, '10.65.1.0/26', false],
  ])('%s %j on %s: %s', (matchOperator, prefixLengths, route, expected) => {
    const rule = {
      cidr: '10.65.0.0/16',
      matchOperator,
      ...(prefixLengths && { prefixLength: prefixLengths }),
    };
    const spec = { importV4: [{ ...rule, action: 'Reject' }] };
    expect(decide(spec, route).accepted).toBe(!expected);
  });

  it('without conditions matches every route', () => {
    expect(matches({}, '0.0.0.0/0')).toBe(true);
    expect(matches({}, '::/0')).toBe(true);
  });

  it.each([
    ['iBGP', 'internal', true],
    ['iBGP', 'external', false],
    ['eBGP', 'external', true],
  ] as const)('peerType %s on an %s session: %s', (peerType, session, expected) => {
    expect(matches({ peerType }, '10.0.0.0/8', session)).toBe(expected);
  });

  it('source RemotePeers is always true on import', () => {
    expect(matches({ source: 'RemotePeers' }, '10.0.0.0/8')).toBe(true);
  });

  it('the first that matches decides, and its operations are made', () => {
    const spec = {
      importV4: [
        { cidr: '10.66.0.0/16', matchOperator: 'In', action: 'Reject' },
        {
          cidr: '10.0.0.0/8',
          matchOperator: 'In',
          action: 'Accept',
          operations: [
            { addCommunity: { value: '64512:500' } },
            { addCommunity: { value: '1:2:3' } },
            { prependASPath: { prefix: [64512, 64513] } },
            { setPriority: { value: 512 } },
          ],
        },
        { action: 'Reject' },
      ],
    };
    expect(decide(spec, '10.66.1.0/24')).toMatchObject({ accepted: false, term: 'filter f importV4[0]' });
    expect(decide(spec, '10.65.1.0/24')).toMatchObject({
      accepted: true,
      term: 'filter f importV4[1]',
      actions: [
        { type: 'AddCommunities', values: [64512 * 65536 + 500] },
        { type: 'AddLargeCommunities', values: [[1, 2, 3]] },
        { type: 'PrependAsPath', asNumbers: [64512, 64513] },
        { type: 'SetLocalPref', value: 2147483647 - 512 },
      ],
    });
    expect(decide(spec, '192.0.2.0/24')).toMatchObject({ accepted: false, term: 'filter f importV4[2]' });
  });

  const M = 2147483647;
  it.each<[string, object, Partial<RouteFacts>, boolean]>([
    ['interface', { interface: 'eth*' }, { interface: 'eth1' }, true],
    ['interface', { interface: 'eth*' }, { interface: 'tunl0' }, false],
    ['interface of a blackhole', { interface: '*' }, { interface: undefined }, false],
    ['standard community', { communities: { values: ['1:2'] } }, carrying({ communities: [0x10002] }), true],
    ['standard community', { communities: { values: ['1:2'] } }, carrying({ communities: [0x10003] }), false],
    [
      'large community',
      { communities: { values: ['1:2:3'] } },
      carrying({ largeCommunities: [[1, 2, 3]] }),
      true,
    ],
    ['large community', { communities: { values: ['1:2:3'] } }, carrying({ communities: [0x10002] }), false],
    ['asPathPrefix', { asPathPrefix: [65001, 65002] }, carrying({ asPath: sequence(65001, 65002, 7) }), true],
    ['asPathPrefix', { asPathPrefix: [65001, 65002] }, carrying({ asPath: sequence(65001) }), false],
    ['priority', { priority: 512 }, carrying({ localPref: M - 512 }), true],
    ['priority', { priority: 512 }, carrying({ localPref: M - 513 }), false],
    ['priority of a route without LOCAL_PREF', { priority: M - 100 }, {}, true],
    ['source on a route made here', { source: 'RemotePeers' }, { source: 'local' }, false],
    ['source on a learned route', { source: 'RemotePeers' }, { source: 'internal' }, true],
    [
      'all conditions together',
      { interface: 'eth0', priority: 512, peerType: 'eBGP' },
      { ...carrying({ localPref: M - 512 }), interface: 'eth0', peerType: 'external' },
      true,
    ],
    [
      'one that does not hold among others',
      { interface: 'eth0', priority: 512, peerType: 'eBGP' },
      { ...carrying({ localPref: M - 512 }), interface: 'eth1', peerType: 'external' },
      false,
    ],
  ])('%s %j: %j matches %s', (_name, rule, facts, expected) => {
    const terms = compileFilter(filterOf({ exportV4: [{ ...rule, action: 'Accept' }] }), 'export', 'ipv4');
    const verdict = evaluatePolicy({ terms, otherwise: 'reject' }, '10.65.0.0/24', facts);
    expect(verdict.accepted).toBe(expected);
  });
});
