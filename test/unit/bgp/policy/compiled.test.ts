import { CompiledPolicies } from '../../../../bgp/src/policy/compiled.ts';
import { ACCEPT_ALL, type Policy } from '../../../../bgp/src/policy/policy.ts';

describe('compiled policies', () => {
  const policies = new CompiledPolicies();

  it('are made once for all peers that share one, by direction and by whether one is required', () => {
    const made = policies.of('import', ACCEPT_ALL, false);
    expect(policies.of('import', ACCEPT_ALL, false)).toBe(made);
    expect(policies.of('export', ACCEPT_ALL, false)).not.toBe(made);
    expect(policies.of('import', ACCEPT_ALL, true)).not.toBe(made);
  });

  it('of equal policies are others with one text, so that their peers share an update group', () => {
    const other: Policy = structuredClone(ACCEPT_ALL);
    const a = policies.of('export', ACCEPT_ALL, false);
    const b = policies.of('export', other, false);
    expect(a).not.toBe(b);
    expect(a.text).toBe(b.text);
    expect(policies.of('export', { ...other, otherwise: 'reject' }, false).text).not.toBe(a.text);
  });
});
