// A suite of checks against one daemon: each check names the peers that it needs, and gets them with addresses, AS numbers and
// prefixes that no other check has. Checks that wait for timers run beside the others.

import { connect as connectTcp, createServer, type Server, type Socket } from 'node:net';
import { Connection, DEADLINE_MS, untilConnected } from './connection.ts';
import { freePort, ProbedDaemon, type Resource, resource } from './daemon.ts';
import { can, capabilities, keepalive, OPEN, type OpenFields, open } from './octets.ts';
import { type ReadOpen, readOpen } from './reading.ts';

export const OUR_AS = 64512;
export const OUR_ADDRESS = '127.0.0.1';

/** How the daemon is configured for a peer. */
export interface PeerSpec {
  /** `internal` has our AS number; by default external, with a number of its own. */
  readonly internal?: boolean;
  readonly asNumber?: number;
  /** The daemon opens the connection. */
  readonly active?: boolean;
  /** More of BGPPeer's spec. */
  readonly spec?: object;
  readonly annotations?: Readonly<Record<string, string>>;
  /** No BGPPeer: an address that the daemon does not know. */
  readonly unknown?: boolean;
}

export const external: PeerSpec = {};
export const internal: PeerSpec = { internal: true };
export const active: PeerSpec = { active: true };

/** What a peer says in its OPEN. */
export interface Hello extends Partial<OpenFields> {
  /** In place of IPv4 unicast, route refresh and the AS number. */
  readonly can?: readonly Buffer[];
  /** Besides them. */
  readonly also?: readonly Buffer[];
}

/** One peer of the daemon: its address, and the connections from and to it. */
export class ProbedPeer {
  readonly connections: Connection[] = [];
  private readonly arrived: Socket[] = [];
  private readonly waiting: ((socket: Socket) => void)[] = [];

  constructor(
    readonly address: string,
    readonly asNumber: number,
    /** BGP Identifier. */
    readonly id: string,
    private readonly port: () => number,
    private readonly probePort: () => number,
  ) {}

  /** What commands call it. */
  name = (): string => `${this.address}:${this.probePort()}`;

  /** We open. */
  async connect(): Promise<Connection> {
    const socket = connectTcp({ host: OUR_ADDRESS, port: this.port(), localAddress: this.address });
    const connection = new Connection(socket);
    this.connections.push(connection);
    await untilConnected(socket);
    return connection;
  }

  /** The daemon opens. */
  async accept(): Promise<Connection> {
    const socket = this.arrived.shift() ?? (await this.nextArrival());
    const connection = new Connection(socket);
    this.connections.push(connection);
    return connection;
  }

  arrive(socket: Socket): void {
    const waiting = this.waiting.shift();
    if (waiting === undefined) this.arrived.push(socket);
    else waiting(socket);
  }

  hello({ can: only, also = [], ...fields }: Hello = {}): Buffer {
    const all = [...(only ?? [can.family(), can.routeRefresh(), can.as4(this.asNumber)]), ...also];
    return open({
      myAs: this.asNumber > 0xffff ? 23456 : this.asNumber,
      id: this.id,
      parameters: all.length === 0 ? Buffer.alloc(0) : capabilities(...all),
      ...fields,
    });
  }

  /** Connects and says OPEN; the daemon's OPEN has come. */
  async opened(hello: Hello = {}): Promise<{ connection: Connection; theirs: ReadOpen }> {
    const connection = await this.connect();
    connection.send(this.hello(hello));
    return { connection, theirs: readOpen(await connection.of(OPEN)) };
  }

  /** A whole session: both OPENs and both KEEPALIVEs. */
  async established(hello: Hello = {}, over?: Connection): Promise<Connection> {
    const connection = over ?? (await this.connect());
    connection.send(this.hello(hello));
    await connection.of(OPEN);
    connection.send(keepalive);
    await connection.of(4);
    return connection;
  }

  closeAll(): void {
    for (const connection of this.connections) connection.close();
    for (const socket of this.arrived) socket.destroy();
  }

  private nextArrival(): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`the daemon did not connect to ${this.address} within ${DEADLINE_MS} ms`)),
        DEADLINE_MS,
      );
      this.waiting.push((socket) => {
        clearTimeout(timer);
        resolve(socket);
      });
    });
  }
}

/** What a check plays with. */
export interface Stage {
  readonly daemon: ProbedDaemon;
  /** A prefix of length 24 inside the pool that no other check has: 0 to 255. */
  readonly net: (index?: number) => string;
}

type Play<K extends string> = (peers: Readonly<Record<K, ProbedPeer>>, stage: Stage) => Promise<void>;

export interface Checks {
  /** One check: its name states the rule and its section. */
  <K extends string>(name: string, peers: Readonly<Record<K, PeerSpec>>, play: Play<K>): void;
  /** One that waits for timers. */
  readonly slow: <K extends string>(
    name: string,
    peers: Readonly<Record<K, PeerSpec>>,
    play: Play<K>,
  ) => void;
}

export interface SuiteOptions {
  /** More of the Node's `spec.bgp`. */
  readonly node?: object;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly resources?: readonly Resource[];
}

const SLOW_MS = 90_000;
let suites = 0;

/** Declares the checks of a file, run by jest against a daemon of their own. */
export function conformance(title: string, options: SuiteOptions, declare: (check: Checks) => void): void {
  describe(title, () => {
    const suite = new Suite(options, ++suites);
    beforeAll(() => suite.start(), 60_000);
    afterAll(() => suite.stop());
    const check = (<K extends string>(name: string, specs: Readonly<Record<K, PeerSpec>>, play: Play<K>) => {
      const run = suite.add(specs, play);
      it(name, run, SLOW_MS);
    }) as Checks & { slow: Checks['slow'] };
    check.slow = (name, specs, play) => {
      it(name, suite.beside(suite.add(specs, play)), SLOW_MS);
    };
    declare(check);
  });
}

class Suite {
  private readonly peers: ProbedPeer[] = [];
  private readonly resources: Resource[];
  private readonly besides: (() => void)[] = [];
  private daemon: ProbedDaemon | undefined;
  private listener: Server | undefined;
  private listenPort = 0;
  private probePort = 0;
  private checks = 0;
  /** BGPPeers that are made when the port of the probe is known. */
  private readonly wanted: { name: string; peer: ProbedPeer; spec: PeerSpec }[] = [];

  constructor(
    private readonly options: SuiteOptions,
    private readonly number: number,
  ) {
    this.resources = [...(options.resources ?? [])];
  }

  add<K extends string>(specs: Readonly<Record<K, PeerSpec>>, play: Play<K>): () => Promise<void> {
    const check = ++this.checks;
    const peers = Object.fromEntries(
      (Object.keys(specs) as K[]).map((key) => [key, this.newPeer(specs[key])]),
    ) as Record<K, ProbedPeer>;
    return async () => {
      if (this.daemon === undefined) throw new Error('the daemon did not start');
      const net = (index = 0) => `10.${check}.${index}.0/24`;
      try {
        await play(peers, { daemon: this.daemon, net });
      } finally {
        for (const peer of Object.values<ProbedPeer>(peers)) peer.closeAll();
      }
    };
  }

  /** Starts with the suite; the test takes its result. */
  beside(run: () => Promise<void>): () => Promise<void> {
    let result: Promise<void> | undefined;
    this.besides.push(() => {
      result = run();
      result.catch(() => {}); // told by the test
    });
    return () => result ?? Promise.reject(new Error('the daemon did not start'));
  }

  async start(): Promise<void> {
    this.listener = createServer((socket) => {
      const peer = this.peers.find(({ address }) => address === socket.localAddress);
      if (peer === undefined) socket.destroy();
      else peer.arrive(socket);
    }).listen(0, '0.0.0.0');
    await new Promise((resolve) => this.listener!.once('listening', resolve));
    this.probePort = (this.listener.address() as { port: number }).port;
    this.listenPort = await freePort();
    const { node, annotations } = this.options;
    const fast = { 'mesos-bgp/connect-retry': '100ms' };
    this.daemon = new ProbedDaemon([
      resource('Node', 'ours', { bgp: { ipv4Address: `${OUR_ADDRESS}/8`, ...node } }),
      resource(
        'BGPConfiguration',
        'default',
        {
          asNumber: OUR_AS,
          nodeToNodeMeshEnabled: false,
          listenPort: this.listenPort,
          bindMode: 'NodeIP',
        },
        { ...fast, ...annotations },
      ),
      resource('IPPool', 'all', { cidr: '10.0.0.0/8' }),
      resource('BlockAffinity', 'own', { cidr: '10.255.0.0/26', node: 'ours' }),
      ...this.resources,
      ...this.wanted.map(({ name, peer, spec }) =>
        resource(
          'BGPPeer',
          name,
          {
            peerIP: `${peer.address}:${this.probePort}`,
            asNumber: peer.asNumber,
            node: 'ours',
            ...spec.spec,
          },
          { 'mesos-bgp/passive': String(spec.active !== true), ...spec.annotations },
        ),
      ),
    ]);
    await this.daemon.start();
    for (const begin of this.besides) begin();
  }

  async stop(): Promise<void> {
    for (const peer of this.peers) peer.closeAll();
    this.listener?.close();
    await this.daemon?.stop();
  }

  private newPeer(spec: PeerSpec): ProbedPeer {
    const number = this.peers.length + 1;
    const address = `127.${this.number}.${number >> 8}.${number & 0xff}`;
    const asNumber = spec.asNumber ?? (spec.internal === true ? OUR_AS : 65000 + number);
    const id = `1.1.${number >> 8}.${number & 0xff}`;
    const peer = new ProbedPeer(
      address,
      asNumber,
      id,
      () => this.listenPort,
      () => this.probePort,
    );
    this.peers.push(peer);
    if (spec.unknown !== true) this.wanted.push({ name: `peer-${number}`, peer, spec });
    return peer;
  }
}
