import { address, type ConnectionId, encodeMessage, INITIAL_CONTEXT } from 'bgp-utils';
import { announcement, Bench, OWN, passivePeer, restartCapability } from '../../../support/bench.ts';
import { peerConfig } from '../../../support/peers.ts';

const PEER = '10.0.0.2';
const HIGHER = '10.0.0.2';
const LOWER = '0.0.0.9';
const CEASED = '6/7';

/** The two connections of a peer that opens one while we open ours, both in OpenSent. */
function twoConnections(): { bench: Bench; ours: ConnectionId; theirs: ConnectionId } {
  const bench = new Bench({}, peerConfig(OWN, address(PEER)));
  bench.pass(0);
  const theirs = bench.accept(PEER);
  const ours = bench.connected(PEER);
  return { bench, ours, theirs };
}

describe('two connections at once (RFC 4271 §6.8)', () => {
  /** What the peer says, in every order that two connections allow. */
  const orders = (() => {
    const all: ('O' | 'o' | 'K' | 'k')[][] = [];
    const extend = (order: ('O' | 'o' | 'K' | 'k')[]): void => {
      if (order.length === 4) all.push(order);
      for (const next of ['O', 'o', 'K', 'k'] as const) {
        if (order.includes(next)) continue;
        if (next === 'K' && !order.includes('O')) continue;
        if (next === 'k' && !order.includes('o')) continue;
        extend([...order, next]);
      }
    };
    extend([]);
    return all;
  })();

  it.each(
    orders.flatMap((order) => [
      [order.join(' '), HIGHER, 'theirs', order] as const,
      [order.join(' '), LOWER, 'ours', order] as const,
    ]),
  )('%s (capitals: on the one that we opened) from %s: %s is left', (_name, identifier, expected, order) => {
    const { bench, ours, theirs } = twoConnections();
    for (const each of order) {
      const connection = each === 'O' || each === 'K' ? ours : theirs;
      if (each === 'O' || each === 'o') bench.open(connection, identifier);
      else bench.keepAlive(connection);
    }
    const [winner, loser] = expected === 'ours' ? [ours, theirs] : [theirs, ours];
    expect(bench.state(PEER)).toBe('Established');
    expect(bench.notifications(winner)).toEqual([]);
    expect(bench.notifications(loser)).toEqual([CEASED]);
    expect(bench.closed(loser)).toBeDefined();
    expect(bench.speaker.sizes().connections).toBe(1);
    expect(bench.view(PEER).counters).toMatchObject({ established: 1, lost: 0 });
    expect(bench.view(PEER).remotePort).toBe(expected === 'ours' ? 179 : 40000 + theirs);
    expect(bench.view(PEER).lastError).toBeUndefined();
  });

  it('the one that has to give way waits for the other’s OPEN, and wins when the peer has closed that one', () => {
    const { bench, ours, theirs } = twoConnections();
    const open = encodeMessage(
      {
        type: 'Open',
        version: 4,
        asNumber: 64512,
        myAs: 64512,
        holdTimeSeconds: 90,
        bgpIdentifier: address(HIGHER),
        capabilities: [{ name: 'Multiprotocol', afi: 1, safi: 1 }],
      },
      INITIAL_CONTEXT,
    );
    const keepAlive = encodeMessage({ type: 'KeepAlive' }, INITIAL_CONTEXT);
    const read = new Uint8Array([...open, ...keepAlive]);
    bench.received(ours, read);
    read.fill(0); // the array that sockets read into is used again
    expect([bench.state(PEER), bench.notifications(ours), bench.closed(ours)]).toEqual([
      'OpenSent',
      [],
      undefined,
    ]);
    bench.disconnect(theirs);
    expect(bench.state(PEER)).toBe('Established');
    expect(bench.notifications(ours)).toEqual([]);
  });

  it('so it does where the other one shows no life for five seconds', () => {
    const { bench, ours, theirs } = twoConnections();
    bench.open(ours, HIGHER);
    bench.pass(4_999);
    expect(bench.closed(theirs)).toBeUndefined();
    bench.pass(1);
    bench.keepAlive(ours);
    expect([bench.state(PEER), bench.notifications(ours), bench.notifications(theirs)]).toEqual([
      'Established',
      [],
      [CEASED],
    ]);
  });

  it('for no longer than a third of the hold time, which runs at the peer', () => {
    const { bench, ours, theirs } = twoConnections();
    bench.open(ours, HIGHER, { holdTimeSeconds: 3 });
    bench.pass(999);
    expect(bench.closed(theirs)).toBeUndefined();
    bench.clear();
    bench.pass(1);
    expect(bench.sent.get(ours)).toMatchObject([{ type: 'KeepAlive' }]);
    bench.keepAlive(ours);
    expect([bench.state(PEER), bench.notifications(theirs)]).toEqual(['Established', [CEASED]]);
  });

  it('and keeps no more than 64 KiB of what comes meanwhile', () => {
    const { bench, ours, theirs } = twoConnections();
    bench.open(ours, HIGHER);
    const update = announcement(['10.65.2.0/26'], {
      origin: 0,
      asPath: [],
      localPref: 100,
      nextHop: { address: address(PEER) },
    });
    const flood = new Uint8Array(1024 * update.length);
    for (let at = 0; at < flood.length; at += update.length) flood.set(update, at);
    for (let sent = 0; sent <= 64 * 1024; sent += flood.length) {
      expect(bench.closed(ours)).toBeUndefined();
      bench.received(ours, flood);
    }
    expect(bench.notifications(ours)).toEqual(['5/1']); // RFC 6608: unexpected in OpenSent
    bench.open(theirs, HIGHER);
    bench.keepAlive(theirs);
    expect(bench.state(PEER)).toBe('Established');
  });

  it('and its own end meanwhile leaves the other one', () => {
    const { bench, ours, theirs } = twoConnections();
    bench.open(ours, HIGHER);
    bench.disconnect(ours);
    bench.open(theirs, HIGHER);
    bench.keepAlive(theirs);
    expect([bench.state(PEER), bench.notifications(theirs)]).toEqual(['Established', []]);
  });

  it('a connection that is still being opened ends when the other is Established', () => {
    const bench = new Bench({}, peerConfig(OWN, address(PEER)));
    bench.pass(0);
    const attempt = bench.outputsOf('Connect')[0]!.connection;
    const theirs = bench.establish(PEER);
    expect(bench.closed(attempt)).toMatchObject({ lastOctets: undefined });
    bench.tell({ type: 'Connected', connection: attempt, localAddress: OWN, localPort: 1, remotePort: 179 });
    bench.disconnect(attempt);
    expect(bench.state(PEER)).toBe('Established');
    expect(bench.view(PEER).remotePort).toBe(40000 + theirs);
  });

  it('the second takes over when the first fails to connect, or is lost', () => {
    for (const connects of [false, true]) {
      const bench = new Bench({}, peerConfig(OWN, address(PEER)));
      bench.pass(0);
      const attempt = bench.outputsOf('Connect')[0]!.connection;
      const theirs = bench.accept(PEER);
      if (connects) {
        bench.connected(PEER);
        bench.disconnect(attempt);
      } else bench.tell({ type: 'ConnectFailed', connection: attempt, reason: 'refused' });
      bench.open(theirs, PEER);
      bench.keepAlive(theirs);
      expect(bench.state(PEER)).toBe('Established');
    }
  });

  it('a third is refused, unless the second has not said who it is for long', () => {
    const bench = new Bench({}, peerConfig(OWN, address(PEER)));
    bench.pass(0);
    const attempt = bench.outputsOf('Connect')[0]!.connection;
    const second = bench.accept(PEER);
    const third = bench.accept(PEER);
    expect(bench.closed(third)).toBeDefined();
    expect(bench.closed(second)).toBeUndefined();
    bench.connected(PEER);
    bench.pass(5_000);
    const fourth = bench.accept(PEER);
    expect(bench.closed(second)).toBeDefined();
    bench.open(fourth, HIGHER);
    bench.keepAlive(fourth);
    expect(bench.state(PEER)).toBe('Established');
    expect(bench.closed(attempt)).toBeDefined();
  });

  it('of two that the peer opened, the later one is left: it has forgotten the first', () => {
    const bench = new Bench({}, passivePeer(PEER));
    bench.pass(0);
    const first = bench.accept(PEER);
    bench.open(first, LOWER);
    const second = bench.accept(PEER);
    bench.open(second, LOWER);
    bench.keepAlive(second);
    expect([bench.state(PEER), bench.notifications(first)]).toEqual(['Established', [CEASED]]);
  });

  it('one that has waited long for its OPEN does not win over one that has it', () => {
    const { bench, ours, theirs } = twoConnections();
    bench.pass(5_000);
    bench.open(theirs, LOWER); // by the identifiers ours would be left
    bench.keepAlive(theirs);
    expect([bench.state(PEER), bench.closed(ours) !== undefined]).toEqual(['Established', true]);
  });
});

describe('a second connection while the session is Established', () => {
  const open = (changes: Parameters<Bench['open']>[2], afterMs: number) => {
    const bench = new Bench({}, passivePeer(PEER));
    bench.pass(0);
    const first = bench.establish(PEER, changes);
    bench.received(
      first,
      announcement(['10.65.2.0/24'], {
        origin: 0,
        asPath: [],
        localPref: 100,
        nextHop: { address: address(PEER) },
      }),
    );
    bench.pass(afterMs);
    const second = bench.accept(PEER);
    bench.open(second, PEER, changes);
    return { bench, first, second };
  };

  it('is a peer that restarted, where graceful restart was agreed (RFC 4724 §4.2)', () => {
    const { bench, first, second } = open({}, 60_000);
    expect(bench.closed(first)).toMatchObject({ lastOctets: undefined });
    expect(bench.routes()).toEqual({ '10.65.2.0/24': '10.0.0.2 stale' });
    bench.keepAlive(second);
    expect(bench.state(PEER)).toBe('Established');
    expect(bench.view(PEER).counters).toMatchObject({ established: 2, lost: 1 });
  });

  it('is refused otherwise (RFC 4271 §6.8)', () => {
    const { bench, first, second } = open({ capabilities: [] }, 60_000);
    expect(bench.notifications(second)).toEqual([CEASED]);
    expect([bench.state(PEER), bench.closed(first)]).toEqual(['Established', undefined]);
  });

  it('so it is right after the session came up, over a connection that the peer opened: it does not open two at once', () => {
    const { bench, first, second } = open({}, 1);
    expect(bench.closed(first)).toMatchObject({ lastOctets: undefined });
    bench.keepAlive(second);
    expect(bench.state(PEER)).toBe('Established');
  });

  it('is refused when it may have been on its way as the session came up, over a connection of ours', () => {
    const bench = new Bench({}, peerConfig(OWN, address(PEER)));
    bench.pass(0);
    const ours = bench.connected(PEER);
    bench.open(ours, PEER);
    bench.keepAlive(ours);
    bench.pass(1_000);
    const theirs = bench.accept(PEER);
    bench.open(theirs, PEER);
    expect([bench.notifications(theirs), bench.closed(ours)]).toEqual([[CEASED], undefined]);
    bench.pass(5_000);
    bench.open(bench.accept(PEER), PEER);
    expect(bench.closed(ours)).toMatchObject({ lastOctets: undefined });
  });
});

describe('messages', () => {
  const session = () => {
    const bench = new Bench({}, passivePeer(PEER));
    bench.pass(0);
    return { bench, connection: bench.establish(PEER) };
  };

  it('our OPEN goes out as soon as there is a connection, the KEEPALIVE when theirs is accepted', () => {
    const bench = new Bench({}, passivePeer(PEER));
    bench.pass(0);
    const connection = bench.accept(PEER);
    const types = () => bench.sent.get(connection)!.map(({ type }) => type);
    expect(types()).toEqual(['Open']);
    bench.open(connection, PEER);
    expect(types()).toEqual(['Open', 'KeepAlive']);
  });

  it.each([
    ['before the OPEN is an FSM error (RFC 6608)', 'OpenSent', '5/1'],
    ['before the KEEPALIVE is one as well', 'OpenConfirm', '5/2'],
  ])('an UPDATE %s', (_name, state, expected) => {
    const bench = new Bench({}, passivePeer(PEER));
    bench.pass(0);
    const connection = bench.accept(PEER);
    if (state === 'OpenConfirm') bench.open(connection, PEER);
    bench.received(
      connection,
      announcement(['10.65.2.0/24'], {
        origin: 0,
        asPath: [],
        localPref: 100,
        nextHop: { address: address(PEER) },
      }),
    );
    expect([bench.notifications(connection), bench.state(PEER)]).toEqual([[expected], 'Idle']);
    expect(bench.routes()).toEqual({});
  });

  it('the same OPEN once more, before the KEEPALIVE, is passed over; another one is an FSM error', () => {
    const bench = new Bench({}, passivePeer(PEER));
    bench.pass(0);
    const connection = bench.accept(PEER);
    for (let times = 0; times < 3; times++) bench.open(connection, PEER);
    expect([bench.state(PEER), bench.notifications(connection)]).toEqual(['OpenConfirm', []]);
    bench.keepAlive(connection);
    expect(bench.state(PEER)).toBe('Established');
    const other = bench.accept(PEER);
    expect(bench.closed(other)).toBeUndefined();
    bench.disconnect(connection);
    bench.open(other, PEER);
    bench.open(other, PEER, { holdTimeSeconds: 30 });
    expect(bench.notifications(other)).toEqual(['5/2']);
  });

  it('an OPEN in Established is an FSM error', () => {
    const { bench, connection } = session();
    bench.open(connection, PEER);
    expect(bench.notifications(connection)).toEqual(['5/3']);
  });

  it('octets that are no message end the session, and the octets behind them are not looked at', () => {
    const { bench, connection } = session();
    const update = announcement(['10.65.2.0/24'], {
      origin: 0,
      asPath: [],
      localPref: 100,
      nextHop: { address: address(PEER) },
    });
    bench.received(connection, new Uint8Array(19), update);
    expect([bench.notifications(connection), bench.routes()]).toEqual([['1/1'], {}]);
  });

  it('all that waits goes out before the connection is closed, the NOTIFICATION last', () => {
    const bench = new Bench({}, passivePeer(PEER));
    bench.pass(0);
    const connection = bench.speaker.newConnectionId();
    const accepted = {
      type: 'Accepted',
      connection,
      remoteAddress: address(PEER),
      remotePort: 1,
      localAddress: OWN,
      localPort: 179,
    } as const;
    const nonsense = encodeMessage({ type: 'KeepAlive' }, INITIAL_CONTEXT);
    bench.tell(accepted, { type: 'Received', connection, octets: nonsense }); // one turn: nothing was sent yet
    expect(bench.sent.get(connection)!.map(({ type }) => type)).toEqual(['Open', 'Notification']);
  });

  it('a closed connection is never heard of again, whatever still comes from it', () => {
    const { bench, connection } = session();
    bench.tell({ type: 'Clear', peer: bench.view(PEER).config.peer, how: 'reset', text: 'test' });
    bench.clear();
    bench.keepAlive(connection);
    bench.disconnect(connection);
    expect(bench.outputs).toEqual([]);
    expect(bench.speaker.transmit(connection, 65536)).toEqual([]);
    expect(bench.speaker.sizes().connections).toBe(0);
  });

  it('a fact that comes twice counts once', () => {
    const bench = new Bench({}, peerConfig(OWN, address(PEER)));
    bench.pass(0);
    const connection = bench.connected(PEER);
    bench.connected(PEER);
    expect(bench.sent.get(connection)!.map(({ type }) => type)).toEqual(['Open']);
    bench.disconnect(connection);
    bench.disconnect(connection);
    expect(bench.state(PEER)).toBe('Active');
  });
});

describe('connecting', () => {
  /** An OPEN with a wrong AS number, so often. @returns the last connection. */
  const refusedOpens = (bench: Bench, times: number): ConnectionId => {
    let connection = bench.accept(PEER);
    for (let i = 1; ; i++) {
      bench.open(connection, PEER, { asNumber: 65001 });
      expect(bench.notifications(connection)).toEqual(['2/2']);
      if (i === times) return connection;
      connection = bench.accept(PEER);
    }
  };

  it('a peer may come again at once after its first errors', () => {
    const bench = new Bench({}, passivePeer(PEER));
    bench.pass(0);
    refusedOpens(bench, 3);
    bench.establish(PEER);
  });

  it('one that errs on and on is refused while it is Idle, and let in half a second after each error', () => {
    const bench = new Bench({}, passivePeer(PEER));
    bench.pass(0);
    refusedOpens(bench, 4);
    const refused = bench.closed(bench.accept(PEER));
    expect(refused?.reason).toContain('Idle');
    expect(refused?.lastOctets).toBeUndefined();
    bench.pass(500);
    bench.establish(PEER);
  });

  it('a wait that is over is over for connections of the peer, also before the Tick', () => {
    const bench = new Bench({}, passivePeer(PEER));
    bench.pass(0);
    refusedOpens(bench, 4);
    bench.now = bench.speaker.nextDeadline();
    bench.establish(PEER);
  });

  it('letting a peer in starts no connection of our own', () => {
    const bench = new Bench({}, peerConfig(OWN, address(PEER)));
    bench.pass(0);
    bench.open(bench.connected(PEER), PEER, { asNumber: 65001 });
    bench.clear();
    bench.accept(PEER);
    expect([bench.state(PEER), bench.outputsOf('Connect')]).toEqual(['OpenSent', []]);
  });

  it('nobody but a configured peer is let in', () => {
    const bench = new Bench({}, passivePeer(PEER));
    const stranger = bench.accept('10.0.0.99');
    expect(bench.notifications(stranger)).toEqual(['6/5']); // RFC 4486 §4: Connection Rejected
    expect(bench.events('connection-refused')).toMatchObject([{ address: '10.0.0.99' }]);
  });

  it('a peer that comes back does not restart without having forwarded: the F bit (RFC 4724 §3)', () => {
    const preserved = (bench: Bench, connection: ConnectionId) => {
      const open = bench.sent.get(connection)!.find(({ type }) => type === 'Open');
      const capability =
        open?.type === 'Open' && open.capabilities.find(({ name }) => name === 'GracefulRestart');
      return (
        capability && capability.name === 'GracefulRestart' && capability.families[0]!.forwardingPreserved
      );
    };
    const bench = new Bench({}, passivePeer(PEER));
    bench.pass(0);
    const first = bench.establish(PEER);
    expect(preserved(bench, first)).toBe(false);
    bench.pass(2_000);
    bench.disconnect(first);
    bench.pass(0);
    expect(preserved(bench, bench.accept(PEER))).toBe(true);
    const restarted = new Bench({ restarting: true }, passivePeer(PEER));
    restarted.pass(0);
    expect(preserved(restarted, restarted.accept(PEER))).toBe(true);
  });

  it('the retry grows while nobody answers', () => {
    const bench = new Bench(
      {},
      peerConfig(OWN, address(PEER), { connectRetrySeconds: 5, connectRetryMaxSeconds: 20 }),
    );
    bench.pass(300_000);
    const attempts = bench.outputsOf('Connect').length;
    expect(attempts).toBeGreaterThan(300 / 20);
    expect(attempts).toBeLessThan(300 / (20 * 0.75) + 15);
    expect(bench.outputsOf('Close').length).toBe(attempts - 1); // each attempt ends before the next
  });

  it('capabilities of the peer are shown', () => {
    const bench = new Bench({}, passivePeer(PEER));
    bench.pass(0);
    bench.establish(PEER, { capabilities: [restartCapability()] });
    expect(bench.view(PEER).capabilitiesReceived.length).toBe(1);
  });
});

it('says of an attempt to connect that nobody answers what silence may mean', () => {
  const bench = new Bench({}, peerConfig(OWN, address(PEER)));
  bench.pass(0);
  expect(bench.view(PEER)).toMatchObject({ state: 'Connect', lastError: undefined });
  bench.pass(10_000);
  expect(bench.view(PEER).lastError).toMatch(/^no answer to the attempt to connect: .*TCP MD5 key/);
});
