import { type Action, type Match, type Policy, prefix } from 'bgp-utils';
import { compilePolicy } from '../../../../bgp/src/policy/evaluate.ts';
import { evaluatePolicy, factsOf, wordsOf } from '../../../support/policy.ts';

const evaluate = (
  policy: Policy,
  at: string,
  source: 'local' | 'internal' | 'external' = 'internal',
  peerType: 'internal' | 'external' = 'internal',
) => evaluatePolicy(policy, at, { source, peerType });

const matches = (
  match: Match,
  at: string,
  ...rest: ['local' | 'internal' | 'external', 'internal' | 'external'] | []
) =>
  evaluate(
    { terms: [{ name: 'it', match, actions: [], verdict: 'accept' }], otherwise: 'reject' },
    at,
    ...rest,
  ).accepted;

describe('a prefix match', () => {
  const pool = { prefix: prefix('10.65.0.0/16') };
  const v6 = { prefix: prefix('fd00:65::/32') };
  const deep = { prefix: prefix('fd00:65:0:1:2:3:4:0/112') };
  it.each([
    ['the prefix itself', pool, '10.65.0.0/16', true],
    ['what is inside', pool, '10.65.3.64/26', true],
    ['not what contains it', pool, '10.0.0.0/8', false],
    ['not its neighbour', pool, '10.66.0.0/16', false],
    ['not the other family', { prefix: prefix('::/0') }, '10.65.0.0/16', false],
    ['lengths from the least', { ...pool, minLength: 26 }, '10.65.3.0/24', false],
    ['the least length', { ...pool, minLength: 26 }, '10.65.3.0/26', true],
    ['the greatest length', { ...pool, maxLength: 26 }, '10.65.3.0/26', true],
    ['lengths to the greatest', { ...pool, maxLength: 26 }, '10.65.3.1/32', false],
    ['everything of a family', { prefix: prefix('0.0.0.0/0') }, '192.0.2.0/24', true],
    ['IPv6, first word', v6, 'fd00:65:1::/64', true],
    ['not IPv6 that differs in the first word', v6, 'fd00:66::/64', false],
    ['IPv6, last word', deep, 'fd00:65:0:1:2:3:4:7/128', true],
    ['not IPv6 that differs in the last word', deep, 'fd00:65:0:1:2:3:5:7/128', false],
    ['not IPv6 that differs in the third word', deep, 'fd00:65:0:1:3:3:4:7/128', false],
  ])('takes %s', (_name, match, at, expected) => {
    expect(matches({ prefixes: [match] }, at)).toBe(expected);
    expect(matches({ notPrefixes: [match] }, at)).toBe(!expected);
  });

  it('takes one of several, and all conditions must hold', () => {
    const match: Match = {
      prefixes: [pool, v6],
      notPrefixes: [{ prefix: prefix('10.65.9.0/24') }],
      source: 'local',
      peerType: 'external',
    };
    expect(matches(match, '10.65.1.0/24', 'local', 'external')).toBe(true);
    expect(matches(match, '10.65.9.0/26', 'local', 'external')).toBe(false);
    expect(matches(match, '10.65.1.0/24', 'internal', 'external')).toBe(false);
    expect(matches(match, '10.65.1.0/24', 'local', 'internal')).toBe(false);
    expect(matches({ prefixes: [] }, '10.65.1.0/24')).toBe(false);
    expect(matches({}, '10.65.1.0/24')).toBe(true);
  });

  it.each([
    ['local', 'local', true],
    ['local', 'internal', false],
    ['local', 'external', false],
    ['bgp', 'local', false],
    ['bgp', 'internal', true],
    ['bgp', 'external', true],
  ] as const)('source %s and a route from %s: %s', (source, from, expected) => {
    expect(matches({ source }, '10.65.1.0/24', from, 'internal')).toBe(expected);
  });
});

describe('terms', () => {
  const prefer: Action = { type: 'SetLocalPref', value: 200 };
  const mark: Action = { type: 'AddCommunities', values: [1] };
  const within = (text: string): Match => ({ prefixes: [{ prefix: prefix(text) }] });
  const policy: Policy = {
    terms: [
      { name: 'a', match: within('10.65.0.0/16'), actions: [prefer], verdict: 'next' },
      { name: 'b', match: within('10.65.1.0/24'), actions: [mark], verdict: 'accept' },
      { name: 'c', match: within('10.65.2.0/24'), actions: [], verdict: 'reject' },
      { name: 'd', match: within('10.65.0.0/16'), actions: [], verdict: 'accept' },
    ],
    otherwise: 'reject',
  };

  it.each([
    [
      'the first that decides wins, with the actions of those before',
      '10.65.1.0/26',
      true,
      'b',
      [prefer, mark],
    ],
    ['a reject ends it', '10.65.2.0/26', false, 'c', [prefer]],
    ['next goes on', '10.65.3.0/26', true, 'd', [prefer]],
    ['where none decides, `otherwise` does', '10.66.0.0/24', false, undefined, []],
  ])('%s', (_name, at, accepted, term, actions) => {
    expect(evaluate(policy, at)).toEqual({ accepted, term, actions });
  });

  it('give the same array of actions for the same way through', () => {
    const compiled = compilePolicy(policy);
    const actionsOf = (at: string) => compiled.prepare(factsOf()).evaluate(wordsOf(at)).actions;
    expect(actionsOf('10.65.3.0/26')).toBe(actionsOf('10.65.4.0/26'));
    expect(actionsOf('10.65.1.0/26')).not.toBe(actionsOf('10.65.3.0/26'));
  });
});

describe('a term after one that goes on', () => {
  const policy: Policy = {
    terms: [
      {
        name: 'mark',
        match: { communities: [1] },
        actions: [
          { type: 'AddCommunities', values: [2] },
          { type: 'SetLocalPref', value: 7 },
        ],
        verdict: 'next',
      },
      {
        name: 'marked',
        match: { communities: [1, 2], localPref: { max: 7 } },
        actions: [],
        verdict: 'reject',
      },
    ],
    otherwise: 'accept',
  };
  it.each([
    [[1], undefined, false],
    [[1, 2], 9, false],
    [[2], undefined, true],
    [[3], 7, true],
  ])('sees the route as it is then: communities %j, LOCAL_PREF %s', (communities, localPref, accepted) => {
    const attributes = {
      origin: 0 as const,
      asPath: [],
      communities,
      ...(localPref !== undefined && { localPref }),
    };
    expect(evaluatePolicy(policy, '10.65.0.0/24', { attributes }).accepted).toBe(accepted);
  });

  it('one preparation serves many prefixes, and many preparations of equal attributes answer alike', () => {
    const compiled = compilePolicy(policy);
    const attributes = { origin: 0 as const, asPath: [], communities: [1] };
    const [first, second] = [
      compiled.prepare(factsOf({ attributes })),
      compiled.prepare(factsOf({ attributes })),
    ];
    const { actions } = first.evaluate(wordsOf('10.65.0.0/24'));
    expect(first.evaluate(wordsOf('10.65.1.0/24')).actions).toBe(actions);
    expect(second.evaluate(wordsOf('fd00::/64')).actions).toBe(actions);
  });

  it('says whether it asks for interfaces', () => {
    expect(compilePolicy(policy).usesInterface).toBe(false);
    const asks: Policy = {
      terms: [{ name: 'it', match: { interfaces: ['eth0'] }, actions: [], verdict: 'reject' }],
      otherwise: 'accept',
    };
    expect(compilePolicy(asks).usesInterface).toBe(true);
  });
});
