import { address, type Capability, type PathAttributes } from 'bgp-utils';
import { Bench, passivePeer } from '../../../support/bench.ts';

const TELLS = '10.0.0.2';
const HEARS = '10.0.0.3';
const EXTENDED: Capability = { name: 'ExtendedMessage' };
const IPV4: Capability = { name: 'Multiprotocol', afi: 1, safi: 1 };
const AS4: Capability = { name: 'FourOctetAs', asNumber: 64513 };

const u16 = (value: number): number[] => [value >> 8, value & 255];
const attribute = (flags: number, code: number, value: readonly number[]): number[] => [
  flags | 0x10,
  code,
  ...u16(value.length),
  ...value,
];

/** An UPDATE for 10.1.0.0/24 with these attributes besides ORIGIN, AS_PATH and NEXT_HOP. */
function update(path: readonly number[], ...more: readonly number[]): Uint8Array {
  const attributes = [0x40, 1, 1, 0, ...attribute(0x40, 2, path), 0x40, 3, 4, 10, 0, 0, 2, ...more];
  const body = [0, 0, ...u16(attributes.length), ...attributes, 24, 10, 1, 0];
  return Uint8Array.from([...Array(16).fill(255), ...u16(19 + body.length), 2, ...body]);
}

/** `count` AS numbers in segments of 255, the first one the peer's. */
function path(count: number, asOctets: 2 | 4): number[] {
  const octets: number[] = [];
  for (let left = count; left > 0; left -= 255) {
    const here = Math.min(left, 255);
    octets.push(2, here);
    for (let i = 0; i < here; i++) octets.push(...(asOctets === 4 ? [0, 0] : []), 0xfc, 1);
  }
  return octets;
}

const external = { remoteAs: 64513 };

function bench(tells: readonly Capability[], hears: readonly Capability[]) {
  const made = new Bench({}, passivePeer(TELLS, external), passivePeer(HEARS, { remoteAs: 64514 }));
  made.pass(0);
  const told = made.establish(HEARS, {
    asNumber: 64514,
    myAs: 64514,
    capabilities: [
      ...hears.filter(({ name }) => name !== 'FourOctetAs'),
      { ...AS4, asNumber: 64514 } as Capability,
    ],
  });
  const from = made.establish(TELLS, { asNumber: 64513, myAs: 64513, capabilities: tells });
  return { made, told, from };
}

describe('messages of more than 4,096 octets (RFC 8654)', () => {
  it('are read where both have offered it', () => {
    const { made, from } = bench([IPV4, AS4, EXTENDED], []);
    made.received(from, update(path(2_000, 4)));
    expect(made.view(TELLS)).toMatchObject({ state: 'Established', routes: { ipv4: { accepted: 1 } } });
  });

  it('are a Bad Message Length from a peer that has not offered it', () => {
    const { made, from } = bench([IPV4, AS4], []);
    made.received(from, update(path(2_000, 4)));
    expect(made.notifications(from)).toEqual(['1/2']);
  });

  it('are a Bad Message Length where we have not', () => {
    const made = new Bench({}, passivePeer(TELLS, { ...external, extendedMessages: false }));
    made.pass(0);
    const from = made.establish(TELLS, { asNumber: 64513, myAs: 64513, capabilities: [IPV4, AS4, EXTENDED] });
    made.received(from, update(path(2_000, 4)));
    expect(made.notifications(from)).toEqual(['1/2']);
  });

  it('are not sent to a peer without it: the route is not told, and the operator is (§4)', () => {
    const { made, told, from } = bench([IPV4, AS4, EXTENDED], []);
    made.received(from, update(path(2_000, 4)));
    expect(made.updates(told)).not.toContain('+10.1.0.0/24');
    expect(made.events('not-advertised')).toMatchObject([{ prefix: '10.1.0.0/24' }]);
  });
});

describe('attributes that grow beyond what an attribute can hold', () => {
  const longest = (asOctets: 2 | 4): number => Math.floor((65_400 * 255) / (255 * asOctets + 2));

  it('AS numbers of two octets that take twice the room here: used, and told to nobody', () => {
    const { made, told, from } = bench([IPV4, EXTENDED], [IPV4, EXTENDED]);
    made.received(from, update(path(longest(2), 2)));
    expect(made.view(TELLS)).toMatchObject({ state: 'Established', routes: { ipv4: { accepted: 1 } } });
    expect(made.routes()).toEqual({ '10.1.0.0/24': '10.0.0.2' });
    expect(made.updates(told)).not.toContain('+10.1.0.0/24');
    expect(made.events('not-advertised')).toHaveLength(1);
  });

  it.each<[string, Uint8Array, Partial<PathAttributes>]>([
    ['a prepended path', update(path(longest(4), 4)), {}],
    [
      'added communities',
      update(
        path(1, 4),
        ...attribute(0xc0, 8, Array.from({ length: 16_350 }, (_, i) => [1, 0, ...u16(i)]).flat()),
      ),
      {},
    ],
  ])('%s', (_name, octets) => {
    const many = Array.from({ length: 200 }, (_, index) => index);
    const policy = {
      terms: [
        {
          name: 'more',
          match: {},
          actions: [
            { type: 'PrependAsPath', asNumbers: many.map(() => 64999) },
            { type: 'AddCommunities', values: many },
          ],
          verdict: 'accept',
        },
      ],
      otherwise: 'reject',
    } as const;
    for (const side of ['importPolicy', 'exportPolicy'] as const) {
      const made = new Bench(
        {},
        passivePeer(TELLS, { ...external, ...(side === 'importPolicy' && { importPolicy: policy }) }),
        passivePeer(HEARS, { remoteAs: 64514, ...(side === 'exportPolicy' && { exportPolicy: policy }) }),
      );
      made.pass(0);
      const told = made.establish(HEARS, {
        asNumber: 64514,
        myAs: 64514,
        capabilities: [IPV4, EXTENDED, { ...AS4, asNumber: 64514 } as Capability],
      });
      const from = made.establish(TELLS, {
        asNumber: 64513,
        myAs: 64513,
        capabilities: [IPV4, AS4, EXTENDED],
      });
      made.received(from, octets);
      expect(made.view(TELLS)).toMatchObject({ state: 'Established', routes: { ipv4: { accepted: 1 } } });
      expect(made.updates(told)).not.toContain('+10.1.0.0/24');
      made.tell({ type: 'RemovePeer', peer: address(TELLS) as string as never });
      made.turn();
      expect(made.speaker.sizes()).toMatchObject({ attributeSetsHeard: 0, attributeSetsTold: 0 });
    }
  });
});
