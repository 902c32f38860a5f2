import { address, type Capability, type ConnectionId, encodeMessage, INITIAL_CONTEXT } from 'bgp-utils';
import { announcement, Bench, endOfRib, passivePeer, restartCapability } from '../../../support/bench.ts';
import { localRoute } from '../../../support/peers.ts';

const PEER = '10.0.0.2';
const attributes = { origin: 0 as const, asPath: [], localPref: 100, nextHop: { address: address(PEER) } };
const enhanced: readonly Capability[] = [
  { name: 'Multiprotocol', afi: 1, safi: 1 },
  { name: 'RouteRefresh' },
  { name: 'EnhancedRouteRefresh' },
  { name: 'FourOctetAs', asNumber: 64512 },
];
const refresh = (subtype: number, afi = 1) =>
  encodeMessage({ type: 'RouteRefresh', afi, safi: 1, subtype }, INITIAL_CONTEXT);

function session(capabilities = enhanced): { bench: Bench; connection: ConnectionId } {
  const bench = new Bench({}, passivePeer(PEER));
  bench.tell({ type: 'Originate', route: localRoute('10.65.1.0/24') });
  const connection = bench.establish(PEER, { capabilities });
  bench.received(connection, announcement(['10.65.2.0/24', '10.65.3.0/24'], attributes), endOfRib());
  bench.pass(0);
  bench.clear();
  return { bench, connection };
}

/** What was sent, refresh marks among the routes. */
const said = (bench: Bench, connection: ConnectionId) =>
  bench.sent.get(connection)!.flatMap((message) => {
    if (message.type === 'RouteRefresh') return message.subtype === 1 ? 'BoRR' : 'EoRR';
    return message.type === 'Update' && message.announced.length > 0 ? 'routes' : [];
  });

describe('a route refresh that the peer asks for (RFC 2918, RFC 7313)', () => {
  it('is answered between BoRR and EoRR where both have the capability', () => {
    const { bench, connection } = session();
    bench.received(connection, refresh(0));
    expect(said(bench, connection)).toEqual(['BoRR', 'routes', 'EoRR']);
  });

  it('is answered without them otherwise', () => {
    const { bench, connection } = session(enhanced.filter(({ name }) => name !== 'EnhancedRouteRefresh'));
    bench.received(connection, refresh(0));
    expect(said(bench, connection)).toEqual(['routes']);
  });

  it('is bracketed also when there is nothing to send', () => {
    const { bench, connection } = session();
    bench.tell({ type: 'WithdrawOriginated', prefix: localRoute('10.65.1.0/24').prefix });
    bench.clear();
    bench.received(connection, refresh(0));
    expect(said(bench, connection)).toEqual(['BoRR', 'EoRR']);
  });

  it.each([
    ['a family that was not agreed on', refresh(0, 2)],
    ['an unknown subtype (§5)', refresh(7)],
  ])('%s is ignored', (_name, octets) => {
    const { bench, connection } = session();
    bench.received(connection, octets);
    expect(said(bench, connection)).toEqual([]);
    expect(bench.state(PEER)).toBe('Established');
  });

  it('a BoRR of another length is answered with an error (§5)', () => {
    const { bench, connection } = session();
    const long = Uint8Array.of(...refresh(1), 0);
    long[17] = long.length;
    bench.received(connection, long);
    expect(bench.notifications(connection)).toEqual(['7/1']);
  });
});

describe('a route refresh that the peer sends (RFC 7313 §4)', () => {
  it('keeps all in use until the EoRR, and then removes what was not sent again', () => {
    const { bench, connection } = session();
    bench.received(connection, refresh(1), announcement(['10.65.3.0/24'], attributes));
    expect(Object.keys(bench.routes())).toContain('10.65.2.0/24');
    expect(bench.view(PEER).routes.ipv4.stale).toBe(1);
    bench.received(connection, refresh(2));
    expect(Object.keys(bench.routes())).toEqual(['10.65.1.0/24', '10.65.3.0/24']);
    expect(bench.view(PEER).routes.ipv4.stale).toBe(0);
  });

  it('ends by itself where the EoRR does not come', () => {
    const { bench, connection } = session();
    bench.received(connection, refresh(1));
    for (let i = 0; i < 12; i++) {
      bench.pass(30_000);
      bench.keepAlive(connection);
    }
    expect(Object.keys(bench.routes())).toEqual(['10.65.1.0/24']);
    expect(bench.state(PEER)).toBe('Established');
  });

  it('that breaks off with the connection takes nothing away of what graceful restart keeps', () => {
    const { bench, connection } = session([...enhanced, restartCapability()]);
    bench.received(connection, refresh(1), announcement(['10.65.3.0/24'], attributes));
    bench.disconnect(connection);
    expect(Object.keys(bench.routes())).toEqual(['10.65.1.0/24', '10.65.2.0/24', '10.65.3.0/24']);
    bench.pass(60_000);
    expect(Object.keys(bench.routes())).toEqual(['10.65.1.0/24']);
  });

  it('an EoRR without a BoRR means nothing', () => {
    const { bench, connection } = session();
    bench.received(connection, refresh(2));
    expect(Object.keys(bench.routes())).toHaveLength(3);
  });
});

describe('a BoRR before the End-of-RIB (RFC 7313 §4)', () => {
  const twice = (capabilities: readonly Capability[]) => {
    const bench = new Bench({}, passivePeer(PEER));
    const connection = bench.establish(PEER, { capabilities });
    bench.received(connection, announcement(['10.65.2.0/24'], attributes), refresh(1), refresh(2));
    return bench.view(PEER).routes.ipv4.received;
  };
  it('means nothing from a peer that sends such markers, in its first session as well', () => {
    expect(twice([...enhanced, restartCapability()])).toBe(1);
  });
  it('counts from one that does not', () => {
    expect(twice(enhanced)).toBe(0);
  });
});
