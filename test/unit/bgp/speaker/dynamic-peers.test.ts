import { address, type PeerConfig, prefix } from 'bgp-utils';
import { DynamicPeers, MAX_DYNAMIC_PEERS, madeFrom } from '../../../../bgp/src/speaker/dynamic-peers.ts';
import { Bench, id, passivePeer } from '../../../support/bench.ts';

const RANGE = '10.1.0.0/16';
const template = (range = RANGE, changes: Partial<PeerConfig> = {}): PeerConfig =>
  passivePeer('10.0.0.2', { peer: id(range), range: prefix(range), ...changes });
const peers = (bench: Bench) => bench.speaker.peerViews().map(({ config }) => config.peer);

describe('peers from a range of addresses', () => {
  it('a connection from the range makes a peer, and its end removes it', () => {
    const bench = new Bench({}, template(RANGE, { gracefulRestartSeconds: 0 }));
    expect(peers(bench)).toEqual([]);
    const connection = bench.establish('10.1.2.3');
    expect(peers(bench)).toEqual(['10.1.2.3']);
    bench.disconnect(connection);
    bench.pass(60_000);
    expect(peers(bench)).toEqual([]);
    bench.establish('10.1.2.3');
  });

  it('stays for its restart time where that was agreed on', () => {
    const bench = new Bench({}, template());
    bench.disconnect(bench.establish('10.1.2.3'));
    bench.pass(59_000);
    expect(peers(bench)).toEqual(['10.1.2.3']);
    bench.pass(2_000);
    expect(peers(bench)).toEqual([]);
  });

  it('an address outside is refused, a configured peer goes first', () => {
    const bench = new Bench({}, template(), passivePeer('10.1.9.9', { routeReflectorClient: true }));
    expect(bench.closed(bench.accept('10.2.0.1'))?.reason).toMatch(/no peer is configured/);
    bench.establish('10.1.9.9');
    expect(bench.view('10.1.9.9').config.routeReflectorClient).toBe(true);
  });

  it('the smallest range counts', () => {
    const bench = new Bench({}, template(), template('10.1.2.0/24', { holdTimeSeconds: 9 }));
    bench.establish('10.1.2.3');
    expect(bench.view('10.1.2.3').config.holdTimeSeconds).toBe(9);
  });

  it('follow a change of the range, and go with it', () => {
    const bench = new Bench({}, template());
    bench.establish('10.1.2.3');
    const other = bench.establish('10.1.200.3');
    bench.tell({ type: 'ChangePeer', config: { ...template('10.1.0.0/17'), peer: id(RANGE) } });
    expect(peers(bench)).toEqual(['10.1.2.3']);
    expect(bench.notifications(other)).toEqual(['6/3']);
    bench.tell({ type: 'RemovePeer', peer: id(RANGE) });
    expect(peers(bench)).toEqual([]);
    expect(bench.closed(bench.accept('10.1.2.3'))?.reason).toMatch(/no peer is configured/);
  });

  it('with another AS number is refused like any peer, and forgotten', () => {
    const bench = new Bench({}, template());
    const connection = bench.accept('10.1.2.3');
    bench.open(connection, '10.1.2.3', { asNumber: 65000, myAs: 65000 });
    expect(bench.notifications(connection)).toEqual(['2/2']);
    bench.pass(120_000);
    expect(peers(bench)).toEqual([]);
  });

  it('their number is bounded', () => {
    const dynamic = new DynamicPeers();
    dynamic.configure(template() as Parameters<DynamicPeers['configure']>[0]);
    const at = (i: number) => address(`10.1.${i >>> 8}.${i & 255}`);
    for (let i = 0; i < MAX_DYNAMIC_PEERS; i++) expect(typeof dynamic.make(at(i))).toBe('object');
    expect(dynamic.make(at(MAX_DYNAMIC_PEERS))).toMatch(/4096 peers/);
    dynamic.forget(madeFrom(template(), at(0)).peer);
    expect(typeof dynamic.make(at(MAX_DYNAMIC_PEERS))).toBe('object');
  });
});
