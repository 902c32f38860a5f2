import {
  ACCEPT_ALL,
  address,
  type Match,
  type PathAttributes,
  type PeerConfig,
  type Policy,
} from 'bgp-utils';
import { announcement, Bench, passivePeer } from '../../../support/bench.ts';
import { localRoute } from '../../../support/peers.ts';
import { sequence } from '../../../support/rib.ts';

const A = '10.0.0.2';
const B = '10.0.0.3';
const P = '10.65.2.0/24';

const external = (other: string, remoteAs: number, changes: Partial<PeerConfig> = {}): PeerConfig =>
  passivePeer(other, { remoteAs, ...changes });

const only = (match: Match): Policy => ({
  terms: [{ name: 'only', match, actions: [], verdict: 'accept' }],
  otherwise: 'reject',
});

const from65001 = (changes: Partial<PathAttributes> = {}): Uint8Array =>
  announcement(
    [P],
    { origin: 0, asPath: sequence(65001), nextHop: { address: address(A) }, ...changes },
    'external',
  );

function up(...configs: readonly PeerConfig[]) {
  const bench = new Bench({}, ...configs);
  bench.pass(0);
  const connections = configs.map(({ address: at, remoteAs }) => bench.establish(at, { asNumber: remoteAs }));
  return { bench, a: connections[0]!, b: connections[1]! };
}

describe('export policy sees the route as it will be sent', () => {
  it.each<[string, Match, boolean]>([
    ['its AS path begins with our AS', { asPath: { startsWith: [64512, 65001] } }, true],
    ['and not with that of the peer it came from', { asPath: { startsWith: [65001] } }, false],
    ['the MED of the other peer is gone', { multiExitDisc: { max: 0 } }, true],
    ['its next hop is ours', { nextHop: ['10.0.0.1/32' as never] }, true],
    ['its LOCAL_PREF is the one that it has here', { localPref: { min: 100, max: 100 } }, true],
    ['what it carries', { communities: [5] }, true],
    ['the peer that it came from', { fromPeers: [address(A)] }, true],
    ['and no other', { fromPeers: [address(B)] }, false],
  ])('%s', (_name, match, told) => {
    const { bench, a, b } = up(external(A, 65001), external(B, 65002, { exportPolicy: only(match) }));
    bench.received(a, from65001({ multiExitDisc: 7, communities: [5] }));
    expect(bench.told(b).has(P)).toBe(told);
    if (told) expect(bench.told(b).get(P)).not.toHaveProperty('localPref');
  });

  it('what an import policy added is there', () => {
    const marking: Policy = {
      terms: [
        { name: 'm', match: {}, actions: [{ type: 'AddCommunities', values: [9] }], verdict: 'accept' },
      ],
      otherwise: 'reject',
    };
    const { bench, a, b } = up(
      external(A, 65001, { importPolicy: marking }),
      external(B, 65002, { exportPolicy: only({ communities: [9] }) }),
    );
    bench.received(a, from65001());
    expect(bench.told(b).get(P)).toMatchObject({ communities: [9], asPath: sequence(64512, 65001) });
  });
});

describe('interfaces', () => {
  const nextHop = (name: string | undefined) =>
    ({
      type: 'NextHop',
      address: address(A),
      cost: name === undefined ? undefined : 0,
      interface: name,
    }) as const;

  it('import policy is asked again when a next hop moves to another one', () => {
    const { bench, a } = up(external(A, 65001, { importPolicy: only({ interfaces: ['eth*'] }) }));
    bench.answers = false;
    bench.received(a, from65001());
    expect(bench.routes()).toEqual({});
    bench.tell(nextHop('eth1'));
    expect(bench.routes()).toEqual({ [P]: A });
    bench.tell(nextHop('tunl0'));
    expect(bench.routes()).toEqual({});
    bench.tell(nextHop('eth0'));
    expect(bench.routes()).toEqual({ [P]: A });
  });

  it('export policy sees that of a route made here, and is asked again when it is another one', () => {
    const { bench, a } = up(external(A, 65001, { exportPolicy: only({ interfaces: ['cali*'] }) }));
    const originate = (text: string, by: string | undefined) =>
      bench.tell({ type: 'Originate', route: { ...localRoute(text), kernel: 'none', interface: by } });
    originate('10.65.9.1/32', 'cali1');
    originate('10.65.9.2/32', 'veth1'); // of the same attributes
    originate('10.65.9.3/32', 'cali3');
    originate('10.65.9.4/32', undefined);
    expect([...bench.told(a).keys()]).toEqual(['10.65.9.1/32', '10.65.9.3/32']);
    originate('10.65.9.2/32', 'cali2');
    originate('10.65.9.1/32', 'veth2');
    expect([...bench.told(a).keys()].sort()).toEqual(['10.65.9.2/32', '10.65.9.3/32']);
  });

  it('export policy as well, and blackholes made here have none', () => {
    const { bench, a, b } = up(
      external(A, 65001),
      external(B, 65002, { exportPolicy: only({ interfaces: ['*'] }) }),
    );
    bench.answers = false;
    bench.received(a, from65001());
    bench.tell({ type: 'Originate', route: localRoute('10.65.9.0/24') });
    expect([...bench.told(b).keys()]).toEqual([]);
    bench.tell(nextHop('eth1'));
    expect([...bench.told(b).keys()]).toEqual([P]);
  });

  it('export policy is asked again although the route stays the same', () => {
    const { bench, a, b } = up(
      external(A, 65001),
      external(B, 65002, { exportPolicy: only({ interfaces: ['eth*'] }) }),
    );
    bench.answers = false;
    bench.received(a, from65001());
    bench.tell(nextHop('eth1'));
    expect([...bench.told(b).keys()]).toEqual([P]);
    bench.tell(nextHop('tunl0'));
    expect([...bench.told(b).keys()]).toEqual([]);
    expect(bench.routes()).toEqual({ [P]: A });
  });
});

describe('rules for external peers', () => {
  it('a route with GRACEFUL_SHUTDOWN is used last (RFC 8326)', () => {
    const { bench, a, b } = up(external(A, 65001), external(B, 65002));
    bench.received(a, from65001({ communities: [0xffff0000] }));
    expect(bench.routes()).toEqual({ [P]: A });
    const longer = { asPath: sequence(65002, 1, 2, 3), nextHop: { address: address(B) } };
    bench.received(b, from65001(longer));
    expect(bench.routes()).toEqual({ [P]: B });
  });

  it('without a policy nothing goes in or out where one is required, and all of it once there is one (RFC 8212)', () => {
    const bench = new Bench({}, external(A, 65001, { requirePolicy: true, exportPolicy: ACCEPT_ALL }));
    bench.tell({ type: 'Originate', route: localRoute('10.65.9.0/24') });
    const a = bench.establish(A, { asNumber: 65001 });
    bench.received(a, from65001());
    expect([[...bench.told(a).keys()], P in bench.routes()]).toEqual([[], false]);
    expect([...bench.speaker.routes('ipv4')].find(({ prefix }) => prefix === P)?.reason).toContain(
      'RFC 8212',
    );
    const config = external(A, 65001, {
      requirePolicy: true,
      importPolicy: only({}),
      exportPolicy: only({}),
    });
    bench.tell({ type: 'ChangePeer', config });
    expect([[...bench.told(a).keys()], P in bench.routes()]).toEqual([['10.65.9.0/24'], true]);
    bench.tell({
      type: 'ChangePeer',
      config: { ...config, importPolicy: ACCEPT_ALL, exportPolicy: ACCEPT_ALL },
    });
    expect([[...bench.told(a).keys()], P in bench.routes()]).toEqual([[], false]);
  });

  it('a path that begins with another AS is not used where that is asked for (RFC 4271 §6.3)', () => {
    const { bench, a } = up(external(A, 65001));
    bench.received(a, from65001({ asPath: sequence(65009, 65001) }));
    expect(bench.routes()).toEqual({ [P]: A });
    bench.tell({ type: 'ChangePeer', config: external(A, 65001, { enforceFirstAs: true }) });
    expect(bench.routes()).toEqual({});
  });

  it('confederation segments withdraw the route, and the session stays (RFC 5065 §5, RFC 7606 §7.2)', () => {
    const { bench, a } = up(external(A, 65001));
    bench.received(a, from65001());
    const asPath = [{ type: 'AS_CONFED_SEQUENCE' as const, asNumbers: [65100] }, ...sequence(65001)];
    bench.received(a, from65001({ asPath }));
    expect([bench.state(A), bench.routes()]).toEqual(['Established', {}]);
  });

  it('AS 0 in a path withdraws the route (RFC 7607 §2)', () => {
    const { bench, a } = up(external(A, 65001));
    bench.received(a, from65001());
    bench.received(a, from65001({ asPath: sequence(65001, 0) }));
    expect([bench.state(A), bench.routes()]).toEqual(['Established', {}]);
  });

  it('AS 0 as AGGREGATOR is dropped, and the route is used (RFC 7607 §2, RFC 7606 §7.7)', () => {
    const { bench, a, b } = up(external(A, 65001), external(B, 65002));
    bench.received(a, from65001({ aggregator: { asNumber: 0, address: address('1.1.1.1') } }));
    expect(bench.told(b).get(P)).not.toHaveProperty('aggregator');
  });

  it('AS 0 in an OPEN ends the session with Bad Peer AS (RFC 7607 §2)', () => {
    const bench = new Bench({}, external(A, 65001));
    const a = bench.accept(A);
    bench.open(a, A, { asNumber: 0, myAs: 0 });
    expect(bench.notifications(a)).toEqual(['2/2']);
  });

  it('an AS_SET is accepted and passed on (RFC 6472)', () => {
    const { bench, a, b } = up(external(A, 65001), external(B, 65002));
    const set = { type: 'AS_SET' as const, asNumbers: [7, 8] };
    bench.received(a, from65001({ asPath: [...sequence(65001), set] }));
    expect(bench.told(b).get(P)?.asPath).toEqual([...sequence(64512, 65001), set]);
  });
});
