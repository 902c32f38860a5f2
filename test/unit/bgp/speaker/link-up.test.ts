import { NEVER } from 'bgp-utils';
import { Bench, passivePeer } from '../../../support/bench.ts';

const PEER = '10.0.0.2';
const activePeer = (other: string) => passivePeer(other, { passive: false });

/** The peer does not answer for so long that attempts are a minute apart. */
function unreachable(config = activePeer(PEER)): Bench {
  const bench = new Bench({}, config);
  bench.pass(0);
  while (bench.now < 600_000) {
    for (const { connection } of bench.outputsOf('Connect'))
      bench.tell({ type: 'ConnectFailed', connection, reason: 'no route to host' });
    bench.clear();
    bench.pass(1000);
  }
  bench.clear();
  return bench;
}

describe('a link that is back', () => {
  it('makes who waits to connect try within a second', () => {
    const bench = unreachable();
    expect(bench.speaker.nextDeadline() - bench.now).toBeGreaterThan(1000);
    bench.tell({ type: 'LinkUp' });
    bench.pass(1000);
    expect(bench.outputsOf('Connect')).toHaveLength(1);
  });

  it('does not shorten the waits after that', () => {
    const bench = unreachable();
    bench.tell({ type: 'LinkUp' });
    bench.pass(1000);
    const [attempt] = bench.outputsOf('Connect');
    bench.tell({ type: 'ConnectFailed', connection: attempt!.connection, reason: 'no route to host' });
    expect(bench.speaker.nextDeadline() - bench.now).toBeGreaterThan(30_000);
  });

  it('and comes and goes is heeded every five seconds', () => {
    const bench = unreachable();
    for (let i = 0; i < 40; i++) {
      bench.tell({ type: 'LinkUp' });
      bench.pass(250);
      for (const { connection } of bench.outputsOf('Connect').slice(-1))
        bench.tell({ type: 'ConnectFailed', connection, reason: 'no route to host' });
    }
    expect(bench.outputsOf('Connect').length).toBeLessThanOrEqual(3);
  });

  it('gives up an attempt that was sent into the dark', () => {
    const bench = new Bench({}, activePeer(PEER));
    bench.pass(0);
    const [first] = bench.outputsOf('Connect');
    bench.pass(2000);
    bench.tell({ type: 'LinkUp' });
    bench.pass(1000);
    expect(bench.closed(first!.connection)).toBeDefined();
    expect(bench.outputsOf('Connect')).toHaveLength(2);
  });

  it('changes nothing for a session that is up, and for who waits to be called', () => {
    const bench = new Bench({}, activePeer(PEER), passivePeer('10.0.0.3'));
    bench.pass(0);
    bench.establish(PEER);
    bench.clear();
    bench.tell({ type: 'LinkUp' });
    bench.pass(1000);
    expect(bench.outputsOf('Connect')).toEqual([]);
    expect(bench.state(PEER)).toBe('Established');
    expect(bench.state('10.0.0.3')).toBe('Active');
  });

  it('does not start what is held back', () => {
    const bench = new Bench({}, { ...activePeer(PEER), heldBack: 'the password is missing' });
    bench.tell({ type: 'LinkUp' });
    expect(bench.speaker.nextDeadline()).toBe(NEVER);
  });
});
