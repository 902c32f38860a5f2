import { address } from 'bgp-utils';
import { survivor } from '../../../../bgp/src/session/collision.ts';

const side = (bgpIdentifier: string, asNumber = 64512) => ({
  bgpIdentifier: address(bgpIdentifier),
  asNumber,
});

describe('of two connections survives the one that was opened by', () => {
  it.each([
    ['the higher identifier', side('10.0.0.2'), side('10.0.0.1'), 'ours'],
    ['the higher identifier, as unsigned number', side('200.0.0.1'), side('100.0.0.1'), 'ours'],
    ['the higher identifier, and no text', side('9.0.0.1'), side('10.0.0.1'), 'theirs'],
    [
      'the higher AS, with equal identifiers (RFC 6286 §2.3)',
      side('1.1.1.1', 65002),
      side('1.1.1.1', 65001),
      'ours',
    ],
  ] as const)('%s', (_name, local, remote, expected) => {
    expect(survivor(local, remote)).toBe(expected);
    // Both sides must come to the same connection.
    expect(survivor(remote, local)).toBe(expected === 'ours' ? 'theirs' : 'ours');
  });
});
