import { type Address, address, type PathAttributes, type PeerConfig, prefix } from 'bgp-utils';
import { type Host, Network, peerId } from 'bgp-utils/testing';
import fc from 'fast-check';
import { localRoute, peerConfig, speakerConfig } from '../support/peers.ts';
import { sequence } from '../support/rib.ts';

const HUB = address('10.0.0.1');
const SOURCES = ['10.0.0.2', '10.0.0.3', '10.0.0.4'].map((text) => address(text));
const LISTENER = address('10.0.0.9');

const VARIANTS: readonly Partial<PathAttributes>[] = [
  {},
  { localPref: 200 },
  { communities: [0xfc000064] },
  { asPath: sequence(65001) },
];

const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant('say' as const),
      who: fc.nat(SOURCES.length),
      prefix: fc.nat(4),
      variant: fc.option(fc.nat(VARIANTS.length - 1), { nil: undefined }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('pass' as const), ms: fc.constantFrom(1, 1000) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('cut' as const), who: fc.nat(SOURCES.length) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('again' as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('slow' as const), on: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('unreachable' as const), who: fc.nat(SOURCES.length - 1) }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const text = (index: number): string => `10.65.${index}.0/24`;

/** A reflector with clients that all take several paths, and one that only listens. */
class World {
  readonly network = new Network(1);
  readonly hub: Host;
  readonly sources: Host[];
  readonly listener: Host;
  private unreachable: Address | undefined;

  constructor(readonly maxPaths: number) {
    this.hub = this.start(
      HUB,
      [...SOURCES, LISTENER],
      { clusterId: address('1.1.1.1'), maxPaths },
      {
        addPaths: 'both',
        routeReflectorClient: true,
      },
    );
    this.hub.costOf = (hop) => (hop === this.unreachable ? undefined : 0);
    const leaf = (at: Address) => this.start(at, [HUB], {}, { addPaths: 'both' });
    this.sources = SOURCES.map(leaf);
    this.listener = leaf(LISTENER);
    this.network.run(20_000);
  }

  private start(
    at: Address,
    peers: readonly Address[],
    speaker: Parameters<typeof speakerConfig>[1],
    changes: Partial<PeerConfig>,
  ): Host {
    const host = this.network.add(at);
    host.tell(
      { type: 'Configure', speaker: speakerConfig(at, speaker) },
      ...peers.map((other) => ({ type: 'AddPeer' as const, config: peerConfig(at, other, changes) })),
    );
    return host;
  }

  run(steps: readonly Step[]): void {
    for (const each of steps) this.step(each);
    this.network.resume(this.listener);
    this.hub.stalled = false;
    this.network.resume(this.hub);
    this.network.run(this.network.now + 300_000);
  }

  private step(each: Step): void {
    const { hub, network, listener } = this;
    switch (each.type) {
      case 'say': {
        const host = this.sources[each.who] ?? hub;
        const at = text(each.prefix);
        if (each.variant === undefined) host.tell({ type: 'WithdrawOriginated', prefix: prefix(at) });
        else host.tell({ type: 'Originate', route: localRoute(at, VARIANTS[each.variant]) });
        return;
      }
      case 'pass':
        return network.run(network.now + each.ms);
      case 'cut':
        return network.cut(hub, this.sources[each.who] ?? listener);
      case 'again':
        return listener.tell({ type: 'Clear', peer: peerId(HUB), how: 'soft-in', text: '' });
      case 'slow':
        hub.stalled = each.on;
        if (!each.on) network.resume(hub);
        return;
      case 'unreachable':
        this.unreachable = SOURCES[each.who];
        return hub.tellNextHops();
    }
  }
}

/** Which paths of a prefix somebody has, by who made them, with the attribute that the variants differ in. */
const paths = (host: Host, but?: Address, usable = false): Record<string, string[]> => {
  const found: Record<string, string[]> = {};
  for (const route of host.speaker.routes('ipv4')) {
    if (route.source === (but as string) || (usable && !route.valid)) continue;
    const { localPref, communities, asPath, nextHop } = route.attributes;
    const made = route.source === 'local' ? host.address : nextHop!.address;
    found[route.prefix] ??= [];
    found[route.prefix]!.push(JSON.stringify([made, localPref ?? 100, communities, asPath]));
  }
  for (const list of Object.values(found)) list.sort();
  return Object.fromEntries(Object.entries(found).sort());
};

/** What was heard from the hub, without what is made at home. */
const heard = (host: Host): Record<string, string[]> => paths(host, 'local' as Address);

describe('ADD-PATH (RFC 7911)', () => {
  it('brings all usable paths to every peer but their own, after any history', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40, size: 'max' }), (steps) => {
        const world = new World(16);
        world.run(steps);
        for (const host of [...world.sources, world.listener]) {
          expect(heard(host)).toEqual(paths(world.hub, host.address, true));
          const shown = [...world.hub.speaker.advertisedTo(peerId(host.address), 'ipv4')];
          const told = Object.values(heard(host)).flat().length;
          expect(shown.filter(({ attributes }) => attributes !== undefined).length).toBe(told);
        }
      }),
      { numRuns: 60, endOnFailure: true },
    );
  });

  it('brings no more paths than allowed, the best one among them', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40, size: 'max' }), (steps) => {
        const world = new World(2);
        world.run(steps);
        const usable = paths(world.hub, undefined, true);
        const told = heard(world.listener);
        expect(Object.keys(told)).toEqual(Object.keys(usable));
        for (const [at, list] of Object.entries(told)) {
          expect(usable[at]).toEqual(expect.arrayContaining(list));
          expect(list.length).toBe(Math.min(2, usable[at]!.length));
          const best = [...world.hub.speaker.routes('ipv4', prefix(at))].find((route) => route.best)!;
          const made = best.source === 'local' ? HUB : best.source;
          expect(list.map((each) => JSON.parse(each)[0])).toContain(made);
        }
      }),
      { numRuns: 40, endOnFailure: true },
    );
  });

  it('leaves nothing behind when all is withdrawn', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40, size: 'max' }), (steps) => {
        const world = new World(3);
        const end = [0, 1, 2, 3].flatMap((who) =>
          [0, 1, 2, 3, 4].map((at) => ({ type: 'say' as const, who, prefix: at, variant: undefined })),
        );
        world.run([...steps, ...end]);
        for (const host of [world.hub, world.listener, ...world.sources]) {
          expect(host.speaker.sizes()).toMatchObject({
            prefixes: { ipv4: 0, ipv6: 0 },
            attributeSetsHeard: 0,
            attributeSetsTold: 0,
          });
        }
      }),
      { numRuns: 40, endOnFailure: true },
    );
  });
});
