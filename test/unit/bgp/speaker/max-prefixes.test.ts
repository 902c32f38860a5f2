import type { MaxPrefixes } from 'bgp-utils';
import { address } from 'bgp-utils';
import { limitState, tooManyPrefixes } from '../../../../bgp/src/speaker/max-prefixes.ts';
import { announcement, Bench, endOfRib, passivePeer } from '../../../support/bench.ts';

const PEER = '10.0.0.2';
const attributes = { origin: 0 as const, asPath: [], localPref: 100, nextHop: { address: address(PEER) } };
const prefixes = (count: number) => Array.from({ length: count }, (_, i) => `10.65.${i}.0/24`);

const limited = (changes: Partial<MaxPrefixes> = {}) => {
  const maxPrefixes = { limit: 4, warningOnly: false, restartSeconds: undefined, ...changes };
  const bench = new Bench({}, passivePeer(PEER, { maxPrefixes }));
  return { bench, connection: bench.establish(PEER) };
};

describe('maximum prefixes', () => {
  it('counts as near from three quarters on, and as over above the limit', () => {
    const limit = { limit: 8, warningOnly: false, restartSeconds: undefined };
    expect([0, 5, 6, 8, 9].map((count) => limitState(limit, count))).toEqual([
      'below',
      'below',
      'near',
      'near',
      'over',
    ]);
  });

  it('the NOTIFICATION has family and limit (RFC 4486 §4)', () => {
    expect(tooManyPrefixes('ipv6', 1000)).toMatchObject({ code: 6, subcode: 1 });
    expect([...tooManyPrefixes('ipv6', 1000).data]).toEqual([0, 2, 1, 0, 0, 3, 232]);
  });

  it('at the limit the session stays, and it is told once that it comes near', () => {
    const { bench, connection } = limited();
    bench.received(connection, announcement(prefixes(3), attributes));
    bench.received(connection, announcement(prefixes(4), attributes), endOfRib());
    expect(bench.events('max-prefixes')).toMatchObject([
      { peer: PEER, family: 'ipv4', received: 3, limit: 4 },
    ]);
    expect(bench.state(PEER)).toBe('Established');
  });

  it('above it the session ends, its routes go, and it stays down until an operator clears it', () => {
    const { bench, connection } = limited();
    bench.received(connection, announcement(prefixes(5), attributes));
    expect(bench.notifications(connection)).toEqual(['6/1']);
    expect(bench.routes()).toEqual({});
    bench.pass(24 * 3_600_000);
    expect(bench.state(PEER)).toBe('Idle');
    bench.tell({ type: 'Clear', peer: bench.view(PEER).config.peer, how: 'reset', text: '' });
    bench.establish(PEER);
  });

  it('with a restart time it comes back after that', () => {
    const { bench, connection } = limited({ restartSeconds: 300 });
    bench.received(connection, announcement(prefixes(5), attributes));
    bench.pass(299_000);
    expect(bench.state(PEER)).toBe('Idle');
    bench.pass(1_000);
    bench.establish(PEER);
  });

  it('as a warning it ends nothing', () => {
    const { bench, connection } = limited({ warningOnly: true });
    bench.received(connection, announcement(prefixes(9), attributes));
    expect(bench.events('max-prefixes')).toMatchObject([{ received: 9, limit: 4 }]);
    expect(bench.state(PEER)).toBe('Established');
  });
});
