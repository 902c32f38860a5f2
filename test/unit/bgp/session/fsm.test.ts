import { address, CEASE, ERROR_CODE, NEVER, notification } from 'bgp-utils';
import type { Event } from '../../../../bgp/src/session/event.ts';
import {
  dueEvent,
  incomingSession,
  newSession,
  type Step,
  sessionDeadline,
  step,
} from '../../../../bgp/src/session/fsm.ts';
import type { Negotiated } from '../../../../bgp/src/session/negotiate.ts';
import type { Session, SessionTimers } from '../../../../bgp/src/session/state.ts';

const timers: SessionTimers = { passive: false, connectRetryMs: 5000, connectRetryMaxMs: 60_000, jitter: 1 };
const NOW = 1_000_000;

const agreed: Negotiated = {
  holdTimeSeconds: 90,
  keepaliveSeconds: 30,
  context: {
    asOctets: 4,
    maxMessageOctets: 4096,
    families: ['ipv4'],
    addPathReceive: [],
    addPathSend: [],
    peerType: 'internal',
  },
  remoteIdentifier: address('10.0.0.2'),
  remoteAs: 64512,
  routeRefresh: true,
  gracefulRestart: undefined,
  remoteCapabilities: [],
};

const STATES = ['Idle', 'Connect', 'Active', 'OpenSent', 'OpenConfirm', 'Established'] as const;
type State = (typeof STATES)[number];

/** A session in that state with all its timers in the future. */
const sessionIn = (state: State): Session => {
  const failures = 0;
  switch (state) {
    case 'Idle':
      return { state, startAt: NOW + 1, failures };
    case 'Connect':
    case 'Active':
      return { state, connectRetryAt: NOW + 1, failures };
    case 'OpenSent':
      return { state, holdAt: NOW + 1, failures };
    case 'OpenConfirm':
      return { state, holdAt: NOW + 1, keepaliveAt: NOW + 1, agreed, failures };
    case 'Established':
      return { state, holdAt: NOW + 1, keepaliveAt: NOW + 1, agreed, failures, since: NOW - 100_000 };
  }
};

const cease = notification(ERROR_CODE.CEASE, CEASE.ADMINISTRATIVE_SHUTDOWN);
const headerError = notification(1, 2);
const openError = notification(2, 6);
const updateError = notification(3, 1);
const received = notification(6, 4);

const EVENTS: Readonly<Record<string, Event>> = {
  ManualStop: { type: 'ManualStop', notification: cease },
  AutomaticStart: { type: 'AutomaticStart' },
  ConnectRetryTimerExpires: { type: 'ConnectRetryTimerExpires' },
  HoldTimerExpires: { type: 'HoldTimerExpires' },
  KeepaliveTimerExpires: { type: 'KeepaliveTimerExpires' },
  SendHoldTimerExpires: { type: 'SendHoldTimerExpires' },
  TcpCRAcked: { type: 'TcpCRAcked' },
  TcpConnectionConfirmed: { type: 'TcpConnectionConfirmed' },
  TcpConnectionFails: { type: 'TcpConnectionFails', reason: 'reset' },
  BGPOpen: { type: 'BGPOpen', agreed },
  BGPHeaderErr: { type: 'BGPHeaderErr', notification: headerError },
  BGPOpenMsgErr: { type: 'BGPOpenMsgErr', notification: openError },
  OpenCollisionDump: { type: 'OpenCollisionDump' },
  NotifMsg: { type: 'NotifMsg', notification: received },
  KeepAliveMsg: { type: 'KeepAliveMsg' },
  UpdateMsg: { type: 'UpdateMsg' },
  UpdateMsgErr: { type: 'UpdateMsgErr', notification: updateError },
};

/** "state" or "state: what is done"; a NOTIFICATION as code/subcode. */
function outcome({ session, actions }: Step): string {
  const done = actions.map((action) => {
    if (action.type === 'Drop') {
      const sent = action.notification;
      return sent === undefined ? 'drop' : `${sent.code}/${sent.subcode}`;
    }
    return action.type === 'SessionDown' ? `down(${action.end.cause})` : action.type;
  });
  return done.length === 0 ? session.state : `${session.state}: ${done.join(' ')}`;
}

const stays = (state: State): string => state;
const lost = 'Idle: drop down(connection-lost)';
const heard = 'Idle: drop down(notification-received)';
const sent = (code: string): string => `Idle: ${code} down(notification-sent)`;
/** RFC 4271 §8.2.2 "any other event", with the subcode of RFC 6608. */
const fsm: Readonly<Record<string, string>> = {
  OpenSent: sent('5/1'),
  OpenConfirm: sent('5/2'),
  Established: sent('5/3'),
};

/** RFC 4271 §8.2.2 with the differences that fsm.ts names: a row an event, a column a state. `never`: peer.ts does not tell it. */
const TABLE: Readonly<Record<string, Readonly<Record<State, string>>>> = {
  ManualStop: {
    Idle: 'Idle',
    Connect: 'Idle: drop down(stopped)',
    Active: 'Idle: drop down(stopped)',
    OpenSent: sent('6/2'),
    OpenConfirm: sent('6/2'),
    Established: sent('6/2'),
  },
  AutomaticStart: {
    Idle: 'Connect: Connect',
    Connect: stays('Connect'),
    Active: stays('Active'),
    OpenSent: stays('OpenSent'),
    OpenConfirm: stays('OpenConfirm'),
    Established: stays('Established'),
  },
  ConnectRetryTimerExpires: {
    Idle: stays('Idle'),
    Connect: 'Connect: drop Connect',
    Active: 'Connect: Connect',
    OpenSent: fsm.OpenSent!,
    OpenConfirm: fsm.OpenConfirm!,
    Established: fsm.Established!,
  },
  HoldTimerExpires: {
    Idle: stays('Idle'),
    Connect: lost,
    Active: lost,
    OpenSent: sent('4/0'),
    OpenConfirm: sent('4/0'),
    Established: sent('4/0'),
  },
  KeepaliveTimerExpires: {
    Idle: stays('Idle'),
    Connect: lost,
    Active: lost,
    OpenSent: fsm.OpenSent!,
    OpenConfirm: 'OpenConfirm: SendKeepAlive',
    Established: 'Established: SendKeepAlive',
  },
  SendHoldTimerExpires: {
    Idle: stays('Idle'),
    Connect: lost,
    Active: lost,
    OpenSent: fsm.OpenSent!,
    OpenConfirm: sent('8/0'),
    Established: sent('8/0'),
  },
  TcpCRAcked: {
    Idle: stays('Idle'),
    Connect: 'OpenSent: SendOpen',
    Active: 'OpenSent: SendOpen',
    OpenSent: 'never',
    OpenConfirm: 'never',
    Established: 'never',
  },
  TcpConnectionConfirmed: {
    Idle: stays('Idle'),
    Connect: 'OpenSent: SendOpen',
    Active: 'OpenSent: SendOpen',
    OpenSent: 'never',
    OpenConfirm: 'never',
    Established: 'never',
  },
  TcpConnectionFails: {
    Idle: stays('Idle'),
    Connect: 'Active', // and not Idle: see fsm.ts
    Active: 'Active',
    OpenSent: 'Active: down(connection-lost)',
    OpenConfirm: lost,
    Established: lost,
  },
  BGPOpen: {
    Idle: stays('Idle'),
    Connect: lost,
    Active: lost,
    OpenSent: 'OpenConfirm: SendKeepAlive',
    OpenConfirm: fsm.OpenConfirm!,
    Established: fsm.Established!,
  },
  BGPHeaderErr: {
    Idle: stays('Idle'),
    Connect: lost,
    Active: lost,
    OpenSent: sent('1/2'),
    OpenConfirm: sent('1/2'),
    Established: sent('1/2'),
  },
  BGPOpenMsgErr: {
    Idle: stays('Idle'),
    Connect: lost,
    Active: lost,
    OpenSent: sent('2/6'),
    OpenConfirm: sent('2/6'),
    Established: fsm.Established!,
  },
  OpenCollisionDump: {
    Idle: stays('Idle'),
    Connect: lost,
    Active: lost,
    OpenSent: sent('6/7'),
    OpenConfirm: sent('6/7'),
    Established: sent('6/7'),
  },
  NotifMsg: {
    Idle: stays('Idle'),
    Connect: lost,
    Active: lost,
    OpenSent: heard, // not answered: see fsm.ts
    OpenConfirm: heard,
    Established: heard,
  },
  KeepAliveMsg: {
    Idle: stays('Idle'),
    Connect: lost,
    Active: lost,
    OpenSent: fsm.OpenSent!,
    OpenConfirm: 'Established: SessionUp',
    Established: stays('Established'),
  },
  UpdateMsg: {
    Idle: stays('Idle'),
    Connect: lost,
    Active: lost,
    OpenSent: fsm.OpenSent!,
    OpenConfirm: fsm.OpenConfirm!,
    Established: stays('Established'),
  },
  UpdateMsgErr: {
    Idle: stays('Idle'),
    Connect: lost,
    Active: lost,
    OpenSent: fsm.OpenSent!,
    OpenConfirm: fsm.OpenConfirm!,
    Established: sent('3/1'),
  },
};

describe('every event in every state (RFC 4271 §8.2.2, RFC 6608)', () => {
  it('is in the table', () => {
    expect(Object.keys(TABLE)).toEqual(Object.keys(EVENTS));
  });

  const cells = Object.entries(TABLE).flatMap(([event, row]) =>
    STATES.filter((state) => row[state] !== 'never').map((state) => [event, state, row[state]] as const),
  );
  it.each(cells)('%s in %s: %s', (event, state, expected) => {
    expect(outcome(step(sessionIn(state), EVENTS[event]!, NOW, timers))).toBe(expected);
  });

  it('a passive peer waits in Active, and no timer makes it connect (PassiveTcpEstablishment)', () => {
    const passive = { ...timers, passive: true };
    const started = step(newSession(NOW), { type: 'AutomaticStart' }, NOW, passive);
    expect(outcome(started)).toBe('Active');
    expect(sessionDeadline(started.session)).toBe(NEVER);
    const failed = step(started.session, EVENTS.TcpConnectionFails!, NOW, passive);
    expect(sessionDeadline(failed.session)).toBe(NEVER);
  });

  it('a connection that the peer opened starts with our OPEN', () => {
    expect(outcome(incomingSession(NOW))).toBe('OpenSent: SendOpen');
  });
});

describe('timers', () => {
  it.each<[string, State, keyof typeof EVENTS, number]>([
    ['the ConnectRetryTimer runs while connecting', 'Idle', 'AutomaticStart', NOW + 5000],
    ['the hold timer is large until the OPEN came (§8.2.2)', 'Connect', 'TcpCRAcked', NOW + 240_000],
    ['KEEPALIVEs are due after a third of the hold time', 'OpenSent', 'BGPOpen', NOW + 30_000],
  ])('%s', (_name, state, event, deadline) => {
    expect(sessionDeadline(step(sessionIn(state), EVENTS[event]!, NOW, timers).session)).toBe(deadline);
  });

  it.each<[string, State, keyof typeof EVENTS]>([
    ['a KEEPALIVE in OpenConfirm', 'OpenConfirm', 'KeepAliveMsg'],
    ['a KEEPALIVE', 'Established', 'KeepAliveMsg'],
    ['an UPDATE', 'Established', 'UpdateMsg'],
  ])('%s restarts the hold timer and leaves the keepalive timer', (_name, state, event) => {
    const { session } = step(sessionIn(state), EVENTS[event]!, NOW, timers);
    expect(session).toMatchObject({ holdAt: NOW + 90_000, keepaliveAt: NOW + 1 });
  });

  it('sending a KEEPALIVE restarts the keepalive timer, with jitter, and leaves the hold timer', () => {
    const { session } = step(sessionIn('Established'), EVENTS.KeepaliveTimerExpires!, NOW, {
      ...timers,
      jitter: 0.75,
    });
    expect(session).toMatchObject({ holdAt: NOW + 1, keepaliveAt: NOW + 22_500 });
  });

  it('a hold time of zero means no timers at all (§4.2, §4.4)', () => {
    const none = { ...agreed, holdTimeSeconds: 0, keepaliveSeconds: 0 };
    const confirmed = step(sessionIn('OpenSent'), { type: 'BGPOpen', agreed: none }, NOW, timers);
    expect(sessionDeadline(confirmed.session)).toBe(NEVER);
    const up = step(confirmed.session, EVENTS.KeepAliveMsg!, NOW, timers);
    expect(sessionDeadline(up.session)).toBe(NEVER);
    expect(sessionDeadline(step(up.session, EVENTS.UpdateMsg!, NOW, timers).session)).toBe(NEVER);
  });

  it('nothing is due before its time, and the hold timer goes before the keepalive timer', () => {
    for (const state of STATES) expect(dueEvent(sessionIn(state), NOW)).toBeUndefined();
    const due = STATES.map((state) => dueEvent(sessionIn(state), NOW + 1)?.type);
    expect(due).toEqual([
      'AutomaticStart',
      'ConnectRetryTimerExpires',
      'ConnectRetryTimerExpires',
      'HoldTimerExpires',
      'HoldTimerExpires',
      'HoldTimerExpires',
    ]);
    const busy = { ...sessionIn('Established'), holdAt: NOW + 5 } as Session;
    expect(dueEvent(busy, NOW + 1)?.type).toBe('KeepaliveTimerExpires');
  });
});

describe('damping', () => {
  it('waits twice as long after every failure in a row, up to the maximum', () => {
    const waits: number[] = [];
    let session = sessionIn('OpenSent');
    for (let i = 0; i < 6; i++) {
      session = step(session, EVENTS.BGPHeaderErr!, NOW, timers).session;
      waits.push(sessionDeadline(session) - NOW);
      session = { ...sessionIn('OpenSent'), failures: session.failures } as Session;
    }
    expect(waits).toEqual([5000, 10_000, 20_000, 40_000, 60_000, 60_000]);
  });

  it('tries ten times a second apart, then waits longer after every connection that is refused', () => {
    const waits: number[] = [];
    let { session } = step(newSession(NOW), { type: 'AutomaticStart' }, NOW, timers);
    for (let i = 0; i < 14; i++) {
      session = step(session, EVENTS.TcpConnectionFails!, NOW, timers).session;
      waits.push(sessionDeadline(session) - NOW);
      session = step(session, EVENTS.ConnectRetryTimerExpires!, NOW, timers).session;
    }
    expect(waits.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 1000));
    expect(waits.slice(10)).toEqual([5000, 5000, 10_000, 20_000]);
  });

  const lostAfter = (livedMs: number, failures: number): number => {
    const session = { ...sessionIn('Established'), since: NOW - livedMs, failures } as Session;
    return sessionDeadline(step(session, EVENTS.TcpConnectionFails!, NOW, timers).session) - NOW;
  };
  it('a session whose connection broke starts again at once: the peer may have restarted', () => {
    expect(lostAfter(120_000, 0)).toBe(0);
    expect(lostAfter(1_000, 5)).toBe(0);
  });

  it('a session that breaks as soon as it is up waits', () => {
    expect(lostAfter(999, 0)).toBe(5000);
    expect(lostAfter(10, 1)).toBe(10_000);
  });

  it('a session that was up for a minute starts counting anew', () => {
    const failuresAfter = (livedMs: number) =>
      step(
        { ...sessionIn('Established'), since: NOW - livedMs, failures: 4 } as Session,
        EVENTS.UpdateMsgErr!,
        NOW,
        timers,
      ).session.failures;
    expect([failuresAfter(59_999), failuresAfter(60_000)]).toEqual([5, 0]);
  });

  it('stopped by hand is stopped for good', () => {
    for (const state of STATES) {
      const { session } = step(sessionIn(state), EVENTS.ManualStop!, NOW, timers);
      expect(session).toEqual({ state: 'Idle', startAt: NEVER, failures: 0 });
    }
  });
});
