import { address, CEASE, ERROR_CODE, NEVER, notification } from 'bgp-utils';
import type { Event } from '../../../../bgp/src/session/event.ts';
import { incomingSession, newSession, type Step, step } from '../../../../bgp/src/session/fsm.ts';
import type { Negotiated } from '../../../../bgp/src/session/negotiate.ts';
import type { Session, SessionTimers } from '../../../../bgp/src/session/state.ts';
import { dueEvent, mayKeepAlive, sessionDeadline } from '../../../../bgp/src/session/timers.ts';

const timers: SessionTimers = {
  passive: false,
  connectRetryMs: 5000,
  connectRetryMaxMs: 60_000,
  delayOpenMs: 0,
  jitter: 1,
};
const DELAY_MS = 7000;
const delaying: SessionTimers = { ...timers, delayOpenMs: DELAY_MS };
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

/** "+ DelayOpen": the connection is there, and the DelayOpenTimer runs. */
const STATES = [
  'Idle',
  'Connect',
  'Connect + DelayOpen',
  'Active',
  'Active + DelayOpen',
  'OpenSent',
  'OpenConfirm',
  'Established',
] as const;
type State = (typeof STATES)[number];

/** A session in that state with all its timers in the future, after failures enough to tell "counted" from "set to one". */
const sessionIn = (state: State, failures = 0): Session => {
  const later = NOW + 1;
  const agreedUntil = { holdAt: later, keepaliveAt: later, keepaliveFrom: later, agreed };
  switch (state) {
    case 'Idle':
      return { state, startAt: later, failures };
    case 'Connect':
    case 'Active':
      return { state, connectRetryAt: later, delayOpenAt: NEVER, failures };
    case 'Connect + DelayOpen':
      return { state: 'Connect', connectRetryAt: NEVER, delayOpenAt: later, failures };
    case 'Active + DelayOpen':
      return { state: 'Active', connectRetryAt: NEVER, delayOpenAt: later, failures };
    case 'OpenSent':
      return { state, holdAt: later, failures };
    case 'OpenConfirm':
      return { state, ...agreedUntil, failures };
    case 'Established':
      return { state, ...agreedUntil, failures, since: NOW - 30_000 };
  }
};

const cease = notification(ERROR_CODE.CEASE, CEASE.ADMINISTRATIVE_SHUTDOWN);
const headerError = notification(1, 2);
const openError = notification(2, 6);
const updateError = notification(3, 1);
const received = notification(6, 4);

const limit = notification(ERROR_CODE.CEASE, CEASE.MAXIMUM_NUMBER_OF_PREFIXES_REACHED);
const versionError = notification(2, 1);

const EVENTS = {
  ManualStop: { type: 'ManualStop', notification: cease },
  AutomaticStart: { type: 'AutomaticStart' },
  AutomaticStop: { type: 'AutomaticStop', notification: limit, startAt: NOW + 300_000 },
  ConnectRetryTimerExpires: { type: 'ConnectRetryTimerExpires' },
  HoldTimerExpires: { type: 'HoldTimerExpires' },
  KeepaliveTimerExpires: { type: 'KeepaliveTimerExpires' },
  DelayOpenTimerExpires: { type: 'DelayOpenTimerExpires' },
  SendHoldTimerExpires: { type: 'SendHoldTimerExpires' },
  TcpCRAcked: { type: 'TcpCRAcked' },
  TcpConnectionConfirmed: { type: 'TcpConnectionConfirmed' },
  TcpConnectionFails: { type: 'TcpConnectionFails', reason: 'reset' },
  BGPOpen: { type: 'BGPOpen', agreed },
  BGPHeaderErr: { type: 'BGPHeaderErr', notification: headerError },
  BGPOpenMsgErr: { type: 'BGPOpenMsgErr', notification: openError },
  OpenCollisionDump: { type: 'OpenCollisionDump' },
  NotifMsgVerErr: { type: 'NotifMsgVerErr', notification: versionError },
  NotifMsg: { type: 'NotifMsg', notification: received },
  KeepAliveMsg: { type: 'KeepAliveMsg' },
  UpdateMsg: { type: 'UpdateMsg' },
  UpdateMsgErr: { type: 'UpdateMsgErr', notification: updateError },
} satisfies Readonly<Record<string, Event>>;
type EventName = keyof typeof EVENTS;

/** The events of RFC 4271 §8.1 and RFC 9687 §3.1: which of ours is it, or why does it not exist here? */
const RFC_EVENTS: Readonly<Record<string, EventName | { readonly not: string }>> = {
  '1 ManualStart': { not: 'a peer that an operator allows again is a new machine, which starts by itself' },
  '2 ManualStop': 'ManualStop',
  '3 AutomaticStart': 'AutomaticStart',
  '4 ManualStart_with_PassiveTcpEstablishment': { not: 'as 1' },
  '5 AutomaticStart_with_PassiveTcpEstablishment': 'AutomaticStart',
  '6 AutomaticStart_with_DampPeerOscillations': 'AutomaticStart',
  '7 AutomaticStart_with_DampPeerOscillations_and_PassiveTcpEstablishment': 'AutomaticStart',
  '8 AutomaticStop': 'AutomaticStop',
  '9 ConnectRetryTimer_Expires': 'ConnectRetryTimerExpires',
  '10 HoldTimer_Expires': 'HoldTimerExpires',
  '11 KeepaliveTimer_Expires': 'KeepaliveTimerExpires',
  '12 DelayOpenTimer_Expires': 'DelayOpenTimerExpires',
  '13 IdleHoldTimer_Expires': 'AutomaticStart',
  '14 TcpConnection_Valid': { not: 'optional: TrackTcpState is off' },
  '15 Tcp_CR_Invalid': { not: 'optional: TrackTcpState is off' },
  '16 Tcp_CR_Acked': 'TcpCRAcked',
  '17 TcpConnectionConfirmed': 'TcpConnectionConfirmed',
  '18 TcpConnectionFails': 'TcpConnectionFails',
  '19 BGPOpen': 'BGPOpen',
  '20 BGPOpen with DelayOpenTimer running': 'BGPOpen',
  '21 BGPHeaderErr': 'BGPHeaderErr',
  '22 BGPOpenMsgErr': 'BGPOpenMsgErr',
  '23 OpenCollisionDump': 'OpenCollisionDump',
  '24 NotifMsgVerErr': 'NotifMsgVerErr',
  '25 NotifMsg': 'NotifMsg',
  '26 KeepAliveMsg': 'KeepAliveMsg',
  '27 UpdateMsg': 'UpdateMsg',
  '28 UpdateMsgErr': 'UpdateMsgErr',
  '29 SendHoldTimer_Expires': 'SendHoldTimerExpires',
};

/** How many failures came before: not zero, so that "set to zero" can be told from "as before". */
const BEFORE = 3;

/** "state" or "state: what is done", a NOTIFICATION as code/subcode; at the end what became of the ConnectRetryCounter. */
function outcome({ session, actions }: Step): string {
  const done = actions.map((action) => {
    if (action.type === 'Drop') {
      const sent = action.notification;
      return sent === undefined ? 'drop' : `${sent.code}/${sent.subcode}`;
    }
    return action.type === 'SessionDown' ? `down(${action.end.cause})` : action.type;
  });
  const waiting = session.state === 'Connect' || session.state === 'Active' ? session.delayOpenAt : NEVER;
  const state = waiting === NEVER ? session.state : `${session.state} + DelayOpen`;
  const { failures } = session;
  const counter =
    failures === BEFORE ? [] : [failures === 0 ? '=0' : failures === BEFORE + 1 ? '+1' : 'anew'];
  return [done.length === 0 ? state : `${state}: ${done.join(' ')}`, ...counter].join(' ');
}

/** RFC 4271 §8.2.2 with the differences that fsm.ts names: a row an event, a column a state. */
const TABLE: Readonly<Record<EventName, readonly string[]>> = (() => {
  const sent = (code: string): string => `Idle: ${code} down(notification-sent) +1`;
  const heard = 'Idle: drop down(notification-received) +1';
  const lost = 'Idle: drop down(connection-lost) +1';
  const stopped = 'Idle: drop down(stopped) +1';
  const all = (...cells: string[]): readonly string[] => cells;
  /** "Any other event", with the subcodes of RFC 6608. */
  const fsm = { sent: sent('5/1'), confirm: sent('5/2'), established: sent('5/3') };
  const waiting = (cell: string) => [cell, cell, cell, cell];
  const stays = STATES.map((state) => state);
  return {
    ManualStop: [
      'Idle =0',
      ...waiting('Idle: drop down(stopped) =0'),
      ...Array(3).fill('Idle: 6/2 down(notification-sent) =0'),
    ],
    AutomaticStart: ['Connect: Connect', ...stays.slice(1)],
    AutomaticStop: ['Idle', ...waiting(stopped), sent('6/1'), sent('6/1'), sent('6/1')],
    ConnectRetryTimerExpires: all(
      'Idle',
      'Connect: drop Connect +1',
      'Connect: drop Connect +1',
      'Connect: Connect',
      'Connect: drop Connect',
      fsm.sent,
      fsm.confirm,
      fsm.established,
    ),
    HoldTimerExpires: ['Idle', ...waiting(lost), sent('4/0'), sent('4/0'), sent('4/0')],
    KeepaliveTimerExpires: [
      'Idle',
      ...waiting(lost),
      fsm.sent,
      'OpenConfirm: SendKeepAlive',
      'Established: SendKeepAlive',
    ],
    DelayOpenTimerExpires: ['Idle', ...waiting('OpenSent: SendOpen'), fsm.sent, fsm.confirm, fsm.established],
    SendHoldTimerExpires: ['Idle', ...waiting(lost), fsm.sent, sent('8/0'), sent('8/0')],
    // In the last three states it is a second connection, with a machine of its own.
    TcpCRAcked: ['Idle', ...waiting('OpenSent: SendOpen'), ...stays.slice(5)],
    TcpConnectionConfirmed: ['Idle', ...waiting('OpenSent: SendOpen'), ...stays.slice(5)],
    // Active and not Idle, so that the peer's own connection is not refused
    TcpConnectionFails: [
      'Idle',
      ...waiting('Active +1'),
      'Active: down(connection-lost) +1',
      lost,
      // it had been up, so it is met at once
      'Idle: drop down(connection-lost) anew',
    ],
    BGPOpen: all(
      'Idle',
      lost,
      'OpenConfirm: SendOpen SendKeepAlive',
      lost,
      'OpenConfirm: SendOpen SendKeepAlive',
      'OpenConfirm: SendKeepAlive',
      fsm.confirm,
      fsm.established,
    ),
    BGPHeaderErr: ['Idle', ...waiting(lost), sent('1/2'), sent('1/2'), sent('1/2')],
    BGPOpenMsgErr: ['Idle', ...waiting(lost), sent('2/6'), sent('2/6'), fsm.established],
    OpenCollisionDump: ['Idle', ...waiting(stopped), sent('6/7'), sent('6/7'), sent('6/7')],
    NotifMsgVerErr: all(
      'Idle',
      heard,
      'Idle: drop down(notification-received)',
      heard,
      'Idle: drop down(notification-received)',
      'Idle: drop down(notification-received)',
      'Idle: drop down(notification-received)',
      heard,
    ),
    // in OpenSent not answered: see fsm.ts
    NotifMsg: ['Idle', ...waiting(heard), heard, heard, heard],
    KeepAliveMsg: ['Idle', ...waiting(lost), fsm.sent, 'Established: SessionUp', 'Established'],
    UpdateMsg: ['Idle', ...waiting(lost), fsm.sent, fsm.confirm, 'Established'],
    UpdateMsgErr: ['Idle', ...waiting(lost), fsm.sent, fsm.confirm, sent('3/1')],
  };
})();

describe('every event in every state (RFC 4271 §8.2.2, RFC 6608)', () => {
  it('is in the table', () => {
    expect(Object.keys(TABLE)).toEqual(Object.keys(EVENTS));
    for (const row of Object.values(TABLE)) expect(row).toHaveLength(STATES.length);
  });

  it('each event of the RFCs is one of ours, or has a reason not to be', () => {
    expect(Object.keys(RFC_EVENTS).map((name) => Number.parseInt(name, 10))).toEqual(
      Array.from({ length: 29 }, (_, index) => index + 1),
    );
    const used = new Set(Object.values(RFC_EVENTS).filter((name) => typeof name === 'string'));
    expect([...used].sort()).toEqual(Object.keys(EVENTS).sort());
  });

  const cells = (Object.keys(TABLE) as EventName[]).flatMap((event) =>
    STATES.map((state, column) => [event, state, TABLE[event][column]!] as const),
  );
  it.each(cells)('%s in %s: %s', (event, state, expected) => {
    expect(outcome(step(sessionIn(state, BEFORE), EVENTS[event], NOW, timers))).toBe(expected);
  });

  it('a passive peer waits in Active, and no timer makes it connect (PassiveTcpEstablishment)', () => {
    const passive = { ...timers, passive: true };
    const started = step(newSession(NOW), { type: 'AutomaticStart' }, NOW, passive);
    expect(started).toMatchObject({ session: { state: 'Active' }, actions: [] });
    expect(sessionDeadline(started.session)).toBe(NEVER);
    const failed = step(started.session, EVENTS.TcpConnectionFails, NOW, passive);
    expect(sessionDeadline(failed.session)).toBe(NEVER);
  });

  it('a connection that the peer opened starts with our OPEN', () => {
    expect(incomingSession(NOW, timers)).toMatchObject({
      session: { state: 'OpenSent' },
      actions: [{ type: 'SendOpen' }],
    });
  });
});

describe('DelayOpen (§8.1.1)', () => {
  it.each([
    ['Connect', 'TcpCRAcked', 'Connect + DelayOpen'],
    ['Connect', 'TcpConnectionConfirmed', 'Connect + DelayOpen'],
    ['Active', 'TcpCRAcked', 'Active + DelayOpen'],
    ['Active', 'TcpConnectionConfirmed', 'Active + DelayOpen'],
  ] as const)('%s, %s: %s', (state, event, expected) => {
    const next = step(sessionIn(state, BEFORE), EVENTS[event], NOW, delaying);
    expect(outcome(next)).toBe(expected);
    // the ConnectRetryTimer is stopped
    expect(sessionDeadline(next.session)).toBe(NOW + DELAY_MS);
    expect(dueEvent(next.session, NOW + DELAY_MS)).toEqual({ type: 'DelayOpenTimerExpires' });
  });

  it('a second connection that the peer opened waits as well', () => {
    const { session, actions } = incomingSession(NOW, delaying);
    expect(session).toMatchObject({ state: 'Active', delayOpenAt: NOW + DELAY_MS });
    expect(actions).toEqual([]);
  });

  it.each(['Connect + DelayOpen', 'Active + DelayOpen'] as const)(
    'in %s the peer’s OPEN sets the agreed timers, and ours goes out before the KEEPALIVE (Event 20)',
    (state) => {
      const { session, actions } = step(sessionIn(state), EVENTS.BGPOpen, NOW, delaying);
      expect(session).toMatchObject({
        state: 'OpenConfirm',
        holdAt: NOW + 90_000,
        keepaliveAt: NOW + 30_000,
      });
      expect(actions).toEqual([{ type: 'SendOpen' }, { type: 'SendKeepAlive' }]);
    },
  );

  it('after the timer all is as without it', () => {
    const { session } = step(sessionIn('Connect + DelayOpen'), EVENTS.DelayOpenTimerExpires, NOW, delaying);
    expect(session).toEqual({ state: 'OpenSent', holdAt: NOW + 240_000, failures: 0 });
  });

  it('a connection that fails meanwhile stops the timer', () => {
    for (const state of ['Connect + DelayOpen', 'Active + DelayOpen'] as const) {
      const { session } = step(sessionIn(state), EVENTS.TcpConnectionFails, NOW, delaying);
      expect(session).toMatchObject({ state: 'Active', delayOpenAt: NEVER, connectRetryAt: NOW + 5000 });
    }
  });

  it('an OPEN that is refused says why to the operator, and nothing to the peer', () => {
    const { actions } = step(sessionIn('Active + DelayOpen'), EVENTS.BGPOpenMsgErr, NOW, delaying);
    expect(actions).toEqual([
      { type: 'Drop', notification: undefined },
      {
        type: 'SessionDown',
        end: { cause: 'connection-lost', reason: expect.stringContaining('Unacceptable Hold Time') },
      },
    ]);
  });
});

describe('timers', () => {
  it.each<[string, State, EventName, number]>([
    ['the ConnectRetryTimer runs while connecting', 'Idle', 'AutomaticStart', NOW + 5000],
    ['the hold timer is large until the OPEN came (§8.2.2)', 'Connect', 'TcpCRAcked', NOW + 240_000],
    ['KEEPALIVEs are due after a third of the hold time', 'OpenSent', 'BGPOpen', NOW + 30_000],
  ])('%s', (_name, state, event, deadline) => {
    expect(sessionDeadline(step(sessionIn(state), EVENTS[event], NOW, timers).session)).toBe(deadline);
  });

  it.each<[string, State, EventName]>([
    ['a KEEPALIVE in OpenConfirm', 'OpenConfirm', 'KeepAliveMsg'],
    ['a KEEPALIVE', 'Established', 'KeepAliveMsg'],
    ['an UPDATE', 'Established', 'UpdateMsg'],
  ])('%s restarts the hold timer and leaves the keepalive timer', (_name, state, event) => {
    const { session } = step(sessionIn(state), EVENTS[event], NOW, timers);
    expect(session).toMatchObject({ holdAt: NOW + 90_000, keepaliveAt: NOW + 1 });
  });

  it('sending a KEEPALIVE restarts the keepalive timer, with the upper half of the jitter, and leaves the hold timer', () => {
    const { session } = step(sessionIn('Established'), EVENTS.KeepaliveTimerExpires, NOW, {
      ...timers,
      jitter: 0.75,
    });
    expect(session).toMatchObject({
      holdAt: NOW + 1,
      keepaliveAt: NOW + 26_250,
      keepaliveFrom: NOW + 22_500,
    });
  });

  it('a KEEPALIVE may go with those of others when jitter could have set its timer so (§10), and the session is up', () => {
    const sent = step(sessionIn('Established'), EVENTS.KeepaliveTimerExpires, NOW, timers).session;
    expect(mayKeepAlive(sent, NOW + 22_499)).toBe(false);
    expect(mayKeepAlive(sent, NOW + 22_500)).toBe(true);
    const confirmed = step(sessionIn('OpenSent'), EVENTS.BGPOpen, NOW, timers).session;
    expect(mayKeepAlive(confirmed, NOW + 22_500)).toBe(false);
  });

  it('a hold time of zero means no timers at all (§4.2, §4.4)', () => {
    const none = { ...agreed, holdTimeSeconds: 0, keepaliveSeconds: 0 };
    const confirmed = step(sessionIn('OpenSent'), { type: 'BGPOpen', agreed: none }, NOW, timers);
    expect(sessionDeadline(confirmed.session)).toBe(NEVER);
    const up = step(confirmed.session, EVENTS.KeepAliveMsg, NOW, timers);
    expect(sessionDeadline(up.session)).toBe(NEVER);
    expect(sessionDeadline(step(up.session, EVENTS.UpdateMsg, NOW, timers).session)).toBe(NEVER);
  });

  it('nothing is due before its time, and the hold timer goes before the keepalive timer', () => {
    for (const state of STATES) expect(dueEvent(sessionIn(state), NOW)).toBeUndefined();
    const due = STATES.map((state) => dueEvent(sessionIn(state), NOW + 1)?.type);
    expect(due).toEqual([
      'AutomaticStart',
      'ConnectRetryTimerExpires',
      'DelayOpenTimerExpires',
      'ConnectRetryTimerExpires',
      'DelayOpenTimerExpires',
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
      session = step(session, EVENTS.BGPHeaderErr, NOW, timers).session;
      waits.push(sessionDeadline(session) - NOW);
      session = { ...sessionIn('OpenSent'), failures: session.failures } as Session;
    }
    expect(waits).toEqual([5000, 10_000, 20_000, 40_000, 60_000, 60_000]);
  });

  it('tries ten times a second apart, then waits longer after every connection that is refused', () => {
    const waits: number[] = [];
    let { session } = step(newSession(NOW), { type: 'AutomaticStart' }, NOW, timers);
    for (let i = 0; i < 14; i++) {
      session = step(session, EVENTS.TcpConnectionFails, NOW, timers).session;
      waits.push(sessionDeadline(session) - NOW);
      session = step(session, EVENTS.ConnectRetryTimerExpires, NOW, timers).session;
    }
    expect(waits.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 1000));
    expect(waits.slice(10)).toEqual([5000, 5000, 10_000, 20_000]);
  });

  const lostAfter = (livedMs: number, failures: number): number => {
    const session = { ...sessionIn('Established'), since: NOW - livedMs, failures } as Session;
    return sessionDeadline(step(session, EVENTS.TcpConnectionFails, NOW, timers).session) - NOW;
  };
  it('a peer that does not know us yet is asked again as if it did not listen, and may connect meanwhile', () => {
    const rejected: Event = {
      type: 'NotifMsg',
      notification: notification(ERROR_CODE.CEASE, CEASE.CONNECTION_REJECTED),
    };
    const first = { ...sessionIn('OpenSent'), failures: -10 };
    const { session, actions } = step(first, rejected, NOW, timers);
    expect(session).toEqual({
      state: 'Active',
      connectRetryAt: NOW + 1000,
      delayOpenAt: NEVER,
      failures: -9,
    });
    expect(actions.map(({ type }) => type)).toEqual(['Drop', 'SessionDown']);
    expect(step(sessionIn('Established'), rejected, NOW, timers).session.state).toBe('Idle');
  });

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
        EVENTS.UpdateMsgErr,
        NOW,
        timers,
      ).session.failures;
    expect([failuresAfter(59_999), failuresAfter(60_000)]).toEqual([5, 0]);
  });

  it('a limit that was passed is a failure, and starts again when its own time is over (Event 8)', () => {
    for (const state of STATES.slice(1)) {
      const { session } = step(sessionIn(state, BEFORE), EVENTS.AutomaticStop, NOW, timers);
      expect(session).toEqual({ state: 'Idle', startAt: NOW + 300_000, failures: BEFORE + 1 });
    }
  });

  it('a peer of another version is tried again after the first wait, however often (Event 24)', () => {
    for (const state of ['Connect + DelayOpen', 'OpenSent', 'OpenConfirm'] as const) {
      const { session } = step(sessionIn(state, 0), EVENTS.NotifMsgVerErr, NOW, timers);
      expect(session).toEqual({ state: 'Idle', startAt: NOW + 5000, failures: 0 });
    }
  });

  it('stopped by hand is stopped for good', () => {
    for (const state of STATES) {
      const { session } = step(sessionIn(state), EVENTS.ManualStop, NOW, timers);
      expect(session).toEqual({ state: 'Idle', startAt: NEVER, failures: 0 });
    }
  });
});
