import { address, type LogEvent, type PeerId, prefix } from 'bgp-utils';
import { createLog, describeEvent, type Level } from '../../../src/observe/log.ts';

/** A log into memory. */
function memory(level: Level | 'silent' = 'info') {
  const lines: string[] = [];
  const log = createLog({
    level,
    fields: { node: 'host-1' },
    to: { write: (line: string) => void lines.push(line) },
  });
  return { log, lines: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}
const peer = '10.0.0.2' as PeerId;

describe('a line', () => {
  it('is JSON with level, time, node, message and fields, and no process id', () => {
    const { log, lines } = memory();
    log.info('datastore in sync', { revision: '12' });
    expect(lines()).toEqual([
      {
        level: 'info',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        node: 'host-1',
        message: 'datastore in sync',
        revision: '12',
      },
    ]);
  });

  it('is written when its level is on', () => {
    const { log, lines } = memory('warn');
    for (const level of ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const) log[level](level);
    expect(lines().map(({ level }) => level)).toEqual(['warn', 'error', 'fatal']);
    expect([log.enabled('info'), log.enabled('error')]).toEqual([false, true]);
    const quiet = memory('silent');
    quiet.log.fatal('x');
    expect(quiet.lines()).toEqual([]);
  });

  it('takes another level while it runs', () => {
    const { log, lines } = memory('info');
    log.debug('before');
    log.setLevel('debug');
    log.debug('after');
    expect(lines().map(({ message }) => message)).toEqual(['after']);
  });

  it('of an error has its message and stack', () => {
    const { log, lines } = memory();
    log.error('a bug', { err: new Error('invariant: broken') });
    expect(lines()[0]?.err).toMatchObject({
      message: 'invariant: broken',
      stack: expect.stringContaining('log.test'),
    });
  });

  it('of a child has its fields as well', () => {
    const { log, lines } = memory();
    log.child({ part: 'fib' }).info('x');
    expect(lines()[0]).toMatchObject({ node: 'host-1', part: 'fib' });
  });

  it('never shows a password, however deep it lies', () => {
    const { log, lines } = memory();
    log.info('x', { password: 'hunter2', peer: { password: 'hunter2' }, a: { b: { password: 'hunter2' } } });
    expect(JSON.stringify(lines())).not.toContain('hunter2');
  });
});

describe('what the speaker says', () => {
  const cases: [LogEvent, Level, string][] = [
    [
      { event: 'session', peer, from: 'OpenConfirm', to: 'Established', reason: 'KEEPALIVE' },
      'info',
      'peer 10.0.0.2: OpenConfirm → Established, KEEPALIVE',
    ],
    [
      { event: 'session', peer, from: 'Established', to: 'Idle', reason: 'hold timer expired' },
      'warn',
      'peer 10.0.0.2: Established → Idle, hold timer expired',
    ],
    [
      { event: 'session', peer, from: 'Connect', to: 'Active', reason: 'refused' },
      'debug',
      'peer 10.0.0.2: Connect → Active, refused',
    ],
    [
      {
        event: 'notification-received',
        peer,
        code: 6,
        subcode: 2,
        name: 'Cease/Administrative Shutdown',
        text: 'bye',
      },
      'warn',
      'NOTIFICATION received from 10.0.0.2: Cease/Administrative Shutdown: bye',
    ],
    [
      { event: 'notification-sent', peer, code: 4, subcode: 0, name: 'Hold Timer Expired', text: '' },
      'warn',
      'NOTIFICATION sent to 10.0.0.2: Hold Timer Expired',
    ],
    [
      { event: 'update-error', peer, attribute: 'ORIGIN', outcome: 'treat-as-withdraw', detail: 'value 7' },
      'warn',
      'UPDATE from 10.0.0.2: ORIGIN: value 7; treat-as-withdraw (RFC 7606)',
    ],
    [
      { event: 'graceful-restart', peer, step: 'routes kept', family: 'ipv4', routes: 12 },
      'info',
      'graceful restart with 10.0.0.2, ipv4: routes kept, 12 routes',
    ],
    [
      { event: 'fail-static', step: 'kept', peer, family: 'ipv4', routes: 12, reason: '' },
      'warn',
      'fail static: 12 ipv4 routes of 10.0.0.2 stay, although nobody is left who could tell them',
    ],
    [
      { event: 'fail-static', step: 'removed', peer, family: 'ipv4', routes: 3, reason: 'x' },
      'info',
      'fail static: 3 ipv4 routes of 10.0.0.2 that had stayed are removed: x',
    ],
    [
      { event: 'fail-static', step: 'over', peer, family: 'ipv6', routes: 0, reason: '' },
      'info',
      'fail static: ipv6 routes are all told by live peers again, or gone',
    ],
    [
      { event: 'not-advertised', prefix: prefix('10.65.0.0/26'), reason: 'too long' },
      'warn',
      '10.65.0.0/26 is not advertised: too long',
    ],
    [
      { event: 'connection-refused', address: address('10.0.0.9'), reason: 'no such peer' },
      'info',
      'connection from 10.0.0.9 refused: no such peer',
    ],
  ];
  it.each(cases)('%j is a line at %s: %s', (event, level, message) => {
    expect(describeEvent(event)).toEqual({ level, message });
    const { log, lines } = memory('trace');
    log.event(event);
    expect(lines()).toEqual([expect.objectContaining({ ...event, level, message })]);
  });
});
