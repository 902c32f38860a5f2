// What the daemon says in its OPEN, and what it agrees to (RFC 4271 §4.2; RFC 4760, 5492, 6286, 6793, 9072, 9234).

import { can, capabilities, capability, ip4, join, keepalive, OPEN, open } from './octets.ts';
import { extendedCapabilities, extendedOpen, octetsOf, withRole } from './openings.ts';
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
