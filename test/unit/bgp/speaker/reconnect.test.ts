// What a changed key, say, needs: a new connection. It is tried at once, whoever else waits for what.

import { address } from 'bgp-utils';
import { Bench, id, OWN } from '../../../support/bench.ts';
import { peerConfig } from '../../../support/peers.ts';

const PEER = '10.0.0.2';
const OTHER = '10.0.0.3';

describe('a reconnect', () => {
  it.each([90, 0])('connects again at once, with a hold time of %d s', (holdTimeSeconds) => {
    const each = (at: string, seconds: number) =>
      peerConfig(OWN, address(at), { holdTimeSeconds: seconds, families: ['ipv4'] });
    const bench = new Bench({}, each(PEER, holdTimeSeconds), each(OTHER, 3));
    bench.pass(0);
    for (const [at, seconds] of [[PEER, holdTimeSeconds] as const, [OTHER, 3] as const]) {
      const connection = bench.connected(at);
      bench.open(connection, at, { holdTimeSeconds: seconds });
      bench.keepAlive(connection);
      expect(bench.state(at)).toBe('Established');
    }
    bench.pass(500);
    bench.clear();
    bench.tell({ type: 'Clear', peer: id(PEER), how: 'reconnect', text: 'the key changed' });
    bench.pass(0);
    expect(bench.outputsOf('Connect').map(({ peer }) => peer)).toEqual([PEER]);
  });
});
