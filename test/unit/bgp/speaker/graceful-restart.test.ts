import { address, type Family, NEVER, notification } from 'bgp-utils';
import type { Negotiated } from '../../../../bgp/src/session/negotiate.ts';
import {
  Deferral,
  retainAfterEndOfRib,
  retainOnLoss,
  retainOnReturn,
} from '../../../../bgp/src/speaker/graceful-restart.ts';
import { id } from '../../../support/bench.ts';

const agreed = (
  families: readonly Family[],
  restart?: {
    readonly families: readonly [Family, boolean][];
    readonly seconds?: number;
    restarting?: boolean;
  },
): Negotiated => ({
  holdTimeSeconds: 90,
  keepaliveSeconds: 30,
  context: {
    asOctets: 4,
    maxMessageOctets: 4096,
    families,
    addPathReceive: [],
    addPathSend: [],
    peerType: 'internal',
  },
  remoteIdentifier: address('10.0.0.2'),
  remoteAs: 64512,
  routeRefresh: true,
  gracefulRestart: restart && {
    restarting: restart.restarting ?? false,
    restartTimeSeconds: restart.seconds ?? 60,
    families: restart.families.map(([family, forwardingPreserved]) => ({ family, forwardingPreserved })),
  },
  remoteCapabilities: [],
});

const BOTH: readonly Family[] = ['ipv4', 'ipv6'];
const kept: readonly [Family, boolean][] = [
  ['ipv4', true],
  ['ipv6', true],
];

describe('which routes stay when a session is lost (RFC 4724 §4.2)', () => {
  const lost = { cause: 'connection-lost', reason: 'reset' } as const;
  it.each([
    ['those of the families that the peer named', agreed(BOTH, { families: kept }), lost, BOTH],
    [
      'whether it kept forwarding at its last restart or not',
      agreed(BOTH, { families: [['ipv6', false]] }),
      lost,
      ['ipv6'],
    ],
    ['not of a family that the session did not carry', agreed(['ipv4'], { families: kept }), lost, ['ipv4']],
    ['none when no family is left', agreed(['ipv4'], { families: [['ipv6', true]] }), lost, undefined],
    ['none without the capability', agreed(BOTH), lost, undefined],
    ['none with a restart time of 0', agreed(BOTH, { families: kept, seconds: 0 }), lost, undefined],
    [
      'none after a NOTIFICATION from the peer',
      agreed(BOTH, { families: kept }),
      { cause: 'notification-received', notification: notification(6, 4) } as const,
      undefined,
    ],
    [
      'none after a NOTIFICATION of ours, the hold timer too',
      agreed(BOTH, { families: kept }),
      { cause: 'notification-sent', notification: notification(4, 0) } as const,
      undefined,
    ],
    ['none when we ended it', agreed(BOTH, { families: kept }), { cause: 'stopped' } as const, undefined],
  ])('%s', (_name, session, end, families) => {
    const expected = families && { families, until: 1000 + 60_000 };
    expect(retainOnLoss(session, end, 1000)).toEqual(expected);
  });
});

describe('when the session is back', () => {
  const retention = { families: BOTH, until: 5000 };
  it.each<[string, Negotiated, readonly Family[]]>([
    [
      'routes stay until they come again, where forwarding was preserved',
      agreed(BOTH, { families: kept }),
      BOTH,
    ],
    [
      'they go where it was not',
      agreed(BOTH, {
        families: [
          ['ipv4', false],
          ['ipv6', true],
        ],
      }),
      ['ipv6'],
    ],
    [
      'they go where the family is not named any more',
      agreed(BOTH, { families: [['ipv4', true]] }),
      ['ipv4'],
    ],
    ['they all go without the capability', agreed(BOTH), []],
  ])('%s', (_name, session, keep) => {
    const result = retainOnReturn(retention, session, 1000);
    expect(result.keep?.families ?? []).toEqual(keep);
    expect(result.drop).toEqual(BOTH.filter((family) => !keep.includes(family)));
    if (result.keep !== undefined) expect(result.keep.until).toBe(361_000);
  });

  it('a family that the new session does not carry goes, whatever the capability says', () => {
    const result = retainOnReturn(retention, agreed(['ipv4'], { families: kept }), 1000);
    expect(result).toMatchObject({ keep: { families: ['ipv4'] }, drop: ['ipv6'] });
  });

  it('each family ends with its End-of-RIB', () => {
    const one = retainAfterEndOfRib(retention, 'ipv4');
    expect(one).toEqual({ families: ['ipv6'], until: 5000 });
    expect(retainAfterEndOfRib(one!, 'ipv6')).toBeUndefined();
  });
});

describe('after our own restart (RFC 4724 §4.1)', () => {
  const A = id('10.0.0.2');
  const B = id('10.0.0.3');
  const full = agreed(['ipv4'], { families: [['ipv4', true]] });
  const waiting = (...peers: (typeof A)[]): Deferral => {
    const deferral = new Deferral(0, 10_000);
    for (const peer of peers) deferral.expect(peer, ['ipv4']);
    return deferral;
  };

  it('is over at once when nobody is waited for', () => {
    const deferral = waiting();
    expect(deferral.deadline()).toBe(NEVER);
    expect(deferral.check(0, true)).toEqual({ waitedFor: [], gaveUpOn: [] });
    expect(deferral.over).toBe(true);
  });

  it('says so once', () => {
    const deferral = waiting();
    deferral.check(0, true);
    expect(deferral.check(1, true)).toBeUndefined();
  });

  it('waits for the End-of-RIB of every peer', () => {
    const deferral = waiting(A, B);
    deferral.sessionUp(A, full, 100);
    deferral.sessionUp(B, full, 100);
    deferral.endOfRib(A, 'ipv4');
    expect(deferral.check(200, true)).toBeUndefined();
    deferral.endOfRib(B, 'ipv4');
    expect(deferral.check(200, true)).toEqual({ waitedFor: [A, B], gaveUpOn: [] });
  });

  it('waits for each family that the session carries, and for no other', () => {
    const deferral = new Deferral(0, 10_000);
    deferral.expect(A, BOTH);
    deferral.sessionUp(A, agreed(BOTH, { families: kept }), 100);
    deferral.endOfRib(A, 'ipv4');
    expect(deferral.check(200, true)).toBeUndefined();
    const other = new Deferral(0, 10_000);
    other.expect(A, BOTH);
    other.sessionUp(A, full, 100);
    other.endOfRib(A, 'ipv4');
    expect(other.check(200, true)).toMatchObject({ waitedFor: [A] });
  });

  it('waits until what came can be judged', () => {
    const deferral = waiting();
    expect(deferral.check(0, false)).toBeUndefined();
    expect(deferral.deadline()).toBe(NEVER); // an answer is an input, no time
    expect(deferral.check(1, true)).toBeDefined();
  });

  it('gives a peer up that does not come up in time', () => {
    const deferral = waiting(A);
    expect(deferral.deadline()).toBe(10_000);
    expect(deferral.check(9_999, true)).toBeUndefined();
    expect(deferral.check(10_000, true)).toEqual({ waitedFor: [], gaveUpOn: [A] });
  });

  it('gives a peer up that is up and mute', () => {
    const deferral = waiting(A);
    deferral.sessionUp(A, full, 5_000);
    expect(deferral.deadline()).toBe(125_000);
    expect(deferral.check(125_000, true)).toEqual({ waitedFor: [], gaveUpOn: [A] });
  });

  it('waits no longer for one that came up and was lost than for one that never came', () => {
    const deferral = waiting(A);
    deferral.sessionUp(A, full, 5_000);
    deferral.sessionDown(A);
    expect(deferral.deadline()).toBe(10_000);
  });

  it('takes what a peer without the capability sent in a while as all that it has', () => {
    const deferral = waiting(A);
    deferral.sessionUp(A, agreed(['ipv4']), 5_000);
    expect(deferral.check(14_999, true)).toBeUndefined();
    expect(deferral.check(15_000, true)).toEqual({ waitedFor: [A], gaveUpOn: [] });
  });

  describe('with a peer that restarts as well', () => {
    const both = (...peers: Parameters<typeof waiting>) => {
      const deferral = waiting(...peers);
      deferral.sessionUp(A, agreed(['ipv4'], { families: [['ipv4', true]], restarting: true }), 100);
      return deferral;
    };

    it('does not hold our End-of-RIB back, which it may wait for; what an earlier run left waits for its own', () => {
      const deferral = both(A);
      expect([deferral.check(100, false), deferral.releases(false)]).toEqual([undefined, false]);
      expect([deferral.check(100, true), deferral.releases(true)]).toEqual([undefined, true]);
      expect([deferral.released, deferral.over, deferral.releases(true)]).toEqual([true, false, false]);
      deferral.endOfRib(A, 'ipv4');
      expect(deferral.check(5_000, true)).toEqual({ waitedFor: [A], gaveUpOn: [] });
      expect(deferral.releases(true)).toBe(false);
    });

    it('is waited for no longer than any other', () => {
      const deferral = both(A);
      expect(deferral.check(120_099, true)).toBeUndefined();
      expect(deferral.check(120_100, true)).toEqual({ waitedFor: [], gaveUpOn: [A] });
    });

    it('holds it back for others, and for itself when it is lost', () => {
      const deferral = both(A, B);
      deferral.check(100, true);
      expect(deferral.releases(true)).toBe(false);
      deferral.endOfRib(B, 'ipv4');
      expect(deferral.releases(true)).toBe(true);
      const lost = both(A);
      lost.sessionDown(A);
      lost.check(100, true);
      expect(lost.releases(true)).toBe(false);
    });
  });

  it('does not wait for a peer that is gone from the configuration', () => {
    const deferral = waiting(A);
    deferral.forget(A);
    expect(deferral.check(0, true)).toEqual({ waitedFor: [], gaveUpOn: [] });
  });
});
