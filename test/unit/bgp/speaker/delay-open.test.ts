import { address, type ConnectionId, encodeMessage, INITIAL_CONTEXT, notification } from 'bgp-utils';
import { announcement, Bench, OWN, passivePeer } from '../../../support/bench.ts';
import { peerConfig } from '../../../support/peers.ts';

const PEER = '10.0.0.2';
const DELAY_SECONDS = 20;

/** A peer to which both sides open connections, with DelayOpen on our side. */
const both = (): Bench => new Bench({}, peerConfig(OWN, address(PEER), { delayOpenSeconds: DELAY_SECONDS }));
/** One that waits to be called. */
const waits = (): Bench => {
  const bench = new Bench({}, passivePeer(PEER, { delayOpenSeconds: DELAY_SECONDS }));
  bench.pass(0);
  return bench;
};

const sent = (bench: Bench, connection: ConnectionId): string[] =>
  (bench.sent.get(connection) ?? []).map(({ type }) => type);

describe('DelayOpen (RFC 4271 §8.1.1)', () => {
  it.each([
    ['that we opened', both, 'Connect'],
    ['that the peer opened', waits, 'Active'],
  ] as const)('a connection %s waits for the peer’s OPEN; ours answers it', (_name, start, state) => {
    const bench = start();
    bench.pass(0);
    const connection = state === 'Connect' ? bench.connected(PEER) : bench.accept(PEER);
    bench.pass(DELAY_SECONDS * 1000 - 1);
    expect(bench.state(PEER)).toBe(state);
    expect(sent(bench, connection)).toEqual([]);
    bench.open(connection, PEER);
    expect(bench.state(PEER)).toBe('OpenConfirm');
    expect(sent(bench, connection)).toEqual(['Open', 'KeepAlive']);
    bench.keepAlive(connection);
    expect(bench.state(PEER)).toBe('Established');
  });

  it('ours goes out when the time is over', () => {
    const bench = waits();
    const connection = bench.accept(PEER);
    bench.pass(DELAY_SECONDS * 1000);
    expect(bench.state(PEER)).toBe('OpenSent');
    expect(sent(bench, connection)).toEqual(['Open']);
    bench.open(connection, PEER);
    bench.keepAlive(connection);
    expect(bench.state(PEER)).toBe('Established');
  });

  it('nothing is said to a peer whose OPEN is refused, which breaks the rules, or which takes its leave', () => {
    const says = {
      'a wrong AS number': (bench: Bench, connection: ConnectionId) =>
        bench.open(connection, PEER, { asNumber: 64999, myAs: 64999 }),
      'a KEEPALIVE': (bench: Bench, connection: ConnectionId) => bench.keepAlive(connection),
      'an UPDATE': (bench: Bench, connection: ConnectionId) =>
        bench.received(
          connection,
          announcement(['10.1.0.0/24'], { origin: 0, asPath: [], nextHop: { address: address(PEER) } }),
        ),
      'octets that are no message': (bench: Bench, connection: ConnectionId) =>
        bench.received(connection, new Uint8Array(19)),
      'a NOTIFICATION': (bench: Bench, connection: ConnectionId) =>
        bench.received(connection, encodeMessage(notification(6, 2), INITIAL_CONTEXT)),
    };
    for (const say of Object.values(says)) {
      const bench = waits();
      const connection = bench.accept(PEER);
      say(bench, connection);
      expect(bench.state(PEER)).toBe('Idle');
      expect(bench.closed(connection)).toMatchObject({ lastOctets: undefined });
      expect(bench.view(PEER).lastError).toBeDefined();
      expect(bench.speaker.sizes().connections).toBe(0);
    }
  });

  it('a connection that breaks meanwhile leaves nothing behind, and the next one may come', () => {
    for (const start of [both, waits]) {
      const bench = start();
      bench.pass(0);
      const first = start === both ? bench.connected(PEER) : bench.accept(PEER);
      bench.disconnect(first);
      expect(bench.state(PEER)).toBe('Active');
      expect(bench.speaker.sizes().connections).toBe(0);
      bench.establish(PEER);
    }
  });

  it('a second connection of the peer is refused while the first is young, and takes its place later', () => {
    const bench = waits();
    const first = bench.accept(PEER);
    expect(bench.closed(bench.accept(PEER))?.reason).toContain('second connection');
    bench.pass(6_000);
    bench.clear();
    const later = bench.accept(PEER);
    expect(bench.closed(first)).toBeDefined();
    bench.open(later, PEER);
    bench.keepAlive(later);
    expect(bench.state(PEER)).toBe('Established');
    expect(bench.speaker.sizes().connections).toBe(1);
  });

  it('a second connection of the peer beside ours does so as well', () => {
    const bench = both();
    bench.pass(0);
    bench.connected(PEER);
    const first = bench.accept(PEER);
    expect(bench.closed(bench.accept(PEER))?.reason).toContain('second connection');
    bench.pass(6_000);
    const later = bench.accept(PEER);
    expect(bench.closed(first)).toBeDefined();
    expect(bench.closed(later)).toBeUndefined();
    expect(bench.speaker.sizes().connections).toBe(2);
  });

  it('a stop ends a connection that waits', () => {
    const bench = both();
    bench.pass(0);
    const ours = bench.connected(PEER);
    const theirs = bench.accept(PEER);
    bench.tell({ type: 'Stop', how: 'leave' });
    for (const connection of [ours, theirs])
      expect(bench.closed(connection)).toMatchObject({ lastOctets: undefined });
    expect(bench.speaker.nextDeadline()).toBe(Number.POSITIVE_INFINITY);
  });

  /** What the peer says on our connection (capitals) and on its own, and T: our DelayOpenTimer runs out. */
  const orders = (() => {
    const all: string[] = [];
    const extend = (order: string): void => {
      if (order.length === 5) all.push(order);
      for (const next of 'OoKkT')
        if (!order.includes(next) && ('Oo T'.includes(next) || order.includes(next === 'K' ? 'O' : 'o')))
          extend(order + next);
    };
    extend('');
    return all;
  })();

  it.each(
    orders.flatMap((order) => [[order, '10.0.0.2', 'theirs'] as const, [order, '0.0.0.9', 'ours'] as const]),
  )('two connections at once, %s from %s: %s is left', (order, identifier, expected) => {
    const bench = both();
    bench.pass(0);
    const theirs = bench.accept(PEER);
    const ours = bench.connected(PEER);
    for (const each of order) {
      const connection = each === 'O' || each === 'K' ? ours : theirs;
      if (each === 'T') bench.pass(DELAY_SECONDS * 1000);
      else if (each.toUpperCase() === 'O') bench.open(connection, identifier);
      else bench.keepAlive(connection);
    }
    expect(bench.state(PEER)).toBe('Established');
    expect(bench.speaker.sizes().connections).toBe(1);
    expect(bench.view(PEER).counters).toMatchObject({ established: 1, lost: 0 });
    expect(bench.view(PEER).lastError).toBeUndefined();
    // Where one of the two was Established before the other's OPEN came, it stays (§6.8).
    const first = order.replace('T', '').startsWith('OK')
      ? 'ours'
      : order.replace('T', '').startsWith('ok')
        ? 'theirs'
        : expected;
    expect(bench.view(PEER).remotePort).toBe(first === 'ours' ? 179 : 40000 + theirs);
  });
});
