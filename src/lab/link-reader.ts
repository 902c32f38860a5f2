// A link of a topology file: two endpoints, in the short form or with fields.

import { type FieldReader, isRecord } from './field-reader.ts';
import type { Path } from './source.ts';
import type { Endpoint, LinkSpec, NodeSpec } from './spec.ts';

const INTERFACE_NAME = /^[^\s/:]{1,15}$/; // IFNAMSIZ less its NUL
const MAC = /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i;
const DEFAULT_MTU = 9500;
const LINK_KEYS = [
  'endpoints',
  'mtu',
  'ipv4',
  'ipv6',
  'vars',
  'labels',
  'type',
  'endpoint',
  'host-interface',
  'mode',
];

export class LinkReader {
  constructor(
    private readonly reader: FieldReader,
    private readonly nodes: readonly NodeSpec[],
  ) {}

  /** @returns undefined for one that cannot be made. */
  read(value: unknown, path: Path): LinkSpec | undefined {
    const fields = this.reader.record(value, path);
    this.reader.known(fields, LINK_KEYS, path);
    const mtu = this.reader.number(fields.mtu, [...path, 'mtu']) ?? DEFAULT_MTU;
    const type = fields.type ?? 'veth';
    const nowhere: Endpoint = { node: { special: 'nowhere' }, interface: '', mac: undefined };
    if (type === 'veth') {
      const ends = this.reader.list(fields.endpoints, [...path, 'endpoints']);
      if (ends.length !== 2) {
        this.reader.problem([...path, 'endpoints'], `a link has two endpoints, this one has ${ends.length}`);
        return undefined;
      }
      const read = ends.map((end, index) => this.endpoint(end, [...path, 'endpoints', index]));
      return read[0] && read[1] ? { endpoints: [read[0], read[1]], mtu } : undefined;
    }
    if (type !== 'host' && type !== 'mgmt-net' && type !== 'dummy') {
      this.reader.problem(
        [...path, 'type'],
        `"${String(type)}" is not done here: veth, host, mgmt-net and dummy are`,
      );
      return undefined;
    }
    const near = this.endpoint(fields.endpoint, [...path, 'endpoint']);
    if (type === 'dummy') return near && { endpoints: [near, nowhere], mtu };
    const far = this.interfaceName(fields['host-interface'], [...path, 'host-interface']);
    if (!near || far === undefined) return undefined;
    return { endpoints: [near, { node: { special: type }, interface: far, mac: undefined }], mtu };
  }

  /** `node:interface`, or the long form with fields. */
  private endpoint(value: unknown, path: Path): Endpoint | undefined {
    const long = isRecord(value) ? value : undefined;
    const short = typeof value === 'string' ? /^([^:]+):(.+)$/.exec(value) : null;
    if (!long && !short) {
      this.reader.problem(path, `"${String(value)}" is no endpoint: node:interface`);
      return undefined;
    }
    const name = long ? this.reader.text(long.node, [...path, 'node']) : short![1]!;
    const ifname = this.interfaceName(long ? long.interface : short![2], path);
    const mac = this.reader.text(long?.mac, [...path, 'mac']);
    if (mac !== undefined && !MAC.test(mac))
      this.reader.problem([...path, 'mac'], `"${mac}" is no MAC address`);
    if (name === undefined || ifname === undefined) return undefined;
    if (name === 'host' || name === 'mgmt-net') return { node: { special: name }, interface: ifname, mac };
    const node = this.nodes.find((candidate) => candidate.name === name);
    if (!node) {
      const there = this.nodes.map((candidate) => candidate.name).join(', ');
      this.reader.problem(
        path,
        name === 'macvlan' ? 'macvlan is not done here' : `no node "${name}"; there are: ${there}`,
      );
      return undefined;
    }
    if (ifname === 'eth0' && node.managed)
      this.reader.problem(
        path,
        'eth0 is the management interface; use another, or network-mode: none on the node',
      );
    return { node: node.kind === 'host' ? { special: 'host' } : name, interface: ifname, mac };
  }

  private interfaceName(value: unknown, path: Path): string | undefined {
    const name = this.reader.text(value, path);
    if (name === undefined) this.reader.problem(path, 'an interface name is missing');
    else if (!INTERFACE_NAME.test(name) || name === '.' || name === '..') {
      this.reader.problem(
        path,
        `"${name}" is no interface name: 1 to 15 characters, without blanks, "/" and ":"`,
      );
      return undefined;
    }
    return name;
  }

  /** All bridges share one namespace, as they share the host's in containerlab: a name only once there too. */
  interfacesOnce(links: readonly LinkSpec[]): void {
    const bridges = new Set(this.nodes.filter((node) => node.kind === 'bridge').map((node) => node.name));
    const seen = new Set<string>(bridges.size ? [...bridges].map((bridge) => `bridges ${bridge}`) : []);
    for (const [index, link] of links.entries())
      for (const end of link.endpoints) {
        if (typeof end.node !== 'string' && end.node.special === 'nowhere') continue;
        const place =
          typeof end.node !== 'string' ? end.node.special : bridges.has(end.node) ? 'bridges' : end.node;
        const key = `${place} ${end.interface}`;
        if (seen.has(key))
          this.reader.problem(
            ['topology', 'links', index],
            `interface "${end.interface}" is there twice ${place === 'bridges' ? 'among the bridges, which share one namespace' : `on ${place}`}`,
          );
        seen.add(key);
      }
  }
}
