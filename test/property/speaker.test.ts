import { address, type PathAttributes } from 'bgp-utils';
import { type Host, Network } from 'bgp-utils/testing';
import fc from 'fast-check';
import { announcement, Bench, endOfRib, id, OWN, passivePeer, withdrawal } from '../support/bench.ts';
import { peerConfig, speakerConfig } from '../support/peers.ts';
import { sequence } from '../support/rib.ts';

const PEERS = ['10.0.0.2', '10.0.0.3', '10.0.0.4'] as const;

const ATTRIBUTES: readonly Partial<PathAttributes>[] = [
  {},
  { localPref: 200 },
  { asPath: sequence(65001, 65002) },
  { asPath: sequence(65001), multiExitDisc: 10 },
  { asPath: sequence(65001), multiExitDisc: 5 },
  { asPath: sequence(64512) }, // a loop: kept and not used
  // Equal attributes from different peers: who said it is then the only difference.
  { nextHop: { address: address('10.0.0.50') } },
  { nextHop: { address: address('10.0.0.50') } },
];

/** A peer says of a prefix what its attributes are, or that it is gone. */
interface Saying {
  readonly peer: number;
  readonly prefix: number;
  readonly attributes: number | undefined;
}

const saying: fc.Arbitrary<Saying> = fc.record({
  peer: fc.nat(PEERS.length - 1),
  prefix: fc.nat(7),
  attributes: fc.option(fc.nat(ATTRIBUTES.length - 1), { nil: undefined }),
});

const text = (index: number): string => `10.65.${index}.0/24`;

const octetsOf = ({ peer, prefix, attributes }: Saying): Uint8Array =>
  attributes === undefined
    ? withdrawal([text(prefix)])
    : announcement([text(prefix)], {
        origin: 0,
        asPath: [],
        localPref: 100,
        nextHop: { address: address(PEERS[peer]!) },
        ...ATTRIBUTES[attributes],
      });

const line = (at: string, attributes: PathAttributes): string =>
  `${at} ${JSON.stringify(Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1)))}`;

/** A speaker with a session to every peer, and one more that only listens. */
class Story {
  readonly bench = new Bench(
    { clusterId: address('1.1.1.1') },
    ...PEERS.map((peer) => passivePeer(peer, { routeReflectorClient: true })),
    passivePeer('10.0.0.9'),
  );
  private readonly connections = PEERS.map((peer) => this.bench.establish(peer));
  readonly listener = this.bench.establish('10.0.0.9');

  /** All octets of the peers, in turns of any length. */
  hear(turns: readonly (readonly { readonly peer: number; readonly octets: Uint8Array }[])[]): this {
    for (const turn of turns) {
      this.bench.tell(
        ...turn.map(({ peer, octets }) => ({
          type: 'Received' as const,
          connection: this.connections[peer]!,
          octets,
        })),
      );
    }
    return this;
  }

  /** By peer, what it has been told; the same as the speaker says that it tells. */
  told(): string[][] {
    return [...PEERS, '10.0.0.9'].map((peer, i) => {
      const told = [...this.bench.told(this.connections[i] ?? this.listener)].map(([at, attributes]) =>
        line(at, attributes),
      );
      const said = [...this.bench.speaker.advertisedTo(id(peer), 'ipv4')].flatMap(({ prefix, attributes }) =>
        attributes === undefined ? [] : [line(prefix, attributes)],
      );
      expect(told.sort()).toEqual(said.sort());
      return told;
    });
  }

  /** What is left of it all, whatever the way to it. */
  end() {
    return {
      forwarding: this.bench.routes(),
      paths: [...this.bench.speaker.routes('ipv4')]
        .map(({ prefix, source, attributes, best, multipath, reason }) =>
          JSON.stringify([prefix, source, attributes, best, multipath, reason]),
        )
        .sort(),
      counts: this.bench.speaker.peerViews().map(({ routes }) => routes.ipv4),
      told: this.told(),
      states: this.bench.speaker.peerViews().map(({ state }) => state),
    };
  }
}

/** The last word on each prefix of each peer, in the order of the first. */
function lastWords(sayings: readonly Saying[]): Saying[] {
  const last = new Map<string, Saying>();
  for (const each of sayings) last.set(`${each.peer} ${each.prefix}`, each);
  return [...last.values()].filter(({ attributes }) => attributes !== undefined);
}

const alone = (sayings: readonly Saying[]) =>
  sayings.map((each) => [{ peer: each.peer, octets: octetsOf(each) }]);

const sayings = fc.array(saying, { maxLength: 40, size: 'max' });

describe('what is left of a story', () => {
  it('is what its last words alone would leave, in any order of the peers', () => {
    const runs = sayings.chain((all) =>
      fc.tuple(fc.constant(all), fc.shuffledSubarray(lastWords(all), { minLength: lastWords(all).length })),
    );
    fc.assert(
      fc.property(runs, ([all, last]) => {
        expect(new Story().hear(alone(all)).end()).toEqual(new Story().hear(alone(last)).end());
      }),
      { numRuns: 50 },
    );
  });

  it('does not depend on how octets are cut and how many come in a turn', () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 10 });
    fc.assert(
      fc.property(sayings, cuts, fc.integer({ min: 1, max: 9 }), (all, sizes, perTurn) => {
        const streams = PEERS.map((_, peer) =>
          all.filter((each) => each.peer === peer).flatMap((each) => [...octetsOf(each)]),
        );
        const parts: { peer: number; octets: Uint8Array }[] = [];
        for (let i = 0; streams.some((stream) => stream.length > 0); i++) {
          const peer = i % PEERS.length;
          const octets = Uint8Array.from(streams[peer]!.splice(0, sizes[i % sizes.length]!));
          if (octets.length > 0) parts.push({ peer, octets });
        }
        const turns: (typeof parts)[] = [];
        while (parts.length > 0) turns.push(parts.splice(0, perTurn));
        expect(new Story().hear(turns).end()).toEqual(new Story().hear(alone(all)).end());
      }),
      { numRuns: 50 },
    );
  });

  it('is the same when everything is said twice, at once or all over again', () => {
    fc.assert(
      fc.property(sayings, fc.boolean(), (all, atOnce) => {
        const twice = atOnce ? all.flatMap((each) => [each, each]) : [...all, ...lastWords(all)];
        expect(new Story().hear(alone(twice)).end()).toEqual(new Story().hear(alone(all)).end());
      }),
      { numRuns: 30 },
    );
  });

  it('is nothing when all peers are gone or all is withdrawn', () => {
    fc.assert(
      fc.property(sayings, fc.boolean(), (all, withdrawn) => {
        const story = new Story().hear(alone(all));
        const { bench } = story;
        if (withdrawn) {
          const gone = [0, 1, 2].flatMap((peer) =>
            [0, 1, 2, 3, 4, 5, 6, 7].map((prefix) => ({ peer, prefix, attributes: undefined })),
          );
          story.hear([gone.map((each) => ({ peer: each.peer, octets: octetsOf(each) }))]);
        } else {
          for (const peer of PEERS) bench.tell({ type: 'RemovePeer', peer: peer as never });
        }
        expect(bench.routes()).toEqual({});
        expect(bench.told(story.listener).size).toBe(0);
        expect(bench.speaker.sizes()).toEqual({
          prefixes: { ipv4: 0, ipv6: 0 },
          attributeSetsHeard: 0,
          attributeSetsTold: 0,
          nextHops: 0,
          connections: withdrawn ? 4 : 1,
        });
      }),
      { numRuns: 30 },
    );
  });

  it('after a graceful restart is what the peer said in its new session', () => {
    fc.assert(
      fc.property(sayings, sayings, (before, after) => {
        const bench = new Bench({}, passivePeer(PEERS[0]));
        const said = (all: readonly Saying[]) => all.map((each) => octetsOf({ ...each, peer: 0 }));
        const first = bench.establish(PEERS[0]);
        bench.received(first, ...said(before), endOfRib());
        bench.pass(10_000);
        bench.disconnect(first);
        bench.pass(0);
        bench.received(bench.establish(PEERS[0]), ...said(after), endOfRib());
        const fresh = new Bench({}, passivePeer(PEERS[0]));
        fresh.received(fresh.establish(PEERS[0]), ...said(after), endOfRib());
        expect(bench.routes()).toEqual(fresh.routes());
        expect(bench.view(PEERS[0]).routes).toEqual(fresh.view(PEERS[0]).routes);
        expect(bench.speaker.sizes()).toEqual(fresh.speaker.sizes());
      }),
      { numRuns: 30 },
    );
  });

  it('any octets at any time cost no more than the session', () => {
    const noise = fc.uint8Array({ maxLength: 200 });
    fc.assert(
      fc.property(fc.array(noise, { maxLength: 5 }), fc.nat(3), fc.boolean(), (parts, stage, framed) => {
        const bench = new Bench({}, passivePeer(PEERS[0]), passivePeer(PEERS[1]));
        bench.establish(PEERS[1]);
        const connection = bench.accept(PEERS[0]);
        if (stage > 0) bench.open(connection, PEERS[0]);
        if (stage > 1) bench.keepAlive(connection);
        for (const part of parts) {
          const header = [...Array<number>(16).fill(255), 0, 19 + part.length, 1 + ((part[0] ?? 0) % 6)];
          bench.received(connection, framed ? Uint8Array.from([...header, ...part]) : part);
        }
        bench.pass(1);
        expect(bench.state(PEERS[1])).toBe('Established');
        for (const each of bench.sent.get(connection)!.slice(0, -1))
          expect(each.type).not.toBe('Notification');
      }),
      { numRuns: 200 },
    );
  });
});

describe('two speakers that meet', () => {
  const A = address('10.0.0.1');
  const B = address('10.0.0.2');
  const start = (host: Host, other: Host, identifier: string): void =>
    host.tell(
      { type: 'Configure', speaker: speakerConfig(identifier) },
      { type: 'AddPeer', config: peerConfig(host.address, other.address, { connectRetrySeconds: 2 }) },
    );

  it('agree on one connection, whatever is early and whatever is late', () => {
    const delays = fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(delays, fc.nat(400), fc.boolean(), (list, later, swapped) => {
        let drawn = 0;
        const network = new Network(() => list[drawn++ % list.length]!);
        const [a, b] = [network.add(A), network.add(B)];
        start(a, b, swapped ? '10.0.0.9' : OWN);
        network.run(later);
        start(b, a, '10.0.0.5');
        network.run(60_000);
        expect([a.state(B), b.state(A)]).toEqual(['Established', 'Established']);
        expect([a.remoteEnd.size, b.remoteEnd.size]).toEqual([1, 1]);
        const [ours] = a.remoteEnd.keys();
        expect([...b.remoteEnd.values()]).toMatchObject([{ connection: ours }]);
        expect([a.speaker.sizes().connections, b.speaker.sizes().connections]).toEqual([1, 1]);
      }),
      { numRuns: 100 },
    );
  });
});
