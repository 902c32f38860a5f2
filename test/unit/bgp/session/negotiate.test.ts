import { address, type Capability, type Family, type Open } from 'bgp-utils';
import {
  type LocalOffer,
  localOpen,
  type Negotiated,
  negotiate,
  negotiateHoldTime,
} from '../../../../bgp/src/session/negotiate.ts';

const offer: LocalOffer = {
  localAs: 64512,
  remoteAs: 64512,
  bgpIdentifier: address('10.0.0.1'),
  holdTimeSeconds: 90,
  keepaliveSeconds: undefined,
  families: ['ipv4', 'ipv6'],
  gracefulRestartSeconds: 120,
  restarting: false,
  forwardingPreserved: true,
};

const CAPABILITIES: readonly Capability[] = [
  { name: 'Multiprotocol', afi: 1, safi: 1 },
  { name: 'Multiprotocol', afi: 2, safi: 1 },
  { name: 'RouteRefresh' },
  { name: 'FourOctetAs', asNumber: 64512 },
];

const open = (changes: Partial<Open> = {}): Open => ({
  type: 'Open',
  version: 4,
  asNumber: 64512,
  myAs: 64512,
  holdTimeSeconds: 180,
  bgpIdentifier: address('10.0.0.2'),
  capabilities: CAPABILITIES,
  ...changes,
});

const agreed = (result: ReturnType<typeof negotiate>): Negotiated => {
  if ('type' in result) throw new Error(`refused: ${result.code}/${result.subcode}`);
  return result;
};

const restart = (families: readonly [Family, boolean][], seconds = 60): Capability => ({
  name: 'GracefulRestart',
  restarting: true,
  notification: false,
  restartTimeSeconds: seconds,
  families: families.map(([family, forwardingPreserved]) => ({
    afi: family === 'ipv4' ? 1 : 2,
    safi: 1,
    forwardingPreserved,
  })),
});

describe('the hold time (RFC 4271 §4.2)', () => {
  it.each([
    [90, 180, 90],
    [180, 90, 90],
    [90, 3, 3],
    [0, 90, 0],
    [90, 0, 0],
  ])('local %i and remote %i: %i', (local, remote, expected) => {
    expect(negotiateHoldTime(local, remote)).toBe(expected);
  });

  it.each([1, 2])('%i s is refused: Unacceptable Hold Time (§6.2)', (remote) => {
    expect(negotiateHoldTime(90, remote)).toMatchObject({ code: 2, subcode: 6 });
  });

  it.each([
    ['a third', undefined, 90, 30],
    ['a third of the smaller one', undefined, 30, 10],
    ['never under a second', undefined, 3, 1],
    ['as configured', 7, 90, 7],
    ['shorter than the hold time', 60, 30, 29],
    ['a third where 0 is configured', 0, 90, 30],
    ['none without a hold time', 7, 0, 0],
  ])('KEEPALIVEs come after %s (§4.4)', (_name, keepaliveSeconds, holdTimeSeconds, expected) => {
    const result = agreed(negotiate({ ...offer, keepaliveSeconds }, open({ holdTimeSeconds })));
    expect(result.keepaliveSeconds).toBe(expected);
  });
});

describe('an OPEN is refused', () => {
  const external = { ...offer, remoteAs: 65001 };
  it.each<[string, LocalOffer, Partial<Open>, [number, number]]>([
    ['from another AS than configured: Bad Peer AS', offer, { asNumber: 65001 }, [2, 2]],
    ['with the identifier 0.0.0.0', offer, { bgpIdentifier: address('0.0.0.0') }, [2, 3]],
    ['with our own identifier, inside the AS', offer, { bgpIdentifier: offer.bgpIdentifier }, [2, 3]],
    ['with a hold time of 2 s', offer, { holdTimeSeconds: 2 }, [2, 6]],
    [
      'with no family of ours: Unsupported Capability',
      { ...offer, families: ['ipv6'] },
      { capabilities: [] },
      [2, 7],
    ],
    ['with the AS of somebody else outside', external, { asNumber: 65002 }, [2, 2]],
  ])('%s', (_name, local, changes, [code, subcode]) => {
    expect(negotiate(local, open(changes))).toMatchObject({ type: 'Notification', code, subcode });
  });

  it('and the data names the families that were missing (RFC 5492 §5)', () => {
    const result = negotiate({ ...offer, families: ['ipv6'] }, open({ capabilities: [] }));
    expect(result).toMatchObject({ data: Uint8Array.of(1, 4, 0, 2, 0, 1) });
  });

  it('but not with our identifier from another AS (RFC 6286 §2.1)', () => {
    const result = negotiate(external, open({ asNumber: 65001, bgpIdentifier: offer.bgpIdentifier }));
    expect(agreed(result).context.peerType).toBe('external');
  });
});

describe('capabilities', () => {
  it.each<[string, readonly Family[], readonly Capability[], readonly Family[]]>([
    ['families that both have', ['ipv4', 'ipv6'], CAPABILITIES, ['ipv4', 'ipv6']],
    ['not those that only we have', ['ipv4', 'ipv6'], CAPABILITIES.slice(0, 1), ['ipv4']],
    ['not those that only the peer has', ['ipv6'], CAPABILITIES, ['ipv6']],
    ['IPv4 of a peer that names none (RFC 4760 §8)', ['ipv4', 'ipv6'], [], ['ipv4']],
    [
      'no family with another SAFI',
      ['ipv4', 'ipv6'],
      [{ name: 'Multiprotocol', afi: 1, safi: 2 }, CAPABILITIES[1]!],
      ['ipv6'],
    ],
  ])('%s', (_name, families, capabilities, expected) => {
    expect(agreed(negotiate({ ...offer, families }, open({ capabilities }))).context.families).toEqual(
      expected,
    );
  });

  it('AS numbers have four octets when the peer says so too (RFC 6793)', () => {
    expect(agreed(negotiate(offer, open())).context.asOctets).toBe(4);
    expect(agreed(negotiate(offer, open({ capabilities: [] }))).context.asOctets).toBe(2);
  });

  it('route refresh needs the peer (RFC 2918)', () => {
    expect(agreed(negotiate(offer, open())).routeRefresh).toBe(true);
    expect(agreed(negotiate(offer, open({ capabilities: [] }))).routeRefresh).toBe(false);
  });

  it('graceful restart needs both sides, and knows the families of ours that the peer kept (RFC 4724)', () => {
    const capability = restart([
      ['ipv4', true],
      ['ipv6', false],
    ]);
    const capabilities = [...CAPABILITIES, restart([], 1), capability];
    expect(agreed(negotiate(offer, open({ capabilities }))).gracefulRestart).toEqual({
      restarting: true,
      restartTimeSeconds: 60,
      families: [
        { family: 'ipv4', forwardingPreserved: true },
        { family: 'ipv6', forwardingPreserved: false },
      ],
    });
    expect(agreed(negotiate(offer, open())).gracefulRestart).toBeUndefined();
    const off = { ...offer, gracefulRestartSeconds: 0 };
    expect(agreed(negotiate(off, open({ capabilities }))).gracefulRestart).toBeUndefined();
  });

  it('messages of 65,535 octets need both sides (RFC 8654 §4)', () => {
    const capabilities: Capability[] = [...CAPABILITIES, { name: 'ExtendedMessage' }];
    const octets = (changes: Partial<LocalOffer>, theirs: readonly Capability[]) =>
      agreed(negotiate({ ...offer, ...changes }, open({ capabilities: theirs }))).context.maxMessageOctets;
    expect(octets({}, capabilities)).toBe(65535);
    expect(octets({}, CAPABILITIES)).toBe(4096);
    expect(octets({ extendedMessages: false }, capabilities)).toBe(4096);
  });

  it('the brackets of a refresh need the peer (RFC 7313 §3)', () => {
    const capabilities: Capability[] = [...CAPABILITIES, { name: 'EnhancedRouteRefresh' }];
    expect(agreed(negotiate(offer, open({ capabilities }))).enhancedRefresh).toBe(true);
    expect(agreed(negotiate(offer, open())).enhancedRefresh).toBe(false);
  });

  it('surviving a NOTIFICATION needs the N bit of both (RFC 8538 §2)', () => {
    const says = { ...restart([['ipv4', true]]), notification: true } as Capability;
    const of = (changes: Partial<LocalOffer>, capability: Capability) =>
      agreed(negotiate({ ...offer, ...changes }, open({ capabilities: [...CAPABILITIES, capability] })))
        .gracefulRestart?.notification;
    expect(of({}, says)).toBe(true);
    expect(of({}, restart([['ipv4', true]]))).toBeUndefined();
    expect(of({ notificationRestart: false }, says)).toBeUndefined();
  });

  it('long-lived stale times need both sides (RFC 9494 §4.1)', () => {
    const families = [{ afi: 1, safi: 1, forwardingPreserved: true, staleTimeSeconds: 3600 }];
    const says: Capability = { name: 'LongLivedGracefulRestart', families };
    const capabilities = [...CAPABILITIES, restart([['ipv4', true]]), says];
    const of = (longLivedStaleSeconds: number) =>
      agreed(negotiate({ ...offer, longLivedStaleSeconds }, open({ capabilities }))).gracefulRestart
        ?.longLived;
    expect(of(0)).toBeUndefined();
    expect(of(60)).toEqual([{ family: 'ipv4', forwardingPreserved: true, staleTimeSeconds: 3600 }]);
  });
});

describe('roles (RFC 9234 §4.2)', () => {
  const external = { ...offer, remoteAs: 65001 };
  const refused = (role: LocalOffer['role'], ...said: number[]): string | undefined => {
    const roles = said.map((each): Capability => ({ name: 'Role', role: each }));
    const result = negotiate(
      { ...external, role },
      open({ asNumber: 65001, capabilities: [...CAPABILITIES, ...roles] }),
    );
    return 'type' in result ? `${result.code}/${result.subcode}` : undefined;
  };

  it.each([
    ['provider', 3],
    ['customer', 0],
    ['rs', 2],
    ['rs-client', 1],
    ['peer', 4],
  ] as const)('%s fits %d and nothing else', (role, counterpart) => {
    for (let said = 0; said <= 5; said++) {
      expect([said, refused({ role, strict: false }, said)]).toEqual([
        said,
        said === counterpart ? undefined : '2/11',
      ]);
    }
  });

  it('a peer that says none is refused where the role is strict', () => {
    expect(refused({ role: 'peer', strict: false })).toBeUndefined();
    expect(refused({ role: 'peer', strict: true })).toBe('2/11');
  });

  it('two different ones are refused, the same one twice is not', () => {
    expect(refused({ role: 'peer', strict: false }, 4, 0)).toBe('2/11');
    expect(refused({ role: 'peer', strict: false }, 4, 4)).toBeUndefined();
  });

  it('is not said to internal peers, nor asked of them', () => {
    const role = { role: 'peer', strict: true } as const;
    expect(localOpen({ ...offer, role }).capabilities.some(({ name }) => name === 'Role')).toBe(false);
    expect('type' in negotiate({ ...offer, role }, open())).toBe(false);
    expect(localOpen({ ...external, role }).capabilities).toContainEqual({ name: 'Role', role: 4 });
  });
});

describe('our OPEN', () => {
  it('says who we are, and stands in with AS_TRANS for an AS number of four octets (RFC 6793 §9)', () => {
    const sent = localOpen({ ...offer, localAs: 4_200_000_000 });
    expect(sent).toMatchObject({ myAs: 23456, asNumber: 4_200_000_000, holdTimeSeconds: 90 });
    expect(sent.capabilities).toContainEqual({ name: 'FourOctetAs', asNumber: 4_200_000_000 });
  });

  it('names families in the order of our lists, whatever the order of the configuration', () => {
    const names = localOpen({ ...offer, families: ['ipv6', 'ipv4'] }).capabilities;
    expect(names.slice(0, 2)).toEqual(CAPABILITIES.slice(0, 2));
  });

  const sentRestart = (changes: Partial<LocalOffer>) =>
    localOpen({ ...offer, ...changes }).capabilities.find(({ name }) => name === 'GracefulRestart');
  it('says that we restarted, how long we take at most, and whether forwarding was preserved', () => {
    expect(sentRestart({ restarting: true, forwardingPreserved: false })).toMatchObject({
      restarting: true,
      restartTimeSeconds: 120,
      families: [
        { afi: 1, safi: 1, forwardingPreserved: false },
        { afi: 2, safi: 1, forwardingPreserved: false },
      ],
    });
    expect(sentRestart({ gracefulRestartSeconds: 10_000 })).toMatchObject({ restartTimeSeconds: 4095 });
    expect(sentRestart({ gracefulRestartSeconds: 0 })).toBeUndefined();
  });
});
