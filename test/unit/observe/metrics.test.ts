import type { PeerId, PeerView } from 'bgp-utils';
import { EventCounts } from '../../../src/observe/event-counts.ts';
import { METRICS, type MetricsFacts, metricsText, PEER_SERIES } from '../../../src/observe/metrics.ts';
import { peerConfig, peerView, statusFacts } from '../../support/control-source.ts';

const facts = ({
  peers = [peerView('10.0.0.2'), peerView('10.0.0.254', { state: 'Active' })],
  ...changes
}: Partial<Omit<MetricsFacts, 'peers'>> & { readonly peers?: readonly PeerView[] } = {}): MetricsFacts => ({
  status: statusFacts(),
  peers,
  views: (of) => peers.filter(({ config }) => of.has(config.peer)),
  typeOf: ({ config }) => (config.peer === '10.0.0.254' ? 'global' : 'mesh'),
  events: new EventCounts(),
  accepts: { strangers: 0, delayed: 0, overflows: 0 },
  pictureWrites: 3,
  process: {
    startedAtSeconds: 1000,
    cpuSeconds: 1.5,
    residentOctets: 50_000_000,
    heapUsedOctets: 5_000_000,
    externalOctets: 2_000_000,
    openFiles: 31,
    activeResources: ['Timeout', 'TCPSocketWrap', 'Timeout', 'CloseReq'],
    loopTurns: 77,
    loopActiveSeconds: 2,
    loopIdleSeconds: 98,
    longestTurnSeconds: 0.012,
  },
  ...changes,
});

interface Series {
  readonly name: string;
  readonly labels: string;
  readonly value: number;
}

/** As Prometheus reads it. @throws where it could not. */
function parse(text: string): { series: Series[]; types: Map<string, string> } {
  expect(text.endsWith('\n')).toBe(true);
  const series: Series[] = [];
  const types = new Map<string, string>();
  let family = '';
  for (const line of text.slice(0, -1).split('\n')) {
    const help = /^# HELP (\S+) \S.*$/.exec(line);
    const type = /^# TYPE (\S+) (gauge|counter)$/.exec(line);
    if (help !== null) {
      family = help[1]!;
      expect(types.has(family)).toBe(false);
    } else if (type !== null) {
      expect(type[1]).toBe(family);
      types.set(family, type[2]!);
    } else {
      const found = /^([a-z_]+)(\{(?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)*\})? (-?[0-9.e+-]+)$/.exec(line);
      if (found === null) throw new Error(`cannot be read: ${line}`);
      expect(found[1]).toBe(family);
      series.push({ name: found[1]!, labels: found[2] ?? '', value: Number(found[3]) });
    }
  }
  return { series, types };
}
const value = (made: MetricsFacts, name: string, labels = ''): number | undefined =>
  parse(metricsText(made)).series.find((one) => one.name === `mesosbgp_${name}` && one.labels === labels)
    ?.value;

describe('metrics', () => {
  it('can be read, each family once, each series once', () => {
    const { series, types } = parse(metricsText(facts()));
    expect(types.size).toBe(METRICS.length);
    expect(new Set(series.map(({ name, labels }) => name + labels)).size).toBe(series.length);
  });

  it('are named after the program, counters with _total, in base units', () => {
    for (const { name, type } of METRICS) {
      expect(name).toMatch(/^mesosbgp_[a-z_]+$/);
      expect(name.endsWith('_total')).toBe(type === 'counter');
      expect(name).not.toMatch(/milliseconds|_ms\b|kilobytes|octets/);
    }
  });

  it.each([
    ['ready', '', 1],
    ['sessions', '{type="mesh",state="Established"}', 1],
    ['sessions', '{type="global",state="Active"}', 1],
    ['sessions', '{type="global",state="Established"}', 0],
    ['peer_up', '{peer="10.0.0.2",type="mesh",asn="64512"}', 1],
    ['peer_prefixes', '{peer="10.0.0.2",family="ipv4",kind="accepted"}', 2],
    ['peer_messages_total', '{peer="10.0.0.2",direction="sent"}', 11],
    ['rib_prefixes', '{family="ipv6"}', 3],
    ['fib_in_step', '', 1],
    ['fib_routes', '{state="installed"}', 12],
    ['datastore_state', '{state="in-sync"}', 1],
    ['datastore_state', '{state="disconnected"}', 0],
    ['datastore_revision', '', 1204],
    ['datastore_lists_total', '', 1],
    ['datastore_kept_picture', '', 0],
    ['datastore_picture_writes_total', '', 3],
    ['isolation_held_back', '', 0],
    ['listener_up', '{address="10.0.0.1",port="179"}', 1],
    ['loop_seconds_total', '{state="active"}', 2],
    ['loop_longest_turn_seconds', '', 0.012],
    ['loop_turns_total', '', 77],
    ['process_open_fds', '', 31],
    ['process_external_memory_bytes', '', 2_000_000],
    ['process_active_resources', '{type="Timeout"}', 2],
    ['process_active_resources', '{type="TCPServerWrap"}', 0],
    ['process_active_resources', '{type="other"}', 1],
    ['peers_without_series', '', 0],
  ])('%s%s is %d', (name, labels, expected) => {
    expect(value(facts(), name, labels)).toBe(expected);
  });

  it('leave out what the system or Node.js does not tell', () => {
    const { process } = facts();
    const without = facts({ process: { ...process, openFiles: undefined, loopTurns: undefined } });
    expect(value(without, 'process_open_fds')).toBeUndefined();
    expect(value(without, 'loop_turns_total')).toBeUndefined();
  });

  it('have as many series for five thousand peers as for a hundred, and name those of configured peers', () => {
    const many = Array.from({ length: 5000 }, (_, i) => peerView(`10.1.${i >> 8}.${i & 255}`));
    const tor = peerView('10.9.9.9');
    const big = facts({
      peers: [...many, tor],
      typeOf: ({ config }) => (config.peer === '10.9.9.9' ? 'node' : 'mesh'),
    });
    const { series } = parse(metricsText(big));
    expect(series.length).toBeLessThan(20 * PEER_SERIES + 200);
    expect(value(big, 'peer_up', '{peer="10.9.9.9",type="node",asn="64512"}')).toBe(1);
    expect(value(big, 'peers_without_series')).toBe(5001 - PEER_SERIES);
    expect(value(big, 'sessions', '{type="mesh",state="Established"}')).toBe(5000);
  });

  it('of a peer from a range has that for its type, and odd names are escaped', () => {
    const config = { ...peerConfig('10.0.0.2'), peer: 'a"b\\c\nd' as PeerId };
    const odd = facts({ peers: [peerView('10.0.0.2', { config })], typeOf: () => undefined });
    const { series } = parse(metricsText(odd));
    expect(series.find(({ name }) => name === 'mesosbgp_peer_up')?.labels).toBe(
      '{peer="a\\"b\\\\c\\nd",type="range",asn="64512"}',
    );
  });

  it('count events of all peers, also of those that are gone', () => {
    const events = new EventCounts();
    const peer = '10.0.0.2' as PeerId;
    events.count({ event: 'session', peer, from: 'OpenConfirm', to: 'Established', reason: '' });
    events.count({ event: 'session', peer, from: 'Established', to: 'Idle', reason: 'x' });
    events.count({ event: 'notification-sent', peer, code: 6, subcode: 4, name: 'Cease', text: '' });
    events.count({ event: 'graceful-restart', peer, step: 'x', family: undefined, routes: 1 });
    const made = facts({ events });
    expect(value(made, 'sessions_established_total')).toBe(1);
    expect(value(made, 'sessions_lost_total')).toBe(1);
    expect(value(made, 'notifications_total', '{direction="sent"}')).toBe(1);
    expect(value(made, 'notifications_total', '{direction="received"}')).toBe(0);
  });
});
