import {
  address,
  type Family,
  type Prefix,
  type PrefixId,
  PrefixTable,
  parseNetwork,
  type WireContext,
} from 'bgp-utils';
import fc from 'fast-check';
import type { Target } from '../../bgp/src/rib/adj-rib-out.ts';
import { AttributePool } from '../../bgp/src/rib/attribute-pool.ts';
import type { Told } from '../../bgp/src/rib/group-member.ts';
import { UpdateGroup } from '../../bgp/src/rib/update-group.ts';
import type { PeerIndex } from '../../bgp/src/route/route.ts';
import { ATTRIBUTES, Listener } from '../support/rib.ts';

const NONE = -1;

const context: WireContext = {
  asOctets: 4,
  maxMessageOctets: 4096,
  families: ['ipv4', 'ipv6'],
  addPathReceive: [],
  addPathSend: [],
  peerType: 'internal',
};

const PREFIXES = 12;
const PEERS = 4;

const operation = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('announce' as const),
      prefix: fc.nat(PREFIXES - 1),
      attributes: fc.nat(ATTRIBUTES.length - 1),
      source: fc.nat(PEERS),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constant('withdraw' as const), prefix: fc.nat(PREFIXES - 1) }),
  },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('flush' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('take' as const),
      peer: fc.integer({ min: 1, max: PEERS }),
      room: fc.constantFrom(1, 100, 65536),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('join' as const),
      peer: fc.integer({ min: 1, max: PEERS }),
      hold: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constantFrom('leave' as const, 'move' as const, 'resend' as const),
      peer: fc.integer({ min: 1, max: PEERS }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('release' as const) }) },
);

/** Two groups over one table, as two kinds of destinations are: the second marks each route with a MED of its own. */
class World {
  readonly table: PrefixTable;
  readonly pool = new AttributePool();
  /** What everybody should have. Peer 0 is the speaker itself. */
  readonly want = new Map<PrefixId, { attributes: number; source: number }>();
  readonly members = new Map<number, { group: UpdateGroup; listener: Listener; held: boolean }>();
  readonly groups: readonly [UpdateGroup, UpdateGroup];

  constructor(
    readonly family: Family,
    queueLimitOctets: number,
    /** Rows that a flush works off. */
    private readonly flushRows = 3,
  ) {
    this.table = new PrefixTable(family);
    const tooLong = () => {
      throw new Error('nothing here is too long');
    };
    // Few blocks, or more than are looked at in one call.
    const blockBits = family === 'ipv4' ? 1 : 0;
    const newGroup = () =>
      new UpdateGroup(family, context, this.table, this.pool, tooLong, queueLimitOctets, blockBits);
    this.groups = [newGroup(), newGroup()];
  }

  prefixAt(i: number): Prefix {
    return parseNetwork(this.family === 'ipv4' ? `10.65.${i}.0/24` : `fd00:${i}::/64`)!.prefix;
  }

  attributesOf(group: UpdateGroup, index: number) {
    const nextHop = { address: address(this.family === 'ipv4' ? '10.0.0.9' : 'fd00::9') };
    const attributes = { ...ATTRIBUTES[index]!, nextHop };
    return group === this.groups[0] ? attributes : { ...attributes, multiExitDisc: 1000 + index };
  }

  set(at: Prefix, attributes: number, source: number): void {
    const id = this.table.addPrefix(at);
    if (!this.want.has(id)) this.table.retain(id);
    this.want.set(id, { attributes, source });
    this.mark(id);
  }

  unset(at: Prefix): void {
    const id = this.table.findPrefix(at);
    if (!this.want.delete(id)) return;
    this.mark(id);
    this.table.release(id);
  }

  private mark(id: PrefixId): void {
    for (const group of this.groups) if (group.size > 0) group.mark(id);
  }

  flush(): void {
    for (const group of this.groups) {
      let source = 0;
      const target: Target = {
        attributesFor: (id) => {
          const wanted = this.want.get(id as PrefixId);
          if (wanted === undefined) return NONE as -1;
          source = wanted.source;
          return this.pool.intern(this.attributesOf(group, wanted.attributes));
        },
        get source() {
          return source as PeerIndex;
        },
      };
      do group.flush(target, this.flushRows);
      while (group.adjRibOut.pendingSize > 0);
    }
  }

  join(peer: number, to: UpdateGroup, held: boolean, told?: Told): void {
    if (to.size === 0) for (const id of this.want.keys()) to.mark(id);
    to.join(peer as PeerIndex, held, told);
  }

  leave(peer: number): void {
    this.members.get(peer)!.group.leave(peer as PeerIndex);
  }

  take(peer: number, room: number): number {
    const { group, listener } = this.members.get(peer)!;
    const before = listener.messages;
    const { octets, messages } = group.take(peer as PeerIndex, room);
    for (const each of octets) listener.receive(each);
    expect(listener.messages - before).toBe(messages);
    return octets.length;
  }

  run(operations: readonly (typeof operation extends fc.Arbitrary<infer T> ? T : never)[]): void {
    for (const op of operations) {
      const member = 'peer' in op ? this.members.get(op.peer) : undefined;
      switch (op.type) {
        case 'announce':
          this.set(this.prefixAt(op.prefix), op.attributes, op.source);
          break;
        case 'withdraw':
          this.unset(this.prefixAt(op.prefix));
          break;
        case 'flush':
          this.flush();
          break;
        case 'release':
          for (const group of this.groups) group.releaseEndOfRib();
          for (const each of this.members.values()) each.held = false;
          break;
        case 'take':
          if (member === undefined) break;
          if (member.held) expect(member.listener.endOfRib).toEqual([]);
          this.take(op.peer, op.room);
          break;
        case 'join': {
          if (member !== undefined) break;
          this.join(op.peer, this.groups[0], op.hold);
          const listener = new Listener(context);
          this.members.set(op.peer, { group: this.groups[0], listener, held: op.hold });
          break;
        }
        case 'leave':
          if (member === undefined) break;
          this.leave(op.peer);
          this.members.delete(op.peer);
          break;
        case 'move': {
          if (member === undefined) break;
          const other = this.groups[member.group === this.groups[0] ? 1 : 0];
          this.join(op.peer, other, member.held, member.group.move(op.peer as PeerIndex));
          member.group = other;
          break;
        }
        case 'resend':
          member?.group.resend(op.peer as PeerIndex);
          break;
      }
    }
  }

  drain(): void {
    this.flush();
    for (const [peer, { group }] of this.members) {
      for (let turns = 0; group.hasWork(peer as PeerIndex); turns++) {
        this.take(peer, 100);
        expect(turns).toBeLessThan(1000);
      }
    }
  }

  /** What a member should have been told: every route but its own, as its group sends it. */
  expected(peer: number, group: UpdateGroup): Map<Prefix, unknown> {
    const entries = [...this.want]
      .filter(([, { source }]) => source !== peer)
      .map(([id, { attributes }]) => [this.table.prefix(id), this.attributesOf(group, attributes)] as const);
    return new Map(entries);
  }
}

const sorted = (routes: ReadonlyMap<Prefix, unknown>) => [...routes].sort(([a], [b]) => (a < b ? -1 : 1));

describe.each([
  ['members that keep up', 1 << 20],
  ['members that fall behind at any chunk', 120],
])('update groups, %s', (_name, queueLimitOctets) => {
  it('bring every member to what it should have, after any history', () => {
    fc.assert(
      fc.property(
        fc.constantFrom<Family>('ipv4', 'ipv6'),
        fc.array(operation, { maxLength: 120, size: 'max' }),
        (family, operations) => {
          const world = new World(family, queueLimitOctets);
          world.run(operations);
          world.drain();
          for (const [peer, { group, listener, held }] of world.members) {
            expect(sorted(listener.routes)).toEqual(sorted(world.expected(peer, group)));
            expect(listener.endOfRib.length).toBe(held ? 0 : 1);
            expect(group.advertisedTo(peer as PeerIndex)).toBe(listener.routes.size);
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  it('tell a member that moves to another group the difference, whatever was on its way to it', () => {
    const quiet = operation.filter(({ type }) => type === 'announce' || type === 'withdraw');
    const mixed = operation.filter(({ type }) => type !== 'move' && type !== 'leave' && type !== 'join');
    fc.assert(
      fc.property(
        fc.array(quiet, { maxLength: 30, size: 'max' }),
        fc.array(mixed, { maxLength: 12, size: 'max' }),
        fc.uniqueArray(fc.integer({ min: 1, max: PEERS })),
        (before, meanwhile, moving) => {
          const world = new World('ipv4', queueLimitOctets);
          world.run([1, 2, 3, 4].map((peer) => ({ type: 'join', peer, hold: false })));
          world.run(before);
          world.drain();
          world.run(meanwhile);
          world.run(moving.map((peer) => ({ type: 'move', peer })));
          world.drain();
          for (const [peer, { group, listener }] of world.members)
            expect(sorted(listener.routes)).toEqual(sorted(world.expected(peer, group)));
        },
      ),
      { numRuns: 80 },
    );
  });

  it('send the End-of-RIB after all that was there at the join', () => {
    fc.assert(
      fc.property(
        fc.array(operation, { maxLength: 60, size: 'max' }),
        fc.boolean(),
        (operations, flushed) => {
          const world = new World('ipv4', queueLimitOctets);
          world.run(operations.filter((op) => op.type !== 'join' || op.peer !== 4));
          if (flushed) world.flush();
          const expected = world.expected(4, world.groups[0]);
          world.run([{ type: 'join', peer: 4, hold: false }]);
          world.take(4, 65536); // a socket may have room before the turn ends
          world.drain();
          const { listener } = world.members.get(4)!;
          expect(listener.endOfRib).toEqual([{ family: 'ipv4', routes: expected.size }]);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('hold nothing when all members have left and all is withdrawn', () => {
    fc.assert(
      fc.property(
        fc.array(operation, { maxLength: 120, size: 'max' }),
        fc.boolean(),
        (operations, drained) => {
          const world = new World('ipv4', queueLimitOctets);
          world.run(operations);
          for (let i = 0; i < PREFIXES; i++) world.unset(world.prefixAt(i));
          if (drained) {
            world.drain();
            for (const { listener } of world.members.values()) expect(listener.routes.size).toBe(0);
            expect([world.table.size, world.pool.size]).toEqual([0, 0]);
          }
          for (const peer of world.members.keys()) world.leave(peer);
          expect([world.table.size, world.pool.size]).toEqual([0, 0]);
        },
      ),
      { numRuns: 80 },
    );
  });
});
