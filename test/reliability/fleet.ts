// A cluster of real parts for faults to happen to: three members of etcd, a daemon and a kernel of its own for each host, two of
// them reflectors for all, a container behind each, and every container sending to the next one's in both families, 1,000
// packets a second.

import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { EtcdGateway } from '../../src/lab/calico/etcd.ts';
import type { Lab } from '../../src/lab/lab.ts';
import { enter } from '../../src/lab/namespaces.ts';
import { openRelay, type Relay } from '../../src/lab/relay.ts';
import { deployLab } from '../support/deploy.ts';
import { TestEtcdCluster } from '../support/etcd-cluster.ts';
import { Host, polled } from './host.ts';
import { FAMILIES, type Family } from './judge.ts';
import type { FlowSpec, Window } from './prober.ts';
import { entriesOf, type Place, placeOf, REFLECTORS, STORE, topologyFileOf } from './topology.ts';
import { Traffic } from './traffic.ts';

export const PROGRAM = resolve('dist/mesos-bgp.js');

export interface FleetOptions {
  /** At least four: the reflectors, and two more. */
  readonly hosts: number;
}

export interface Flow {
  readonly from: Host;
  readonly to: Host;
  readonly family: Family;
}

export class Fleet {
  readonly flows: readonly Flow[];
  /** Blocks beyond each host's first, by host: faults that change the datastore note them here. */
  readonly moreBlocks = new Map<Host, string[]>();

  private constructor(
    private readonly lab: Lab,
    private readonly file: string,
    readonly hosts: readonly Host[],
    readonly etcd: TestEtcdCluster,
    private readonly relays: readonly Relay[],
    private readonly traffic: Traffic,
    flows: readonly Flow[],
  ) {
    this.flows = flows;
  }

  /** @returns when all sessions are up, all routes are in place, and every packet arrives. */
  static async start(options: FleetOptions): Promise<Fleet> {
    const places = Array.from({ length: options.hosts }, (_, index) => placeOf(index + 1));
    const file = topologyFileOf(places);
    const undo: (() => unknown)[] = [() => rmSync(dirname(file), { recursive: true, force: true })];
    try {
      const lab = await deployLab(file);
      undo.push(() => lab.destroy());
      const store = lab.node(STORE.name);
      const etcd = await TestEtcdCluster.start(3, { address: STORE.address, prefix: enter(store.state, []) });
      undo.push(() => etcd.cleanup());
      const relays = await Promise.all(
        etcd.endpoints.map((endpoint) => openRelay(store, Number(new URL(endpoint).port), STORE.address)),
      );
      const hosts = places.map((place) => new Host(lab, place, etcd.endpoints, PROGRAM));
      const flows = flowsOf(hosts);
      const traffic = await Traffic.start(flows.map((flow) => specOf(lab, flow)));
      undo.push(() => traffic.stop());
      const fleet = new Fleet(lab, file, hosts, etcd, relays, traffic, flows);
      for (const [key, value] of entriesOf(places)) await fleet.put(key, value);
      await fleet.backup();
      for (const host of hosts) host.start();
      await fleet.whole(60_000 + 5_000 * hosts.length);
      await fleet.flowing();
      return fleet;
    } catch (error) {
      for (const each of undo.reverse()) await each();
      throw error;
    }
  }

  get reflectors(): readonly Host[] {
    return this.hosts.slice(0, REFLECTORS);
  }
  get agents(): readonly Host[] {
    return this.hosts.slice(REFLECTORS);
  }
  get places(): readonly Place[] {
    return this.hosts.map(({ place }) => place);
  }

  /** By whichever member takes it. */
  put = (key: string, value: string): Promise<void> => this.write(key, (gateway) => gateway.put(key, value));
  remove = (key: string): Promise<void> => this.write(key, (gateway) => gateway.delete(key));

  /** Keeps a copy of all of etcd, which stands still meanwhile. */
  async backup(): Promise<void> {
    const { members } = this.etcd;
    await Promise.all(members.map((member) => member.stop()));
    await Promise.all(members.map((member) => member.backup()));
    await Promise.all(members.map((member) => member.restart()));
  }

  /** After a fault that did not come to its end: starts what does not run, so that the next one finds a fleet. */
  async heal(): Promise<void> {
    await Promise.all(
      this.etcd.members.map((member) => (member.pid === undefined ? member.restart() : undefined)),
    );
    for (const host of this.hosts) {
      await host.cable.up();
      if (host.running) host.signal('SIGCONT');
      else host.start();
    }
    for (const [key, value] of entriesOf(this.places)) await this.put(key, value);
    await this.whole(60_000);
  }

  /** A password in every host's folder of secrets. */
  password(name: string, key: string, value: string): void {
    for (const host of this.hosts) {
      const file = host.secret(name, key);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, value);
    }
  }

  /** Waits until every daemon says that all is well and every kernel has every block. @param besides  hosts that are not looked at. */
  async whole(deadlineMs = 40_000, besides: readonly Host[] = []): Promise<void> {
    const looked = this.hosts.filter((host) => !besides.includes(host));
    await Promise.all(
      looked.map((host) => polled(() => this.lacks(host), `${host.name} is as it should be`, deadlineMs)),
    ).catch((error: Error) => {
      throw new Error(
        `${error.message}\n${looked.map((host) => `${host.name}: ${host.logTail(3)}`).join('\n')}`,
      );
    });
  }

  /** Waits until no packet is lost any more. */
  async flowing(): Promise<void> {
    const all = async () => {
      await this.traffic.begin();
      await new Promise((done) => setTimeout(done, 100));
      const { flows } = await this.traffic.end();
      const bad = this.flows.filter((_, index) => flows[index]!.lost > 0 || flows[index]!.sent === 0);
      return bad.length === 0 || `nothing arrives, or not all: ${bad.map(nameOfFlow).join(', ')}`;
    };
    await polled(all, 'packets arrive everywhere', 20_000);
  }

  /** What became of the packets that were sent while `act` ran. */
  async during<T>(act: () => Promise<T>): Promise<{ readonly result: T; readonly window: Window }> {
    await this.traffic.begin();
    const result = await act();
    return { result, window: await this.traffic.end() };
  }

  /** Copies what the daemons have logged. */
  keepLogs(folder: string): void {
    mkdirSync(folder, { recursive: true });
    for (const { name, node } of this.hosts)
      copyFileSync(node.file('log', 'mesos-bgp.log'), join(folder, `${name}.log`));
  }

  async stop(): Promise<void> {
    this.traffic.stop();
    for (const relay of this.relays) await relay.stop();
    await this.etcd.cleanup();
    const left = await this.lab.destroy();
    rmSync(dirname(this.file), { recursive: true, force: true });
    if (left.length > 0) throw new Error(`the lab could not be destroyed:\n${left.join('\n')}`);
  }

  /** @returns true, or the first thing that a host lacks. */
  private async lacks(host: Host): Promise<true | string> {
    const status = await host.status();
    if (status === undefined) return 'its daemon does not answer';
    if (status.health !== 'ok') return status.reasons.join('; ');
    const { configured, established } = status.peers;
    const least = 2 * (host.place.reflector ? this.hosts.length - 1 : REFLECTORS);
    if (configured < least || established < configured)
      return `${established} of ${configured} sessions are up`;
    for (const [index, family] of ([4, 6] as const).entries()) {
      const routes = await host.routes(family);
      for (const other of this.hosts) {
        const more = (this.moreBlocks.get(other) ?? []).filter(
          (block) => block.includes(':') === (family === 6),
        );
        for (const block of [other.place.blocks[index]!, ...more]) {
          const found = routes.get(block);
          if (found === undefined) return `its kernel has no route to ${block}`;
          if (found.linkdown) return `its route to ${block} has no link`;
        }
      }
    }
    return true;
  }

  private async write(
    key: string,
    how: (gateway: EtcdGateway) => Promise<{ readonly ok: boolean; readonly error: string }>,
  ): Promise<void> {
    const gateways = this.relays.map(({ socketPath }) => new EtcdGateway(socketPath));
    const written = async () => {
      let error = '';
      for (const gateway of gateways) {
        const answer = await how(gateway);
        if (answer.ok) return true;
        error = answer.error;
      }
      return error;
    };
    await polled(written, `${key} is written`, 30_000);
  }
}

/** A ring: each container sends to the next one, so that every host has packets that come and packets that go. */
function flowsOf(hosts: readonly Host[]): Flow[] {
  return hosts.flatMap((from, index) => {
    const to = hosts[(index + 1) % hosts.length]!;
    return FAMILIES.map((family) => ({ from, to, family }));
  });
}

export const nameOfFlow = ({ from, to, family }: Flow): string => `${from.name} → ${to.name} ${family}`;

function specOf(lab: Lab, { from, to, family }: Flow): FlowSpec {
  const end = ({ place }: Host) => ({
    network: `/run/netns/${lab.node(place.container).longName}`,
    address: place.containerAddresses[FAMILIES.indexOf(family)]!,
  });
  return { from: end(from), to: end(to) };
}
