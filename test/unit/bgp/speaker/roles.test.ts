import { address, type Capability, type PathAttributes, type PeerConfig, prefix, type Role } from 'bgp-utils';
import { announcement, Bench, endOfRib, id, passivePeer } from '../../../support/bench.ts';
import { localRoute } from '../../../support/peers.ts';

const BLOCK = '10.65.2.0/24';
const UP = '10.0.0.2';
const DOWN = '10.0.0.3';
const ASES: Readonly<Record<string, number>> = { [UP]: 65001, [DOWN]: 65002 };

const peer = (at: string, role: Role): PeerConfig =>
  passivePeer(at, { remoteAs: ASES[at]!, role: { role, strict: false } });

function establish(bench: Bench, at: string) {
  const asNumber = ASES[at]!;
  const capabilities: Capability[] = [
    { name: 'Multiprotocol', afi: 1, safi: 1 },
    { name: 'FourOctetAs', asNumber },
  ];
  return bench.establish(at, { asNumber, myAs: asNumber, capabilities });
}
const from = (at: string, onlyToCustomer?: number): PathAttributes => ({
  origin: 0,
  asPath: [{ type: 'AS_SEQUENCE', asNumbers: [ASES[at]!] }],
  nextHop: { address: address(at) },
  ...(onlyToCustomer !== undefined && { onlyToCustomer }),
});
const told = (bench: Bench, at: string) =>
  [...bench.speaker.advertisedTo(id(at), 'ipv4', prefix(BLOCK))].flatMap(({ attributes }) =>
    attributes === undefined ? [] : [attributes.onlyToCustomer],
  );

describe('a provider above and another party beside it (RFC 9234)', () => {
  it("a provider's route goes to customers, marked with the provider's AS", () => {
    const bench = new Bench({}, peer(UP, 'customer'), peer(DOWN, 'provider'));
    const up = establish(bench, UP);
    establish(bench, DOWN);
    bench.received(up, announcement([BLOCK], from(UP), 'external'), endOfRib());
    expect(told(bench, DOWN)).toEqual([ASES[UP]]);
  });

  it("a provider's route does not go to another provider: no leak through us", () => {
    const bench = new Bench({}, peer(UP, 'customer'), peer(DOWN, 'customer'));
    const up = establish(bench, UP);
    establish(bench, DOWN);
    bench.received(up, announcement([BLOCK], from(UP), 'external'), endOfRib());
    expect(Object.keys(bench.routes())).toEqual([BLOCK]);
    expect(told(bench, DOWN)).toEqual([]);
  });

  it("a customer's route with the mark is a leak, and not used", () => {
    const bench = new Bench({}, peer(DOWN, 'provider'));
    const down = establish(bench, DOWN);
    bench.received(down, announcement([BLOCK], from(DOWN, 7), 'external'), endOfRib());
    expect(bench.routes()).toEqual({});
    const [route] = [...bench.speaker.routes('ipv4', prefix(BLOCK))];
    expect(route!.reason).toMatch(/RFC 9234/);
  });

  it('our own route is marked on its way down, and not on its way up', () => {
    const bench = new Bench({}, peer(UP, 'customer'), peer(DOWN, 'provider'));
    bench.tell({ type: 'Originate', route: localRoute(BLOCK) });
    establish(bench, UP);
    establish(bench, DOWN);
    expect(told(bench, UP)).toEqual([undefined]);
    expect(told(bench, DOWN)).toEqual([64512]);
  });

  it('a change of role resets the session', () => {
    const bench = new Bench({}, peer(UP, 'customer'));
    const up = establish(bench, UP);
    bench.tell({ type: 'ChangePeer', config: peer(UP, 'peer') });
    expect(bench.notifications(up)).toEqual(['6/6']);
  });
});
