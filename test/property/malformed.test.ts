// The corpus of test/support/malformed.ts: what the decoder makes of each message, and what a speaker in Established does
// with it: the route stays, goes, or the session ends with the right NOTIFICATION; after anything but that, it goes on.

import { type Capability, decodeMessage, type PeerConfig, type WireContext } from 'bgp-utils';
import { Bench, passivePeer } from '../support/bench.ts';
import {
  type Case,
  malformedCases,
  type Outcome,
  PREFIX,
  type Setting,
  soundBody,
} from '../support/malformed.ts';

const cases = malformedCases();
const MAX_SHOWN = 20;

const contextOf = (setting: Setting): WireContext => ({
  asOctets: setting.asOctets,
  maxMessageOctets: 4096,
  families: ['ipv4', 'ipv6'],
  addPathReceive: setting.addPath ? ['ipv4', 'ipv6'] : [],
  addPathSend: [],
  peerType: setting.peerType,
});

const failing = (wrong: readonly string[]): string[] =>
  wrong.length > MAX_SHOWN ? [...wrong.slice(0, MAX_SHOWN), `… ${wrong.length} in all`] : [...wrong];

it('the corpus is large, and no two of its messages are the same case', () => {
  expect(cases.length).toBeGreaterThan(5_000);
  expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
  for (const outcome of ['none', 'attribute-discard', 'treat-as-withdraw', 'session-reset'])
    expect(cases.filter(({ expected }) => expected === outcome).length).toBeGreaterThan(200);
});

it(`each of ${cases.length} messages is decoded with the outcome that the RFC names`, () => {
  const wrong: string[] = [];
  for (const each of cases) {
    const decoded = decodeMessage({ type: 2, body: each.body }, contextOf(each.setting));
    const { outcome, subcode } = seen(decoded);
    if (outcome !== each.expected) wrong.push(`${each.name}: ${outcome}, not ${each.expected}`);
    else if (subcode !== each.subcode) wrong.push(`${each.name}: 3/${subcode}, not 3/${each.subcode}`);
  }
  expect(failing(wrong)).toEqual([]);
});

function seen(decoded: ReturnType<typeof decodeMessage>): { outcome: Outcome; subcode: number | undefined } {
  if (!decoded.ok) return { outcome: 'session-reset', subcode: decoded.error.subcode };
  if (decoded.message.type !== 'Update') throw new Error(decoded.message.type);
  const { treatAsWithdraw, findings } = decoded.message;
  const outcome = treatAsWithdraw ? 'treat-as-withdraw' : findings.length > 0 ? 'attribute-discard' : 'none';
  return { outcome, subcode: undefined };
}

// ── sessions ────────────────────────────────────────────────────────────────────────────────────────────────────────

const PEER = '10.0.0.2';

const update = (body: Uint8Array): Uint8Array => {
  const length = 19 + body.length;
  return Uint8Array.from([...Array(16).fill(255), length >> 8, length & 255, 2, ...body]);
};

function capabilitiesOf({ asOctets, addPath }: Setting, asNumber: number): Capability[] {
  const both = [1, 2];
  return [
    ...both.map((afi) => ({ name: 'Multiprotocol' as const, afi, safi: 1 })),
    ...(asOctets === 4 ? [{ name: 'FourOctetAs' as const, asNumber }] : []),
    ...(addPath
      ? [
          {
            name: 'AddPath' as const,
            families: both.map((afi) => ({ afi, safi: 1, send: true, receive: false })),
          },
        ]
      : []),
  ];
}

/** A session as agreed in the setting, which lives on until a case ends it. */
class Line {
  private bench: Bench | undefined;
  private connection: ReturnType<Bench['establish']> | undefined;

  constructor(private readonly setting: Setting) {}

  /** @returns what is wrong, or undefined. */
  play(each: Case): string | undefined {
    const bench = this.open();
    const connection = this.connection!;
    const { family } = this.setting;
    const routes = () => [...bench.speaker.routes(family)].filter(({ prefix }) => prefix === PREFIX[family]);
    bench.received(connection, update(soundBody(this.setting)));
    if (routes().length !== 1)
      return `${bench.state(PEER)}, and a sound message brought ${routes().length} routes`;
    bench.received(connection, update(each.body));
    const notifications = bench.notifications(connection);
    if (each.expected === 'session-reset') {
      this.bench = undefined;
      if (notifications.join() !== `3/${each.subcode}`)
        return `notifications ${notifications}, not 3/${each.subcode}`;
      return bench.state(PEER) === 'Established' || bench.closed(connection) === undefined
        ? 'the session goes on'
        : undefined;
    }
    if (notifications.length > 0 || bench.state(PEER) !== 'Established') {
      this.bench = undefined;
      return `the session ended: ${notifications}`;
    }
    const expected = each.expected === 'treat-as-withdraw' ? 0 : 1;
    const found = routes();
    bench.clear();
    if (found.length !== expected) return `${found.length} routes, not ${expected}`;
    const { prefixes } = bench.speaker.sizes();
    return prefixes.ipv4 + prefixes.ipv6 > 4 ? 'prefixes are left behind' : undefined;
  }

  private open(): Bench {
    if (this.bench !== undefined) return this.bench;
    const external = this.setting.peerType === 'external';
    const asNumber = external ? 64513 : 64512;
    const changes: Partial<PeerConfig> = {
      families: ['ipv4', 'ipv6'],
      remoteAs: asNumber,
      gracefulRestartSeconds: 0,
      addPaths: this.setting.addPath ? 'receive' : 'off',
    };
    this.bench = new Bench({}, passivePeer(PEER, changes));
    this.connection = this.bench.establish(PEER, {
      asNumber,
      myAs: asNumber,
      capabilities: capabilitiesOf(this.setting, asNumber),
    });
    return this.bench;
  }
}

it(`a session does with each of ${cases.length} messages what the RFC says, and goes on afterwards`, () => {
  const lines = new Map<string, Line>();
  const wrong: string[] = [];
  for (const each of cases) {
    const key = JSON.stringify(each.setting);
    const line = lines.get(key) ?? new Line(each.setting);
    lines.set(key, line);
    const problem = line.play(each);
    if (problem !== undefined) wrong.push(`${each.name}: ${problem}`);
  }
  expect(failing(wrong)).toEqual([]);
});
