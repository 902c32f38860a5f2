// Any history of two reflectors, a datastore and time: what is kept is confirmed, nothing confirmed is lost while nobody speaks, and in the
// end, with both reflectors back for long enough, all is as if nothing had been kept.

import {
  type Address,
  address,
  encodeMessage,
  INITIAL_CONTEXT,
  notification,
  type OriginCheckConfig,
  prefix,
} from 'bgp-utils';
import { Prng } from 'bgp-utils/testing';
import fc from 'fast-check';
import { announcement, Bench, endOfRib, id, OWN, passivePeer, withdrawal } from '../support/bench.ts';
import { speakerConfig } from '../support/peers.ts';

const REFLECTORS = ['10.0.0.11', '10.0.0.12'] as const;
const NODES = ['10.0.0.2', '10.0.0.3', '10.0.0.4'] as const;
const BLOCKS = ['10.65.2.0/26', '10.65.3.0/26', '10.65.4.0/26', '192.0.2.0/24'] as const;
const CEASE = encodeMessage(notification(6, 2, new Uint8Array(0)), INITIAL_CONTEXT);
const ALL_BACK_MS = 400_000;

class History {
  readonly bench: Bench;
  /** Node by block, as the datastore says. */
  private holders = new Map<string, string>(BLOCKS.slice(0, 3).map((block, i) => [block, NODES[i]!]));
  private readonly up = new Map<string, ReturnType<Bench['establish']>>();
  /** What each reflector tells on its session. */
  private readonly told = new Map<string, Map<string, string>>();

  constructor(
    private readonly random: Prng,
    private readonly failStatic: boolean,
  ) {
    this.bench = new Bench(this.speaker(), ...REFLECTORS.map((peer) => passivePeer(peer)));
  }

  private speaker() {
    const originCheck: OriginCheckConfig = {
      enforce: false,
      pools: [prefix('10.65.0.0/16')],
      blocks: [...this.holders].map(([block, holder]) => ({ prefix: prefix(block), holders: [holder] })),
      nodes: NODES.map((at) => ({
        name: at,
        addresses: [address(at) as Address],
        identifier: address(at) as Address,
        asNumber: 64512,
      })),
    };
    return { failStatic: this.failStatic, originCheck };
  }

  /** @returns whether routes that are confirmed may go by what was done. */
  step(): boolean {
    const { random } = this;
    const peer = random.pick(REFLECTORS);
    const connection = this.up.get(peer);
    switch (random.between(0, 7)) {
      case 0:
        if (connection === undefined) this.back(peer, random.between(0, 1) === 0);
        return true;
      case 1:
        if (connection !== undefined) this.say(peer);
        return true;
      case 2:
        if (connection !== undefined) this.bench.disconnect(connection);
        return this.gone(peer);
      case 3:
        if (connection !== undefined) this.bench.received(connection, CEASE);
        return this.gone(peer);
      case 4:
        this.bench.tell({ type: 'Clear', peer: id(peer), how: 'reset', text: '' });
        return this.gone(peer);
      case 5:
        if (this.up.size > 0) this.live(random.between(0, 199_999));
        else this.bench.pass(random.between(0, 999_999));
        return this.up.size > 0;
      case 6:
        this.bench.pass(random.between(0, 79_999));
        for (const open of this.up.values()) this.bench.keepAlive(open);
        return this.up.size > 0;
      default:
        if (random.between(0, 2) > 0) return true;
        this.holders.set(random.pick(BLOCKS.slice(0, 3)), random.pick(NODES));
        this.bench.tell({ type: 'Configure', speaker: speakerConfig(OWN, this.speaker()) });
        return true;
    }
  }

  /** Both reflectors tell the same, for longer than anything is kept. */
  end(): void {
    for (const peer of REFLECTORS) {
      if (!this.up.has(peer)) this.back(peer, true);
      else this.bench.received(this.up.get(peer)!, endOfRib());
    }
    this.live(ALL_BACK_MS);
  }

  /** Confirmed routes that are in use, with their next hops. */
  inUse(): string[] {
    return [...this.bench.forwarding].flatMap(([at, route]) => {
      const [hop] = route.type === 'unicast' ? route.nextHops : [];
      return this.holders.get(at) === hop ? `${at} ${hop}` : [];
    });
  }

  /** Of what is kept, that which is not confirmed. */
  unconfirmed(): string[] {
    return [...this.bench.speaker.routes('ipv4')]
      .filter(({ staleReason }) => staleReason?.startsWith('fail static'))
      .filter((route) => this.holders.get(route.prefix) !== route.attributes.nextHop?.address)
      .map((route) => route.prefix);
  }

  private back(peer: string, complete: boolean): void {
    this.up.set(peer, this.bench.establish(peer));
    this.told.set(peer, new Map());
    for (let i = this.random.between(0, 3); i > 0; i--) this.say(peer);
    if (complete) this.bench.received(this.up.get(peer)!, endOfRib());
  }

  private say(peer: string): void {
    const block = this.random.pick(BLOCKS);
    const hop =
      this.random.between(0, 3) === 0 ? this.random.pick(NODES) : (this.holders.get(block) ?? NODES[0]);
    const attributes = { origin: 0 as const, asPath: [], localPref: 100, nextHop: { address: address(hop) } };
    const octets = this.random.between(0, 3) === 0 ? withdrawal([block]) : announcement([block], attributes);
    this.bench.received(this.up.get(peer)!, octets);
  }

  private gone(peer: string): boolean {
    this.up.delete(peer);
    return this.up.size > 0;
  }

  private live(ms: number): void {
    for (let passed = 0; passed < ms; passed += 20_000) {
      this.bench.pass(20_000);
      for (const connection of this.up.values()) this.bench.keepAlive(connection);
    }
  }
}

const STEPS = 60;

describe('fail static', () => {
  it('keeps what is confirmed while nobody speaks, and leaves nothing behind', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const history = new History(new Prng(seed), true);
        const plain = new History(new Prng(seed), false);
        for (let step = 0; step < STEPS; step++) {
          const before = history.inUse();
          const mayGo = history.step();
          plain.step();
          expect(history.unconfirmed()).toEqual([]);
          if (!mayGo) expect(history.inUse()).toEqual(expect.arrayContaining(before));
        }
        history.end();
        plain.end();
        expect(history.bench.speaker.counts().held).toEqual({ ipv4: 0, ipv6: 0 });
        expect(history.bench.routes()).toEqual(plain.bench.routes());
      }),
      { numRuns: 60 },
    );
  });
});
