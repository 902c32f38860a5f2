import { ACCEPT_ALL, type PathAttributes, REJECT_ALL } from 'bgp-utils';
import { applyActions } from '../../../../bgp/src/policy/actions.ts';
import { exportPolicy, importPolicy } from '../../../../bgp/src/policy/built-in.ts';
import { evaluatePolicy } from '../../../support/policy.ts';

const LEAVING = 0xffff0000;
const BLACKHOLE = 0xffff029a;

describe('graceful shutdown (RFC 8326)', () => {
  it.each([
    ['external', [LEAVING], 0],
    ['external', [5, LEAVING], 0],
    ['external', [5], 150],
    ['internal', [LEAVING], 150],
    ['external', [BLACKHOLE], 150], // RFC 7999 asks for an agreement: it is left as it is
  ] as const)('from an %s peer with %j: LOCAL_PREF %i', (peerType, communities, localPref) => {
    const attributes: PathAttributes = { origin: 0, asPath: [], localPref: 150, communities };
    const verdict = evaluatePolicy(importPolicy(ACCEPT_ALL, false), '10.65.0.0/24', { attributes, peerType });
    expect(verdict.accepted).toBe(true);
    expect(applyActions(attributes, verdict.actions)).toEqual({ ...attributes, localPref });
  });

  it('policy after it sees what it has set', () => {
    const policy = importPolicy(
      {
        terms: [{ name: 'last', match: { localPref: { max: 0 } }, actions: [], verdict: 'reject' }],
        otherwise: 'accept',
      },
      false,
    );
    const facts = (communities: number[]) => ({
      attributes: { origin: 0 as const, asPath: [], communities },
      peerType: 'external' as const,
    });
    expect(evaluatePolicy(policy, '10.65.0.0/24', facts([LEAVING]))).toMatchObject({
      accepted: false,
      term: 'last',
    });
    expect(evaluatePolicy(policy, '10.65.0.0/24', facts([5])).accepted).toBe(true);
  });
});

describe('no policy where one is required (RFC 8212 §2)', () => {
  const some = {
    terms: [{ name: 'all', match: {}, actions: [], verdict: 'accept' as const }],
    otherwise: 'reject' as const,
  };
  it.each([
    ['external', ACCEPT_ALL, true, false],
    ['external', REJECT_ALL, true, false],
    ['external', some, true, true],
    ['external', ACCEPT_ALL, false, true],
    ['internal', ACCEPT_ALL, true, true],
  ] as const)('%s, %j, required %s: %s', (peerType, policy, requirePolicy, accepted) => {
    for (const effective of [importPolicy, exportPolicy]) {
      const verdict = evaluatePolicy(effective(policy, requirePolicy), '10.65.0.0/24', { peerType });
      expect(verdict.accepted).toBe(accepted);
      if (!accepted) expect(verdict.term).toContain('RFC 8212');
    }
  });
});
