// containerlab's topology file as plain data: variables put in, defaults, kinds and groups merged, all of it checked.
// Pure: what it needs from outside (environment, env-files) comes as arguments. What is done with it: plan.ts.

import { dirname, isAbsolute, resolve } from 'node:path';
import { subnetError } from './management.ts';
import { merge, type NodeFields } from './merge.ts';
import { type Path, type Problem, parseSource, type Source } from './source.ts';
import {
  type Bind,
  type CommandLine,
  type Endpoint,
  type Healthcheck,
  type Kind,
  type LinkSpec,
  longName,
  type Management,
  type NodeSpec,
  STAGES,
  type Topology,
} from './spec.ts';
import { substituteVariables } from './variables.ts';
import { splitWords } from './words.ts';

export type ParsedTopology =
  | { readonly ok: true; readonly topology: Topology }
  | { readonly ok: false; readonly problems: readonly Problem[] };

export interface ParseContext {
  /** Absolute path: relative binds start at its folder. */
  readonly file: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** In place of the file's `name`, so that a second copy of a lab can run. */
  readonly name?: string;
  /** A kind of containerlab → one of ours. */
  readonly kindMap?: Readonly<Record<string, string>>;
  /** Text of an env-file, undefined if it cannot be read. */
  readonly readFile?: (path: string) => string | undefined;
}

const LAB_NAME = /^[a-zA-Z0-9][a-zA-Z0-9-._]*$/;
const NODE_NAME = /^[a-zA-Z0-9][a-zA-Z0-9-._]*$/;
const INTERFACE_NAME = /^[^\s/:]{1,15}$/; // IFNAMSIZ less its NUL
const MAC = /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i;
/** Endpoints that are no nodes. */
const SPECIAL_ENDPOINTS: readonly string[] = ['host', 'mgmt-net', 'macvlan', 'dummy'];
const DEFAULT_MTU = 9500;
const TOP_KEYS = ['name', 'prefix', 'mgmt', 'settings', 'debug', 'topology'];
const TOPOLOGY_KEYS = ['defaults', 'kinds', 'groups', 'nodes', 'links'];
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

type Values = Readonly<Record<string, unknown>>;
const isRecord = (value: unknown): value is Values =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isScalar = (value: unknown): value is string | number | boolean =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';

/**
 * Reads a topology file.
 * @returns all that is wrong with it, in the file's order, or the topology.
 */
export function parseTopology(text: string, context: ParseContext): ParsedTopology {
  const parsed = parseSource(substituteVariables(text, context.env));
  if (!parsed.ok) return parsed;
  const reader = new Reader(parsed.source, context);
  const topology = reader.topology();
  const problems = [...reader.problems].sort((a, b) => a.line - b.line || a.column - b.column);
  return problems.length > 0 ? { ok: false, problems } : { ok: true, topology };
}

/** Walks the document; every reading method answers something usable and notes what was wrong. */
class Reader {
  readonly problems: Problem[] = [];
  private readonly warnings: Problem[] = [];

  constructor(
    private readonly source: Source,
    private readonly context: ParseContext,
  ) {}

  topology(): Topology {
    const root = this.record(this.source.value, []);
    this.known(root, TOP_KEYS, []);
    const fileName = this.text(root.name, ['name']);
    const name = this.context.name ?? fileName ?? '';
    if (!LAB_NAME.test(name)) {
      const bad = fileName === undefined && this.context.name === undefined;
      this.problem(['name'], bad ? 'is required' : `"${name}" is no lab name: letters, digits, - . _ only`);
    }
    const prefix = this.text(root.prefix, ['prefix']) ?? 'clab';
    const at: Path = ['topology'];
    const body = this.record(root.topology, at);
    if (root.topology === undefined) this.problem(at, 'is required');
    this.known(body, TOPOLOGY_KEYS, at);
    for (const key of ['settings', 'debug'])
      if (root[key] !== undefined) this.warn([key], 'has no effect here');

    const layers = {
      defaults: this.record(body.defaults, [...at, 'defaults']),
      kinds: this.record(body.kinds, [...at, 'kinds']),
      groups: this.record(body.groups, [...at, 'groups']),
    };
    const nodes = Object.entries(this.record(body.nodes, [...at, 'nodes'])).map(([node, own]) => {
      const path: Path = [...at, 'nodes', node];
      if (!NODE_NAME.test(node)) this.problem(path, `"${node}" is no node name: letters, digits, - . _ only`);
      if (SPECIAL_ENDPOINTS.includes(node))
        this.problem(path, `"${node}" has a meaning of its own in links: rename it`);
      return this.node(node, this.effective(this.record(own, path), layers, path), { name, prefix });
    });
    if (nodes.length === 0) this.problem([...at, 'nodes'], 'there is none; a lab needs at least one');
    for (const [index, node] of nodes.entries())
      for (const wait of node.waitFor)
        if (!nodes.some((other) => other.name === wait.node))
          this.problem(
            [...at, 'nodes', node.name],
            `stage ${wait.at} waits for "${wait.node}", which is no node`,
          );
        else if (nodes[index]!.name === wait.node)
          this.problem([...at, 'nodes', node.name], `stage ${wait.at} waits for the node itself`);

    const links = this.list(body.links, [...at, 'links']).flatMap((link, index) => {
      const read = this.link(link, [...at, 'links', index], nodes);
      return read ? [read] : [];
    });
    this.interfacesOnce(links, nodes);
    return {
      name,
      prefix,
      file: this.context.file,
      nodes,
      links,
      management: this.management(root.mgmt),
      warnings: this.warnings,
    };
  }

  /** Node over group over kind over defaults; the kind itself may come from any of the others. */
  private effective(
    own: Values,
    layers: { defaults: Values; kinds: Values; groups: Values },
    path: Path,
  ): NodeFields {
    const groupName = this.text(own.group ?? layers.defaults.group, [...path, 'group']);
    const group = groupName === undefined ? {} : layers.groups[groupName];
    if (group === undefined) this.problem([...path, 'group'], `"${groupName}" is not in topology.groups`);
    const groupValues = this.record(group ?? {}, ['topology', 'groups', groupName ?? '']);
    const kind = this.text(own.kind ?? groupValues.kind ?? layers.defaults.kind, [...path, 'kind']);
    const kindValues = this.record(layers.kinds[kind ?? ''] ?? {}, ['topology', 'kinds', kind ?? '']);
    return merge([
      { values: layers.defaults, path: ['topology', 'defaults'] },
      { values: kindValues, path: ['topology', 'kinds', kind ?? ''] },
      { values: groupValues, path: ['topology', 'groups', groupName ?? ''] },
      { values: { ...own, kind }, path },
    ]);
  }

  private node(
    name: string,
    fields: NodeFields,
    lab: { readonly name: string; readonly prefix: string },
  ): NodeSpec {
    for (const unknown of fields.unknown)
      this.problem(unknown.path, 'is no field of a node in containerlab; look for a typing error');
    for (const wrong of fields.notLists) this.problem(wrong, 'should be a list');
    for (const ignored of fields.ignored) this.warn(ignored, 'has no effect here');
    const { values, pathOf } = fields;
    const text = (key: string) => this.text(values[key], pathOf(key));
    const seconds = (key: string) => this.number(values[key], pathOf(key)) ?? 0;
    const networkMode = text('network-mode');
    if (networkMode !== undefined && !['none', 'bridge', ''].includes(networkMode))
      this.problem(
        pathOf('network-mode'),
        `"${networkMode}" cannot be had here: leave it out, or say none (no management interface)`,
      );
    const kind = this.kind(text('kind'), pathOf('kind'));
    const stages = this.stages(values.stages, pathOf('stages'));
    return {
      name,
      longName: longName(lab.prefix, lab.name, name),
      kind,
      group: text('group') ?? '',
      image: text('image') ?? '',
      hostname: text('hostname') ?? name,
      cmd: this.command(values.cmd, pathOf('cmd')),
      exec: fields.exec.flatMap((line) => this.command(line.value, line.path) ?? []),
      ...this.environment(fields),
      labels: this.strings(values.labels, pathOf('labels')),
      sysctls: this.strings(values.sysctls, pathOf('sysctls')),
      binds: this.binds(fields),
      managed: kind === 'linux' && networkMode !== 'none',
      mgmtIpv4: text('mgmt-ipv4'),
      mgmtIpv6: text('mgmt-ipv6'),
      startupDelaySeconds: seconds('startup-delay'),
      ...stages,
      healthcheck: this.healthcheck(values.healthcheck, pathOf('healthcheck')),
    };
  }

  private kind(given: string | undefined, path: Path): Kind {
    const kind = this.context.kindMap?.[given ?? ''] ?? given;
    if (kind === 'linux' || kind === 'bridge' || kind === 'host') return kind;
    if (kind === undefined) this.problem(path, 'kind is required: linux, bridge or host');
    else
      this.problem(
        path,
        `kind "${kind}" needs an image, and namespaces have none; linux, bridge and host work, or map it with --kind-map ${kind}=linux`,
      );
    return 'linux';
  }

  private environment(fields: NodeFields): Pick<NodeSpec, 'env' | 'importEnv'> {
    const env: Record<string, string> = {};
    for (const { value, path } of fields.envFiles) {
      const name = this.text(value, path);
      if (name === undefined) continue;
      const file = resolve(dirname(this.context.file), name);
      const content = this.context.readFile?.(file);
      if (content === undefined) this.problem(path, `cannot read ${file}`);
      for (const line of (content ?? '').split(/\r?\n/)) {
        const pair = /^\s*(?:export\s+)?([A-Za-z_]\w*)=(.*)$/.exec(line);
        if (pair) env[pair[1]!] = pair[2]!.replace(/^(["'])(.*)\1$/, '$2');
      }
    }
    const own = this.strings(fields.values.env, fields.pathOf('env'));
    const { __IMPORT_ENVS, ...rest } = { ...env, ...own };
    return { env: rest, importEnv: __IMPORT_ENVS === 'true' };
  }

  private binds(fields: NodeFields): readonly Bind[] {
    const byTarget = new Map<string, Bind>(); // the same target: the more specific wins
    for (const { value, path } of fields.binds) {
      const text = this.text(value, path);
      if (text === undefined) continue;
      const [source = '', target = '', options = '', more] = text.split(':');
      if (!source || !target || more !== undefined || !isAbsolute(target)) {
        this.problem(path, `"${text}" is no bind: source:/absolute/target[:ro]`);
        continue;
      }
      const absolute = source.startsWith('__clab') ? source : resolve(dirname(this.context.file), source);
      byTarget.set(target, { source: absolute, target, readOnly: options.split(',').includes('ro') });
    }
    return [...byTarget.values()];
  }

  private stages(value: unknown, path: Path): Pick<NodeSpec, 'waitFor' | 'stageExec'> {
    const waitFor: NodeSpec['waitFor'][number][] = [];
    const stageExec: NodeSpec['stageExec'][number][] = [];
    for (const [name, fields] of Object.entries(this.record(value, path))) {
      const at = this.oneOf(name, STAGES, [...path, name]);
      const stage = this.record(fields, [...path, name]);
      this.known(stage, ['wait-for', 'exec'], [...path, name]);
      if (at === undefined) continue;
      for (const [index, entry] of this.list(stage['wait-for'], [...path, name, 'wait-for']).entries()) {
        const where = [...path, name, 'wait-for', index];
        const wait = this.record(entry, where);
        const node = this.text(wait.node, [...where, 'node']);
        const reached = this.oneOf(wait.stage, STAGES, [...where, 'stage']);
        if (node !== undefined && reached !== undefined) waitFor.push({ at, node, stage: reached });
      }
      for (const [index, entry] of this.list(stage.exec, [...path, name, 'exec']).entries()) {
        const where = [...path, name, 'exec', index];
        const fields = this.record(entry, where);
        const command = this.command(fields.command, [...where, 'command']);
        const phase = this.oneOf(fields.phase ?? 'on-enter', ['on-enter', 'on-exit'] as const, where);
        const target = this.oneOf(fields.target ?? 'container', ['container', 'host'] as const, where);
        if (command && phase && target) stageExec.push({ at, phase, target, command });
      }
    }
    return { waitFor, stageExec };
  }

  private healthcheck(value: unknown, path: Path): Healthcheck | undefined {
    if (value === undefined) return undefined;
    const fields = this.record(value, path);
    const test = this.list(fields.test, [...path, 'test']).map(String);
    const number = (key: string, otherwise: number) => this.number(fields[key], [...path, key]) ?? otherwise;
    const [form, ...words] = test;
    if (form !== 'CMD' && form !== 'CMD-SHELL')
      this.problem([...path, 'test'], 'starts with CMD (words) or CMD-SHELL (one line for sh)');
    return {
      test: form === 'CMD-SHELL' ? ['sh', '-c', words.join(' ')] : words,
      intervalSeconds: number('interval', 30),
      timeoutSeconds: number('timeout', 30),
      retries: number('retries', 3),
      startPeriodSeconds: number('start-period', 0),
    };
  }

  private management(value: unknown): Management {
    const path: Path = ['mgmt'];
    const fields = this.record(value ?? {}, path);
    const subnet = (key: string, family: 4 | 6, otherwise: string) => {
      const text = this.text(fields[key], [...path, key]);
      if (text === undefined || text === 'auto') return otherwise;
      const wrong = subnetError(text, family);
      if (wrong !== undefined) this.problem([...path, key], wrong);
      return wrong === undefined ? text : otherwise;
    };
    return {
      ipv4Subnet: subnet('ipv4-subnet', 4, '172.20.20.0/24'),
      ipv6Subnet: subnet('ipv6-subnet', 6, '3fff:172:20:20::/64'),
      mtu: this.number(fields.mtu, [...path, 'mtu']) ?? 1500,
    };
  }

  private link(value: unknown, path: Path, nodes: readonly NodeSpec[]): LinkSpec | undefined {
    const fields = this.record(value, path);
    this.known(fields, LINK_KEYS, path);
    const mtu = this.number(fields.mtu, [...path, 'mtu']) ?? DEFAULT_MTU;
    const type = fields.type ?? 'veth';
    const nowhere: Endpoint = { node: { special: 'nowhere' }, interface: '', mac: undefined };
    if (type === 'veth') {
      const ends = this.list(fields.endpoints, [...path, 'endpoints']);
      if (ends.length !== 2) {
        this.problem([...path, 'endpoints'], `a link has two endpoints, this one has ${ends.length}`);
        return undefined;
      }
      const read = ends.map((end, index) => this.endpoint(end, [...path, 'endpoints', index], nodes));
      return read[0] && read[1] ? { endpoints: [read[0], read[1]], mtu } : undefined;
    }
    if (type !== 'host' && type !== 'mgmt-net' && type !== 'dummy') {
      this.problem(
        [...path, 'type'],
        `"${String(type)}" is not done here: veth, host, mgmt-net and dummy are`,
      );
      return undefined;
    }
    const near = this.endpoint(fields.endpoint, [...path, 'endpoint'], nodes);
    if (type === 'dummy') return near && { endpoints: [near, nowhere], mtu };
    const far = this.interfaceName(fields['host-interface'], [...path, 'host-interface']);
    if (!near || far === undefined) return undefined;
    return { endpoints: [near, { node: { special: type }, interface: far, mac: undefined }], mtu };
  }

  /** `node:interface`, or the long form with fields. */
  private endpoint(value: unknown, path: Path, nodes: readonly NodeSpec[]): Endpoint | undefined {
    const long = isRecord(value) ? value : undefined;
    const short = typeof value === 'string' ? /^([^:]+):(.+)$/.exec(value) : null;
    if (!long && !short) {
      this.problem(path, `"${String(value)}" is no endpoint: node:interface`);
      return undefined;
    }
    const name = long ? this.text(long.node, [...path, 'node']) : short![1]!;
    const ifname = this.interfaceName(long ? long.interface : short![2], path);
    const mac = this.text(long?.mac, [...path, 'mac']);
    if (mac !== undefined && !MAC.test(mac)) this.problem([...path, 'mac'], `"${mac}" is no MAC address`);
    if (name === undefined || ifname === undefined) return undefined;
    if (name === 'host' || name === 'mgmt-net') return { node: { special: name }, interface: ifname, mac };
    const node = nodes.find((candidate) => candidate.name === name);
    if (!node) {
      const there = nodes.map((candidate) => candidate.name).join(', ');
      this.problem(
        path,
        name === 'macvlan' ? 'macvlan is not done here' : `no node "${name}"; there are: ${there}`,
      );
      return undefined;
    }
    if (ifname === 'eth0' && node.managed)
      this.problem(path, 'eth0 is the management interface; use another, or network-mode: none on the node');
    return { node: node.kind === 'host' ? { special: 'host' } : name, interface: ifname, mac };
  }

  private interfaceName(value: unknown, path: Path): string | undefined {
    const name = this.text(value, path);
    if (name === undefined) this.problem(path, 'an interface name is missing');
    else if (!INTERFACE_NAME.test(name) || name === '.' || name === '..') {
      this.problem(path, `"${name}" is no interface name: 1 to 15 characters, without blanks, "/" and ":"`);
      return undefined;
    }
    return name;
  }

  /** All bridges share one namespace, as they share the host's in containerlab: a name only once there too. */
  private interfacesOnce(links: readonly LinkSpec[], nodes: readonly NodeSpec[]): void {
    const bridges = new Set(nodes.filter((node) => node.kind === 'bridge').map((node) => node.name));
    const seen = new Set<string>(bridges.size ? [...bridges].map((bridge) => `bridges ${bridge}`) : []);
    for (const [index, link] of links.entries())
      for (const end of link.endpoints) {
        if (typeof end.node !== 'string' && end.node.special === 'nowhere') continue;
        const place =
          typeof end.node !== 'string' ? end.node.special : bridges.has(end.node) ? 'bridges' : end.node;
        const key = `${place} ${end.interface}`;
        if (seen.has(key))
          this.problem(
            ['topology', 'links', index],
            `interface "${end.interface}" is there twice ${place === 'bridges' ? 'among the bridges, which share one namespace' : `on ${place}`}`,
          );
        seen.add(key);
      }
  }

  private problem(path: Path, message: string): void {
    this.problems.push(this.source.problem(path, message));
  }
  private warn(path: Path, message: string): void {
    const warning = this.source.problem(path, message);
    if (!this.warnings.some((known) => known.path === warning.path)) this.warnings.push(warning);
  }
  private known(value: Values, keys: readonly string[], path: Path): void {
    for (const key of Object.keys(value))
      if (!keys.includes(key)) this.problem([...path, key], `is unknown here; known are: ${keys.join(', ')}`);
  }
  private record(value: unknown, path: Path): Values {
    if (isRecord(value)) return value;
    if (value !== undefined && value !== null) this.problem(path, 'should be a map');
    return {};
  }
  private list(value: unknown, path: Path): readonly unknown[] {
    if (Array.isArray(value)) return value;
    if (value !== undefined && value !== null) this.problem(path, 'should be a list');
    return [];
  }
  private text(value: unknown, path: Path): string | undefined {
    if (isScalar(value)) return String(value);
    if (value !== undefined && value !== null) this.problem(path, 'should be a text');
    return undefined;
  }
  private number(value: unknown, path: Path): number | undefined {
    if (value === undefined || value === null) return undefined;
    const number = Number(value);
    if (isScalar(value) && Number.isFinite(number) && number >= 0) return number;
    this.problem(path, `"${String(value)}" should be a number, 0 or more`);
    return undefined;
  }
  private strings(value: unknown, path: Path): Readonly<Record<string, string>> {
    const entries = Object.entries(this.record(value, path));
    return Object.fromEntries(entries.map(([key, entry]) => [key, this.text(entry, [...path, key]) ?? '']));
  }
  private command(value: unknown, path: Path): CommandLine | undefined {
    const line = this.text(value, path);
    if (line === undefined) return undefined;
    const split = splitWords(line);
    if (!split.ok) this.problem(path, `"${line}" ${split.message}`);
    else if (split.words.length > 0) return { words: split.words, path: this.source.problem(path, '').path };
    return undefined;
  }
  private oneOf<T extends string>(value: unknown, allowed: readonly T[], path: Path): T | undefined {
    const found = allowed.find((candidate) => candidate === value);
    if (found === undefined) this.problem(path, `"${String(value)}" should be one of ${allowed.join(', ')}`);
    return found;
  }
}
