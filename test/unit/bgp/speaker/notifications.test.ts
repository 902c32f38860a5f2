// Every error code and subcode of the registries (RFC 4271 §6, 4486, 5492, 6608, 7313, 8538, 9234, 9687): what a peer does to be
// told it, with the data that the RFC asks for; or why nobody is told it.

import {
  address,
  type Capability,
  CEASE,
  type ConnectionId,
  ERROR_CODE,
  encodeMessage,
  FSM_ERROR,
  HEADER_ERROR,
  INITIAL_CONTEXT,
  notification,
  OPEN_ERROR,
  type PeerConfig,
  ROUTE_REFRESH_ERROR,
  UPDATE_ERROR,
} from 'bgp-utils';
import { formatHex, parseHex } from 'bgp-utils/testing';
import { announcement, Bench, id, OWN, passivePeer } from '../../../support/bench.ts';
import { peerConfig } from '../../../support/peers.ts';

const PEER = '10.0.0.2';
const MARKER = Array<number>(16).fill(0xff);
const message = (type: number, ...body: readonly number[]): Uint8Array =>
  Uint8Array.from([...MARKER, 0, 19 + body.length, type, ...body]);
const OPEN = (...more: readonly number[]): Uint8Array =>
  message(1, 4, 0xfc, 0, 0, 90, 10, 0, 0, 2, ...(more.length === 0 ? [0] : more));
const update = (attributes: readonly number[], ...nlri: readonly number[]): Uint8Array =>
  message(2, 0, 0, 0, attributes.length, ...attributes, ...nlri);

const AS4: Capability = { name: 'FourOctetAs', asNumber: 64512 };
const N_BIT: Capability = {
  name: 'GracefulRestart',
  restarting: false,
  notification: true,
  restartTimeSeconds: 60,
  families: [{ afi: 1, safi: 1, forwardingPreserved: true }],
};

type Play = (bench: Bench) => ConnectionId;

const bench = (changes: Partial<PeerConfig> = {}): Bench => {
  const made = new Bench({}, passivePeer(PEER, changes));
  made.pass(0);
  return made;
};

/** Octets on a new connection. */
const first =
  (...octets: readonly Uint8Array[]): Play =>
  (made) => {
    const connection = made.accept(PEER);
    made.received(connection, ...octets);
    return connection;
  };

/** Octets in OpenConfirm. */
const confirming =
  (...octets: readonly Uint8Array[]): Play =>
  (made) => {
    const connection = made.accept(PEER);
    made.open(connection, PEER);
    made.received(connection, ...octets);
    return connection;
  };

/** In Established: octets, or whatever else happens. */
const established =
  (
    what: Uint8Array | ((made: Bench, connection: ConnectionId) => void),
    ...capabilities: Capability[]
  ): Play =>
  (made) => {
    const connection = made.establish(PEER, {
      ...(capabilities.length > 0 && {
        capabilities: [{ name: 'Multiprotocol', afi: 1, safi: 1 }, AS4, ...capabilities],
      }),
    });
    if (typeof what === 'function') what(made, connection);
    else made.received(connection, what);
    return connection;
  };

interface Row {
  readonly what: string;
  readonly play: Play;
  readonly config?: Partial<PeerConfig>;
  /** Hex; "" where the RFC asks for none. */
  readonly data?: string;
}

const never = (reason: string) => ({ never: reason });
const KEEPALIVE = message(4);
const ROUTE = announcement(['10.1.0.0/24', '10.1.1.0/24'], {
  origin: 0,
  asPath: [],
  localPref: 100,
  nextHop: { address: address(PEER) },
});
/** No routes beside these attributes, so that nothing can be treated as withdrawn (RFC 7606 §5.2). */
const alone = (...attribute: readonly number[]): Play => established(update(attribute));

const ROWS: Readonly<Record<string, Row | { readonly never: string }>> = {
  '1/1': { what: 'a marker that is not all ones', play: first(new Uint8Array(19)), data: '' },
  '1/2': {
    what: 'a KEEPALIVE of 20 octets',
    play: established(Uint8Array.from([...MARKER, 0, 20, 4, 0])),
    data: '0014',
  },
  '1/3': { what: 'a message of type 9', play: established(message(9)), data: '09' },
  '2/0': { what: 'a parameter that ends outside', play: first(OPEN(3, 2, 9, 0)), data: '' },
  '2/1': { what: 'version 3', play: first(message(1, 3, 0xfc, 0, 0, 90, 10, 0, 0, 2, 0)), data: '0004' },
  '2/2': {
    what: 'another AS number',
    play: first(message(1, 4, 0xfc, 1, 0, 90, 10, 0, 0, 2, 0)),
    data: '',
  },
  '2/3': { what: 'identifier 0.0.0.0', play: first(message(1, 4, 0xfc, 0, 0, 90, 0, 0, 0, 0, 0)), data: '' },
  '2/4': { what: 'a parameter of type 1', play: first(OPEN(3, 1, 1, 0)), data: '' },
  '2/6': { what: 'a hold time of 2 s', play: first(message(1, 4, 0xfc, 0, 0, 2, 10, 0, 0, 2, 0)), data: '' },
  '2/7': {
    what: 'IPv6 alone, where we speak IPv4',
    play: first(OPEN(8, 2, 6, 1, 4, 0, 2, 0, 1)),
    data: '010400010001',
  },
  '2/11': {
    what: 'customers on both sides',
    config: { remoteAs: 64513, role: { role: 'customer', strict: false } },
    play: first(message(1, 4, 0xfc, 1, 0, 90, 10, 0, 0, 2, 5, 2, 3, 9, 1, 3)),
    data: '',
  },
  '3/1': {
    what: 'withdrawn routes beyond the end',
    play: established(message(2, 0, 9, 0, 0)),
    data: '',
  },
  '3/2': { what: 'well-known attribute 77', play: alone(0x40, 77, 0), data: '404d00' },
  '3/3': never('routes without a mandatory attribute are treated as withdrawn (RFC 7606 §3d)'),
  '3/4': { what: 'ORIGIN as optional', play: alone(0x80, 1, 1, 0), data: '80010100' },
  '3/5': { what: 'ORIGIN of two octets', play: alone(0x40, 1, 2, 0, 0), data: '4001020000' },
  '3/6': { what: 'ORIGIN 3', play: alone(0x40, 1, 1, 3), data: '40010103' },
  '3/8': { what: 'NEXT_HOP 0.0.0.0', play: alone(0x40, 3, 4, 0, 0, 0, 0), data: '40030400000000' },
  '3/9': {
    what: 'MP_UNREACH_NLRI of two octets',
    play: alone(0x80, 15, 2, 0, 1),
    data: '800f020001',
  },
  '3/10': { what: 'a prefix of 33 bits', play: established(update([], 33, 10, 0, 0, 0, 0)), data: '' },
  '3/11': { what: 'a segment of type 9', play: alone(0x40, 2, 6, 9, 1, 0, 0, 0xfc, 0) },
  '4/0': { what: 'silence', play: established((made) => made.pass(90_000)), data: '' },
  '5/0': never('each state has a subcode of its own (RFC 6608)'),
  '5/1': { what: 'a KEEPALIVE before the OPEN', play: first(KEEPALIVE), data: '' },
  '5/2': { what: 'a second OPEN', play: confirming(OPEN()), data: '' },
  '5/3': { what: 'an OPEN in Established', play: established(OPEN()), data: '' },
  '6/1': {
    what: 'two prefixes where one may be',
    config: { maxPrefixes: { limit: 1, warningOnly: false, restartSeconds: undefined } },
    play: established(ROUTE),
    data: '00010100000001',
  },
  '6/2': {
    what: 'the end of the speaker',
    play: established((made) => made.tell({ type: 'Stop', how: 'leave' })),
  },
  '6/3': {
    what: 'the peer is removed',
    play: established((made) => made.tell({ type: 'RemovePeer', peer: id(PEER) })),
    data: '',
  },
  '6/4': {
    what: 'an operator’s reset',
    play: established((made) => made.tell({ type: 'Clear', peer: id(PEER), how: 'reset', text: 'new' })),
    data: '036e6577',
  },
  '6/5': {
    what: 'a connection from an address that is no peer',
    play: (made) => made.accept('10.0.0.99'),
    data: '',
  },
  '6/6': {
    what: 'another source address',
    play: established((made) =>
      made.tell({ type: 'ChangePeer', config: passivePeer(PEER, { localAddress: address('10.0.0.77') }) }),
    ),
    data: '',
  },
  '6/7': {
    what: 'a second connection beside one that is up',
    play: (made) => {
      made.establish(PEER, { capabilities: [AS4] });
      const second = made.accept(PEER);
      made.open(second, PEER);
      return second;
    },
    data: '',
  },
  '6/8': never('only a bug in a decoder leads to it'),
  '6/9': {
    what: 'a reset where both have the N bit',
    play: established(
      (made) => made.tell({ type: 'Clear', peer: id(PEER), how: 'reset', text: 'new' }),
      N_BIT,
    ),
    data: '0604036e6577',
  },
  '6/10': never('there is no BFD'),
  '7/1': {
    what: 'a ROUTE-REFRESH of three octets',
    play: established(message(5, 0, 1, 0)),
    data: formatHex(message(5, 0, 1, 0)),
  },
  '8/0': {
    what: 'a peer that takes nothing',
    play: established((made, connection) => {
      made.tell({ type: 'Sending', connection, waiting: true });
      while (made.notifications(connection).length === 0 && made.now < 1_000_000) {
        made.pass(10_000);
        if (made.state(PEER) === 'Established') made.keepAlive(connection);
      }
    }),
    data: '',
  },
};

const REGISTRIES: Readonly<Record<number, Readonly<Record<string, number>>>> = {
  [ERROR_CODE.MESSAGE_HEADER_ERROR]: HEADER_ERROR,
  [ERROR_CODE.OPEN_MESSAGE_ERROR]: OPEN_ERROR,
  [ERROR_CODE.UPDATE_MESSAGE_ERROR]: UPDATE_ERROR,
  [ERROR_CODE.HOLD_TIMER_EXPIRED]: { NONE: 0 },
  [ERROR_CODE.FINITE_STATE_MACHINE_ERROR]: FSM_ERROR,
  [ERROR_CODE.CEASE]: CEASE,
  [ERROR_CODE.ROUTE_REFRESH_MESSAGE_ERROR]: ROUTE_REFRESH_ERROR,
  [ERROR_CODE.SEND_HOLD_TIMER_EXPIRED]: { NONE: 0 },
};

it('has a row for every code and subcode that is registered', () => {
  const registered = Object.entries(REGISTRIES).flatMap(([code, subcodes]) =>
    Object.values(subcodes).map((subcode) => `${code}/${subcode}`),
  );
  expect(Object.keys(REGISTRIES).map(Number)).toEqual(Object.values(ERROR_CODE));
  expect(Object.keys(ROWS).sort()).toEqual(registered.sort());
});

const sent = Object.entries(ROWS).filter((row): row is [string, Row] => 'play' in row[1]);
it.each(sent.map(([code, row]) => [code, row.what, row] as const))('%s: %s', (code, _what, row) => {
  const made = bench(row.config);
  const connection = row.play(made);
  const last = (made.sent.get(connection) ?? []).at(-1);
  if (last?.type !== 'Notification') throw new Error(`the last message is ${JSON.stringify(last)}`);
  expect(`${last.code}/${last.subcode}`).toBe(code);
  if (row.data !== undefined) expect(formatHex(last.data)).toBe(formatHex(parseHex(row.data)));
  expect(made.closed(connection)).toBeDefined();
});

describe('Unsupported Optional Parameter, received (RFC 5492 §3)', () => {
  const refused = encodeMessage(notification(2, 4), INITIAL_CONTEXT);
  const capabilities = (made: Bench, connection: ConnectionId): number => {
    const open = made.sent.get(connection)!.find(({ type }) => type === 'Open');
    return open?.type === 'Open' ? open.capabilities.length : -1;
  };
  /** The peer refuses the OPEN; what is tried after the wait. */
  const again = (made: Bench): ConnectionId => {
    made.pass(60_000);
    return made.connected(PEER);
  };
  const start = () => {
    const made = new Bench({}, peerConfig(OWN, address(PEER), { addPaths: 'both' }));
    made.pass(0);
    const connection = made.connected(PEER);
    expect(capabilities(made, connection)).toBeGreaterThan(3);
    made.received(connection, refused);
    return made;
  };

  it('the next OPEN has no capabilities, and the session is one of 1995', () => {
    const made = start();
    const plain = again(made);
    expect(capabilities(made, plain)).toBe(0);
    // even if it has some: it does not expect ours
    made.open(plain, PEER);
    made.keepAlive(plain);
    expect(made.view(PEER)).toMatchObject({ state: 'Established', families: ['ipv4'], capabilitiesSent: [] });
    const path = update(
      [0x40, 1, 1, 0, 0x40, 2, 4, 2, 1, 0xfd, 0xe8, 0x40, 3, 4, 10, 0, 0, 2, 0x40, 5, 4, 0, 0, 0, 100],
      24,
      10,
      1,
      0,
    );
    made.received(plain, path);
    expect(made.view(PEER).routes.ipv4.accepted).toBe(1);
  });

  it('the one after that has them again', () => {
    const made = start();
    made.received(again(made), refused);
    expect(capabilities(made, again(made))).toBeGreaterThan(3);
  });
});
