// OPEN: what the daemon says in its own, what it agrees to, and what it refuses (RFC 4271 §4.2, §6.2; RFC 5492 and others).

import {
  can,
  capabilities,
  capability,
  ip4,
  join,
  keepalive,
  message,
  OPEN,
  open,
  u8,
  u16,
} from './octets.ts';
import { readOpen } from './reading.ts';
import {
  active,
  conformance,
  external,
  type Hello,
  internal,
  OUR_ADDRESS,
  OUR_AS,
  type PeerSpec,
  type ProbedPeer,
} from './suite.ts';

interface Refusal {
  readonly rule: string;
  readonly spec?: PeerSpec;
  readonly hello: (peer: ProbedPeer) => Hello | Buffer;
  readonly subcode: number;
  readonly data?: string;
}

const REFUSALS: readonly Refusal[] = [
  {
    rule: 'RFC 4271 §6.2: version 3 is refused with 2/1, and 4 as data',
    hello: () => ({ version: 3 }),
    subcode: 1,
    data: '0004',
  },
  {
    rule: 'RFC 4271 §6.2: version 5 is refused with 2/1, and 4 as data',
    hello: () => ({ version: 5 }),
    subcode: 1,
    data: '0004',
  },
  {
    rule: 'RFC 4271 §6.2: another AS number is refused with 2/2',
    hello: () => ({ myAs: 64999, can: [can.family()] }),
    subcode: 2,
  },
  {
    rule: 'RFC 6793 §4.2.1: another AS number in the capability is refused with 2/2',
    hello: () => ({ can: [can.family(), can.as4(70000)] }),
    subcode: 2,
  },
  {
    rule: 'RFC 7607 §2: AS number 0 is refused with 2/2',
    hello: () => ({ myAs: 0, can: [can.family()] }),
    subcode: 2,
  },
  {
    rule: 'RFC 7607 §2: AS number 0 in the capability is refused with 2/2',
    hello: () => ({ can: [can.family(), can.as4(0)] }),
    subcode: 2,
  },
  {
    rule: 'RFC 6793 §9: AS_TRANS without the capability is refused with 2/2',
    hello: () => ({ myAs: 23456, can: [can.family()] }),
    subcode: 2,
  },
  {
    rule: 'RFC 4271 §6.2: identifier 0.0.0.0 is refused with 2/3',
    hello: () => ({ id: '0.0.0.0' }),
    subcode: 3,
  },
  {
    rule: 'RFC 6286 §2.2: our own identifier is refused with 2/3 on an internal session',
    spec: internal,
    hello: () => ({ id: OUR_ADDRESS }),
    subcode: 3,
  },
  { rule: 'RFC 4271 §6.2: hold time 1 is refused with 2/6', hello: () => ({ hold: 1 }), subcode: 6 },
  { rule: 'RFC 4271 §6.2: hold time 2 is refused with 2/6', hello: () => ({ hold: 2 }), subcode: 6 },
  {
    rule: 'RFC 4271 §6.2: an optional parameter that nobody knows is refused with 2/4',
    hello: () => ({ parameters: join(u8(3), u8(1), u8(0)) }),
    subcode: 4,
  },
  {
    rule: 'RFC 4271 §6.2: the authentication of old is refused with 2/4',
    hello: () => ({ parameters: join(u8(1), u8(2), u16(0)) }),
    subcode: 4,
  },
  {
    rule: 'RFC 4271 §6.2: a parameter that ends beyond the message is refused with 2/0',
    hello: () => ({ parameters: join(u8(2), u8(9), can.family()) }),
    subcode: 0,
  },
  {
    rule: 'RFC 4271 §6.2: parameters that end before the message does are refused with 2/0',
    hello: () => ({ parameters: capabilities(can.family()), parametersLength: 0 }),
    subcode: 0,
  },
  {
    rule: 'RFC 4271 §6.2: a parameters length beyond the message is refused with 2/0',
    hello: () => ({ parameters: capabilities(can.family()), parametersLength: 20 }),
    subcode: 0,
  },
  {
    rule: 'RFC 4271 §6.2: a parameter of one octet is refused with 2/0',
    hello: () => ({ parameters: u8(2) }),
    subcode: 0,
  },
  {
    rule: 'RFC 5492 §4: a capability that ends beyond its parameter is refused with 2/0',
    hello: () => ({ parameters: join(u8(2), u8(4), u8(65), u8(4), u16(1)) }),
    subcode: 0,
  },
  {
    rule: 'RFC 6793 §3: an AS number capability of 2 octets is refused with 2/0',
    hello: () => ({ can: [can.family(), capability(65, u16(1))] }),
    subcode: 0,
  },
  {
    rule: 'RFC 5492 §5: a peer without the family of the session is refused with 2/7, and what is missing as data',
    hello: (peer) => ({ can: [can.family(2), can.as4(peer.asNumber)] }),
    subcode: 7,
    data: '010400010001',
  },
  {
    rule: 'RFC 9072 §2: an extended parameter that ends beyond the message is refused with 2/0',
    hello: (peer) => extendedOpen(peer, join(u8(2), u16(99), can.family())),
    subcode: 0,
  },
  {
    rule: 'RFC 9072 §2: parameters are judged in the extended form as well: 2/4',
    hello: (peer) => extendedOpen(peer, join(u8(9), u16(1), u8(0))),
    subcode: 4,
  },
  {
    rule: 'RFC 9234 §4.2: provider and provider do not match: 2/11',
    spec: withRole('provider'),
    hello: () => ({ also: [can.role(0)] }),
    subcode: 11,
  },
  {
    rule: 'RFC 9234 §4.2: peer and customer do not match: 2/11',
    spec: withRole('peer'),
    hello: () => ({ also: [can.role(3)] }),
    subcode: 11,
  },
  {
    rule: 'RFC 9234 §4.2: two unequal roles are refused with 2/11',
    spec: withRole('provider'),
    hello: () => ({ also: [can.role(3), can.role(4)] }),
    subcode: 11,
  },
  {
    rule: 'RFC 9234 §4.2: no role is refused with 2/11 in strict mode',
    spec: withRole('provider,strict'),
    hello: () => ({}),
    subcode: 11,
  },
];

interface Agreement {
  readonly rule: string;
  readonly spec?: PeerSpec;
  readonly hello: (peer: ProbedPeer) => Hello | Buffer;
}

const AGREEMENTS: readonly Agreement[] = [
  { rule: 'RFC 4271 §4.2: no optional parameters at all', hello: () => ({ can: [] }) },
  {
    rule: 'RFC 4760 §8: a peer without Multiprotocol speaks IPv4',
    hello: (peer) => ({ can: [can.as4(peer.asNumber)] }),
  },
  {
    rule: 'RFC 5492 §3: a capability that nobody knows is ignored',
    hello: () => ({ also: [capability(200, ip4('1.2.3.4')), capability(128)] }),
  },
  {
    rule: 'RFC 5492 §4: a capability twice, equal, counts once',
    hello: (peer) => ({ also: [can.as4(peer.asNumber), can.family()] }),
  },
  {
    rule: 'RFC 4760 §8: families that we do not speak are ignored',
    hello: () => ({ also: [can.family(25, 70), can.family(1, 128)] }),
  },
  {
    rule: 'RFC 5492 §4: a parameter for each capability',
    hello: (peer) => ({
      parameters: join(...[can.family(), can.as4(peer.asNumber)].map((one) => capabilities(one))),
    }),
  },
  {
    rule: 'RFC 9072 §2: extended parameters, although short ones would do',
    hello: (peer) => extendedOpen(peer, extendedCapabilities(can.family(), can.as4(peer.asNumber))),
  },
  {
    rule: 'RFC 9072 §2: the one-octet length is ignored where the extended form follows',
    hello: (peer) => extendedOpen(peer, extendedCapabilities(can.family(), can.as4(peer.asNumber)), 7),
  },
  {
    rule: 'RFC 9072 §2: more than 255 octets of capabilities',
    hello: (peer) =>
      extendedOpen(
        peer,
        extendedCapabilities(
          can.family(),
          can.as4(peer.asNumber),
          ...Array.from({ length: 5 }, () => capability(250, Buffer.alloc(200))),
        ),
      ),
  },
  { rule: 'RFC 6286 §2.2: our own identifier on an external session', hello: () => ({ id: OUR_ADDRESS }) },
  {
    rule: 'RFC 6286 §2.1: an identifier that is no address of a host',
    hello: () => ({ id: '255.255.255.255' }),
  },
  { rule: 'RFC 4271 §4.2: hold time 0', hello: () => ({ hold: 0 }) },
  { rule: 'RFC 4271 §4.2: hold time 3', hello: () => ({ hold: 3 }) },
  { rule: 'RFC 4271 §4.2: hold time 65535', hello: () => ({ hold: 65535 }) },
  {
    rule: 'RFC 6793 §4.2.1: a 4-octet AS number behind AS_TRANS',
    spec: { asNumber: 4200000001 },
    hello: () => ({}),
  },
  { rule: 'RFC 6793 §4.2.1: AS_TRANS in the field for a number that fits', hello: () => ({ myAs: 23456 }) },
  {
    rule: 'RFC 9234 §4.2: provider and customer match',
    spec: withRole('provider'),
    hello: () => ({ also: [can.role(3)] }),
  },
  {
    rule: 'RFC 9234 §4.2: no role is accepted where it is not strict',
    spec: withRole('customer'),
    hello: () => ({}),
  },
  {
    rule: 'RFC 9234 §4.2: a role twice, equal, counts once',
    spec: withRole('peer'),
    hello: () => ({ also: [can.role(4), can.role(4)] }),
  },
  {
    rule: 'RFC 7911 §4: a Send/Receive value that nobody knows is ignored',
    hello: () => ({ also: [can.addPath(7)] }),
  },
];

function withRole(role: string): PeerSpec {
  return { annotations: { 'mesos-bgp/role': role } };
}

/** RFC 9072 §2: type 255, then a length of two octets for all, and for each. */
const extendedOpen = (peer: ProbedPeer, parameters: Buffer, shortLength = 0xff): Buffer =>
  message(
    OPEN,
    join(
      u8(4),
      u16(peer.asNumber),
      u16(90),
      ip4(peer.id),
      u8(shortLength),
      u8(0xff),
      u16(parameters.length),
      parameters,
    ),
  );

function extendedCapabilities(...list: readonly Buffer[]): Buffer {
  const value = join(...list);
  return join(u8(2), u16(value.length), value);
}

const octetsOf = (peer: ProbedPeer, hello: Hello | Buffer): Buffer =>
  Buffer.isBuffer(hello) ? hello : peer.hello(hello);

conformance('OPEN: refused', {}, (check) => {
  for (const { rule, spec, hello, subcode, data } of REFUSALS) {
    check(rule, { a: spec ?? external }, async ({ a }) => {
      const c = await a.connect();
      c.send(octetsOf(a, hello(a)));
      await c.expectEnd(2, subcode, data);
      expect(c.all(4)).toEqual([]); // no KEEPALIVE: the OPEN was not acknowledged
    });
  }

  check(
    'RFC 4271 §8: after a refused OPEN the peer may come again',
    { a: external },
    async ({ a }, { daemon }) => {
      const c = await a.connect();
      c.send(a.hello({ version: 3 }));
      await c.expectEnd(2, 1);
      await daemon.eventually('a new session', async () => {
        const again = await a.connect();
        again.send(a.hello(), keepalive);
        await again.untilEnded(300).catch(() => {});
        return again.all(4).length > 0;
      });
    },
  );
});

conformance('OPEN: agreed', {}, (check) => {
  for (const { rule, spec, hello } of AGREEMENTS) {
    check(rule, { a: spec ?? external }, async ({ a }) => {
      const c = await a.connect();
      c.send(octetsOf(a, hello(a)), keepalive);
      await c.of(4);
      await c.until(
        'the first table',
        () => c.updates.some(({ endOfRib }) => endOfRib) || c.updates.length > 0,
      );
      expect(c.isOpen).toBe(true);
    });
  }
});

conformance('OPEN: said', {}, (check) => {
  check(
    'RFC 4271 §8.2.2: the daemon says OPEN first on a connection that it accepts',
    { a: external },
    async ({ a }) => {
      const c = await a.connect();
      expect(c.messages.every(({ type }) => type === OPEN)).toBe(true);
      const theirs = readOpen(await c.of(OPEN));
      expect(theirs).toMatchObject({ version: 4, myAs: OUR_AS, hold: 90, id: OUR_ADDRESS });
    },
  );

  check('RFC 4271 §8.2.2: and on one that it opens', { a: active }, async ({ a }) => {
    const c = await a.accept();
    expect(readOpen(await c.of(OPEN))).toMatchObject({ version: 4, myAs: OUR_AS, id: OUR_ADDRESS });
  });

  check(
    'RFC 5492 §4: the capabilities of a session with default settings',
    { a: external },
    async ({ a }) => {
      const { theirs } = await a.opened();
      expect(Object.fromEntries(theirs.capabilities)).toEqual({
        1: ['00010001'],
        2: [''],
        6: [''],
        64: ['407800010100'], // N bit, 120 s, nothing preserved yet (RFC 4724 §3, RFC 8538 §2)
        65: ['0000fc00'],
        69: ['00010101'], // receives paths
        70: [''],
      });
    },
  );

  check(
    'RFC 6793 §4.2.1: a 4-octet AS number of ours goes out as AS_TRANS and in the capability',
    { a: { spec: { localASNumber: 4200000000 } } },
    async ({ a }) => {
      const { theirs } = await a.opened();
      expect(theirs.myAs).toBe(23456);
      expect(theirs.capabilities.get(65)).toEqual(['fa56ea00']);
    },
  );

  check('RFC 9234 §4.1: the role that is configured is said', { a: withRole('rs-client') }, async ({ a }) => {
    const { theirs } = await a.opened();
    expect(theirs.capabilities.get(9)).toEqual(['02']);
  });

  check(
    'RFC 9234 §4.1: no role on internal sessions',
    { a: { ...internal, ...withRole('provider') } },
    async ({ a }) => {
      const { theirs } = await a.opened();
      expect(theirs.capabilities.has(9)).toBe(false);
    },
  );

  check(
    'RFC 9494 §3: the long-lived stale time stands with graceful restart',
    { a: { annotations: { 'mesos-bgp/long-lived-stale-time': '1h' } } },
    async ({ a }) => {
      const { theirs } = await a.opened();
      expect(theirs.capabilities.get(71)).toEqual(['00010100000e10']);
      expect(theirs.capabilities.has(64)).toBe(true);
    },
  );

  check(
    'RFC 4724 §3: graceful restart is not said where it is turned off',
    { a: { spec: { maxRestartTime: '0s' } } },
    async ({ a }) => {
      const { theirs } = await a.opened();
      expect(theirs.capabilities.has(64)).toBe(false);
    },
  );

  check(
    'RFC 4271 §4.2: the hold time that is configured is said',
    { a: { annotations: { 'mesos-bgp/hold-time': '7s' } } },
    async ({ a }) => {
      const { theirs } = await a.opened();
      expect(theirs.hold).toBe(7);
    },
  );

  check(
    'RFC 8654 §3, RFC 7911 §4: what is turned off is not said',
    { a: { annotations: { 'mesos-bgp/extended-messages': 'false', 'mesos-bgp/add-paths': 'off' } } },
    async ({ a }) => {
      const { theirs } = await a.opened();
      expect([6, 69].filter((code) => theirs.capabilities.has(code))).toEqual([]);
    },
  );

  check('RFC 4271 §8.2.2: a KEEPALIVE answers the OPEN', { a: external }, async ({ a }) => {
    const { connection } = await a.opened();
    await connection.of(4);
    expect(connection.messages.map(({ type }) => type)).toEqual([OPEN, 4]);
    expect(open).toBeDefined();
  });
});
