// OPENs that are refused, and with which NOTIFICATION (RFC 4271 §6.2; RFC 5492, 6286, 6793, 7607, 9072, 9234).

import { can, capabilities, capability, join, keepalive, u8, u16 } from './octets.ts';
import { extendedOpen, octetsOf, withRole } from './openings.ts';
import {
  conformance,
  external,
  type Hello,
  internal,
  OUR_ADDRESS,
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
