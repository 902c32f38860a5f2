// What is done to all paths of a peer takes several turns. Whatever happens between two of them, the end is as if it had been done at once:
// two speakers hear the same, one that looks at a prefix a turn, and one that looks at all.

import {
  type Address,
  address,
  type ConnectionId,
  encodeMessage,
  INITIAL_CONTEXT,
  notification,
  type OriginCheckConfig,
  type PeerConfig,
  type Policy,
  prefix,
} from 'bgp-utils';
import fc from 'fast-check';
import {
  announcement,
  Bench,
  endOfRib,
  id,
  OWN,
  passivePeer,
  restartCapability,
  withdrawal,
} from '../support/bench.ts';
import { speakerConfig } from '../support/peers.ts';

const NODES = ['10.0.0.2', '10.0.0.3', '10.0.0.4'] as const;
const RECEIVER = '10.0.0.31';
const PEERS = ['10.0.0.11', '10.0.0.12', '10.0.0.13', '10.0.0.21'] as const;
const EXTERNAL = PEERS[3];
const PREFIXES = [
  '10.65.2.0/26',
  '10.65.3.0/26',
  '10.65.4.0/26',
  '10.65.4.64/26',
  '192.0.2.0/24',
  '198.51.100.0/24',
];
const CEASE = encodeMessage(notification(6, 2, new Uint8Array(0)), INITIAL_CONTEXT);

const POLICIES: readonly Policy[] = [
  { terms: [], otherwise: 'accept' },
  { terms: [], otherwise: 'reject' },
  {
    terms: [
      {
        name: 'pool',
        match: { prefixes: [{ prefix: prefix('10.65.0.0/16') }] },
        actions: [{ type: 'SetLocalPref', value: 200 }],
        verdict: 'accept',
      },
    ],
    otherwise: 'accept',
  },
];

const nat = (max: number) => fc.integer({ min: 0, max });
const peer = nat(PEERS.length - 1);
const at = nat(PREFIXES.length - 1);
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('up' as const), peer, preserved: fc.boolean() }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('tell' as const), peer, at, hop: nat(3), from: at }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('withdraw' as const), peer, at }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('end-of-rib' as const), peer }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('lose' as const), peer, how: nat(2) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('lose all' as const), how: nat(2) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('refresh' as const), peer, ends: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('policy' as const), peer, policy: nat(2), export: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('client' as const), peer }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('remove' as const), peer }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('holder' as const),
      at: nat(3),
      node: nat(2),
      enforce: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('fail static' as const), on: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('next hop' as const), node: nat(2), up: fc.boolean() }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('time' as const),
      ms: fc.constantFrom(1000, 20_000, 70_000, 130_000),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('turns' as const), count: nat(4) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

class World {
  readonly bench: Bench;
  private readonly up = new Map<string, ConnectionId>();
  private readonly receiver: ConnectionId;
  private readonly configs = new Map<string, PeerConfig>();
  private holders = PREFIXES.map((_, i) => i % NODES.length);
  private enforce = false;
  private failStatic = true;

  constructor(sliceCost: number) {
    this.bench = new Bench(
      { ...this.settings(), sliceCost },
      passivePeer(RECEIVER, { leaf: true, routeReflectorClient: true }),
    );
    this.receiver = this.bench.establish(RECEIVER);
    for (const each of PEERS) this.add(each);
  }

  play(step: Step): void {
    const { bench } = this;
    const name = 'peer' in step ? PEERS[step.peer]! : '';
    const connection = this.up.get(name);
    switch (step.do) {
      case 'up':
        if (!this.configs.has(name)) this.add(name);
        else if (connection === undefined) this.establish(name, step.preserved);
        return;
      case 'tell': {
        if (connection === undefined) return;
        const to = Math.min(PREFIXES.length, Math.max(step.from, step.at) + 1);
        const hop = step.hop === 3 ? name : NODES[step.hop]!;
        const external = name === EXTERNAL;
        return bench.received(
          connection,
          announcement(
            PREFIXES.slice(Math.min(step.from, step.at), to),
            {
              origin: 0,
              asPath: external ? [{ type: 'AS_SEQUENCE', asNumbers: [65001] }] : [],
              ...(!external && { localPref: 100 + step.peer }),
              nextHop: { address: address(hop) },
            },
            external ? 'external' : 'internal',
          ),
        );
      }
      case 'withdraw':
        if (connection !== undefined) bench.received(connection, withdrawal([PREFIXES[step.at]!]));
        return;
      case 'end-of-rib':
        if (connection !== undefined) bench.received(connection, endOfRib());
        return;
      case 'lose':
        return this.lose(name, step.how);
      case 'lose all':
        for (const each of PEERS) this.lose(each, step.how);
        return;
      case 'refresh':
        if (connection !== undefined)
          bench.received(
            connection,
            encodeMessage(
              { type: 'RouteRefresh', afi: 1, safi: 1, subtype: step.ends ? 2 : 1 },
              INITIAL_CONTEXT,
            ),
          );
        return;
      case 'policy': {
        const policy = POLICIES[step.policy]!;
        return this.change(name, step.export ? { exportPolicy: policy } : { importPolicy: policy });
      }
      case 'client':
        return this.change(name, {
          routeReflectorClient: this.configs.get(name)?.routeReflectorClient !== true,
        });
      case 'remove':
        if (!this.configs.delete(name)) return;
        this.up.delete(name);
        return bench.tell({ type: 'RemovePeer', peer: id(name) });
      case 'holder':
        this.holders = this.holders.with(step.at, step.node);
        this.enforce = step.enforce;
        return this.configure();
      case 'fail static':
        this.failStatic = step.on;
        return this.configure();
      case 'next hop':
        return bench.tell({
          type: 'NextHop',
          address: address(NODES[step.node]!),
          cost: step.up ? 0 : undefined,
        });
      case 'time':
        for (let passed = 0; passed < step.ms; passed += 20_000) {
          bench.pass(Math.min(20_000, step.ms - passed));
          for (const open of [this.receiver, ...this.up.values()]) bench.keepAlive(open);
        }
        return;
      default:
        for (let i = 0; i < step.count; i++) bench.turn();
    }
  }

  settle(): void {
    while (this.bench.speaker.hasBacklog) this.bench.turn();
  }

  /** What has a route, here and for whom it is told. */
  present(): string[] {
    const { bench } = this;
    return [
      ...Object.keys(bench.routes()),
      ...[...bench.told(this.receiver).keys()].map((each) => `told ${each}`),
    ];
  }

  /** All that can be seen from outside. */
  seen(): unknown {
    const { bench } = this;
    const { speaker } = bench;
    const peers = speaker.peerViews().map(({ config, state, routes }) => [config.peer, state, routes]);
    const sorted = <T>(list: Iterable<T>) => [...list].map((each) => JSON.stringify(each)).sort();
    return {
      forwarded: bench.routes(),
      routes: sorted(speaker.routes('ipv4')),
      told: sorted(bench.told(this.receiver)),
      counts: speaker.counts(),
      peers,
      sizes: speaker.sizes(),
    };
  }

  private add(name: string): void {
    const config = passivePeer(name, {
      routeReflectorClient: name !== EXTERNAL,
      remoteAs: name === EXTERNAL ? 65001 : 64512,
    });
    this.configs.set(name, config);
    this.bench.tell({ type: 'AddPeer', config });
  }

  private establish(name: string, preserved: boolean): void {
    const asNumber = name === EXTERNAL ? 65001 : 64512;
    const connection = this.bench.establish(name, {
      asNumber,
      myAs: asNumber,
      capabilities: [
        { name: 'Multiprotocol', afi: 1, safi: 1 },
        { name: 'RouteRefresh' },
        { name: 'EnhancedRouteRefresh' },
        { name: 'FourOctetAs', asNumber },
        restartCapability({ preserved, restarting: true }),
      ],
    });
    this.up.set(name, connection);
  }

  private lose(name: string, how: number): void {
    const connection = this.up.get(name);
    if (connection === undefined) return;
    this.up.delete(name);
    if (how === 0) this.bench.disconnect(connection);
    else if (how === 1) this.bench.received(connection, CEASE);
    else this.bench.tell({ type: 'Clear', peer: id(name), how: 'reset', text: '' });
  }

  private change(name: string, changes: Partial<PeerConfig>): void {
    const before = this.configs.get(name);
    if (before === undefined) return;
    const config = { ...before, ...changes };
    this.configs.set(name, config);
    this.bench.tell({ type: 'ChangePeer', config });
  }

  private configure(): void {
    this.bench.tell({ type: 'Configure', speaker: speakerConfig(OWN, this.settings()) });
  }

  private settings() {
    const originCheck: OriginCheckConfig = {
      enforce: this.enforce,
      pools: [prefix('10.65.0.0/16')],
      blocks: PREFIXES.slice(0, 4).map((block, i) => ({
        prefix: prefix(block),
        holders: [NODES[this.holders[i]!]!],
      })),
      nodes: NODES.map((name) => ({
        name,
        addresses: [address(name) as Address],
        identifier: address(name) as Address,
        asNumber: 64512,
      })),
    };
    return { failStatic: this.failStatic, originCheck };
  }
}

describe('what is done to all paths of a peer', () => {
  it('ends as if it had been done at once, whatever happens meanwhile', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 10, maxLength: 60, size: 'max' }), (steps) => {
        const sliced = new World(1);
        const whole = new World(Number.POSITIVE_INFINITY);
        for (const [i, each] of steps.entries()) {
          sliced.play(each);
          whole.play(each);
          whole.settle();
          if (each.do !== 'time' && i < steps.length - 1) continue;
          sliced.settle();
          expect(sliced.seen()).toEqual(whole.seen());
        }
      }),
      { numRuns: 200 },
    );
  });

  it('takes no route away on the way that is there in the end', () => {
    const takeAway = [
      'up',
      'tell',
      'withdraw',
      'end-of-rib',
      'lose',
      'lose all',
      'remove',
      'turns',
      'fail static',
    ];
    const steps = fc.array(
      step.filter((each) => takeAway.includes(each.do) || (each.do === 'holder' && !each.enforce)),
      { minLength: 10, maxLength: 60, size: 'max' },
    );
    fc.assert(
      fc.property(steps, (list) => {
        const sliced = new World(1);
        const whole = new World(Number.POSITIVE_INFINITY);
        for (const each of list) {
          const before = new Set(sliced.present());
          sliced.play(each);
          whole.play(each);
          whole.settle();
          const stays = whole.present().filter((there) => before.has(there));
          expect(sliced.present()).toEqual(expect.arrayContaining(stays));
        }
      }),
      { numRuns: 100 },
    );
  });
});
