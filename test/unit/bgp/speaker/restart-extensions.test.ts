// What RFC 8538 and RFC 9494 add to graceful restart, and RFC 9687's timer, seen from outside.

import { address, type Capability, encodeMessage, INITIAL_CONTEXT, notification, prefix } from 'bgp-utils';
import { announcement, Bench, endOfRib, id, passivePeer, restartCapability } from '../../../support/bench.ts';

const PEER = '10.0.0.2';
const OTHER = '10.0.0.3';
const BLOCK = '10.65.2.0/24';
const from = (nextHop: string, communities?: readonly number[]) => ({
  origin: 0 as const,
  asPath: [],
  localPref: 200,
  nextHop: { address: address(nextHop) },
  ...(communities && { communities }),
});
const basic: readonly Capability[] = [
  { name: 'Multiprotocol', afi: 1, safi: 1 },
  { name: 'FourOctetAs', asNumber: 64512 },
];
const survives = { ...restartCapability(), notification: true } as Capability;
const longLived = (staleTimeSeconds: number): Capability => ({
  name: 'LongLivedGracefulRestart',
  families: [{ afi: 1, safi: 1, forwardingPreserved: true, staleTimeSeconds }],
});

describe('NOTIFICATIONs and graceful restart (RFC 8538)', () => {
  const up = (...capabilities: Capability[]) => {
    const bench = new Bench({}, passivePeer(PEER));
    const connection = bench.establish(PEER, { capabilities: [...basic, ...capabilities] });
    bench.received(connection, announcement([BLOCK], from(PEER)), endOfRib());
    return { bench, connection };
  };
  const told = (code: number, subcode: number, data = new Uint8Array(0)) =>
    encodeMessage(notification(code, subcode, data), INITIAL_CONTEXT);

  it.each([
    ['a Cease', told(6, 4), true],
    ['its hold timer: it lives, and has not heard us', told(4, 0), true],
    ['a Hard Reset', told(6, 9, Uint8Array.of(6, 4)), false],
  ])('with the N bit of both, routes after %s stay: %s', (_name, octets, stays) => {
    const { bench, connection } = up(survives);
    bench.received(connection, octets);
    expect(bench.routes()).toEqual(stays ? { [BLOCK]: `${PEER} stale` } : {});
  });

  it('an error that we find keeps them as well', () => {
    const { bench, connection } = up(survives);
    bench.received(
      connection,
      Uint8Array.from({ length: 19 }, () => 0),
    );
    expect(bench.notifications(connection)).toEqual(['1/1']);
    expect(bench.routes()).toEqual({ [BLOCK]: `${PEER} stale` });
  });

  it('without the N bit a NOTIFICATION ends them', () => {
    const { bench, connection } = up(restartCapability());
    bench.received(connection, told(6, 4));
    expect(bench.routes()).toEqual({});
  });

  it('our hold timer ends them all the same: a dead host is out of use (decision 10)', () => {
    const { bench } = up(survives);
    bench.pass(90_000);
    expect(bench.routes()).toEqual({});
  });

  it.each([
    [survives, '6/9', 'Hard Reset'],
    [restartCapability(), '6/4', 'Administrative Reset'],
  ])('what an operator ends is over for both: %#', (capability, sent, name) => {
    const { bench, connection } = up(capability);
    bench.tell({ type: 'Clear', peer: id(PEER), how: 'reset', text: 'maintenance' });
    expect(bench.notifications(connection)).toEqual([sent]);
    const [event] = bench.events('notification-sent');
    expect(event?.name).toContain(name);
    expect(event?.text).toContain('maintenance');
    expect(bench.routes()).toEqual({});
  });
});

describe('long-lived graceful restart (RFC 9494)', () => {
  const LIMIT = 3600;
  const up = (communities?: readonly number[], peerHas = true) => {
    const bench = new Bench(
      {},
      ...[PEER, OTHER].map((peer) => passivePeer(peer, { longLivedStaleSeconds: LIMIT })),
    );
    const capabilities = [...basic, restartCapability(), ...(peerHas ? [longLived(1000)] : [])];
    const connection = bench.establish(PEER, { capabilities });
    bench.received(connection, announcement([BLOCK], from(PEER, communities)), endOfRib());
    bench.disconnect(connection);
    return bench;
  };
  const routes = (bench: Bench) => [...bench.speaker.routes('ipv4', prefix(BLOCK))];

  it('after the restart time routes stay, least preferred, for the long-lived stale time', () => {
    const bench = up();
    bench.pass(61_000);
    expect(bench.routes()).toEqual({ [BLOCK]: `${PEER} stale` });
    expect(routes(bench)[0]!.attributes.communities).toEqual([0xffff0006]);
    const other = bench.establish(OTHER);
    bench.received(other, announcement([BLOCK], { ...from(OTHER), localPref: 1 }));
    expect(bench.routes()[BLOCK]).toBe(OTHER);
    expect(routes(bench)[1]!.reason).toBe('long-lived stale');
    bench.disconnect(other);
    bench.pass(998_000);
    expect(routes(bench)).toHaveLength(1);
    bench.pass(2_000);
    expect(routes(bench)).toEqual([]);
  });

  it('a route with NO_LLGR goes with the restart time, and all do where the peer has it not', () => {
    for (const bench of [up([0xffff0007]), up(undefined, false)]) {
      bench.pass(61_000);
      expect(bench.routes()).toEqual({});
    }
  });

  it('what the peer sends again is as good as new', () => {
    const bench = up();
    bench.pass(61_000);
    const capabilities = [...basic, restartCapability(), longLived(1000)];
    const connection = bench.establish(PEER, { capabilities });
    expect(bench.routes()).toEqual({ [BLOCK]: `${PEER} stale` });
    bench.received(connection, announcement([BLOCK], from(PEER)), endOfRib());
    expect(bench.routes()).toEqual({ [BLOCK]: PEER });
    expect(routes(bench)[0]!.attributes.communities).toBeUndefined();
  });

  it.each([
    [true, ['+10.65.2.0/24']],
    [false, []],
  ])('is told to peers with the capability alone: %s', (has, expected) => {
    const eBgp = { remoteAs: 65001, longLivedStaleSeconds: LIMIT };
    const bench = new Bench({}, passivePeer(PEER), passivePeer(OTHER, eBgp));
    bench.received(bench.establish(PEER), announcement([BLOCK], from(PEER, [0xffff0006])), endOfRib());
    const capabilities: Capability[] = [
      basic[0]!,
      { name: 'FourOctetAs', asNumber: 65001 },
      restartCapability(),
      ...(has ? [longLived(1)] : []),
    ];
    const other = bench.establish(OTHER, { asNumber: 65001, myAs: 65001, capabilities });
    expect(bench.updates(other).filter((each) => each.startsWith('+'))).toEqual(expected);
  });
});

describe('a peer that does not read (RFC 9687)', () => {
  const live = (bench: Bench, connection: Parameters<Bench['keepAlive']>[0], ms: number) => {
    for (let left = ms; left > 0; left -= 30_000) {
      bench.pass(Math.min(30_000, left));
      bench.keepAlive(connection);
    }
  };

  it('loses its session after eight minutes without progress, however alive it seems', () => {
    const bench = new Bench({}, passivePeer(PEER));
    const connection = bench.establish(PEER);
    const sending = (waiting: boolean) => bench.tell({ type: 'Sending', connection, waiting });
    sending(true);
    live(bench, connection, 470_000);
    sending(true); // progress
    live(bench, connection, 470_000);
    sending(false);
    live(bench, connection, 600_000);
    expect(bench.state(PEER)).toBe('Established');
    sending(true);
    live(bench, connection, 479_000);
    expect(bench.state(PEER)).toBe('Established');
    bench.pass(1_000);
    expect(bench.notifications(connection)).toEqual(['8/0']);
    expect(bench.closed(connection)).toBeDefined();
  });

  it('has twice the hold time where that is longer', () => {
    const bench = new Bench({}, passivePeer(PEER, { holdTimeSeconds: 300 }));
    const connection = bench.establish(PEER, { holdTimeSeconds: 300 });
    bench.tell({ type: 'Sending', connection, waiting: true });
    live(bench, connection, 599_000);
    expect(bench.state(PEER)).toBe('Established');
    bench.pass(1_000);
    expect(bench.notifications(connection)).toEqual(['8/0']);
  });
});
