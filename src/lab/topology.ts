// containerlab's topology file as plain data: variables put in, defaults, kinds and groups merged, all of it checked.
// Pure: what it needs from outside (environment, env-files) comes as arguments. What is done with it: plan.ts.

import { FieldReader } from './field-reader.ts';
import { LinkReader } from './link-reader.ts';
import { subnetError } from './management.ts';
import { NodeReader } from './node-reader.ts';
import { type Path, type Problem, parseSource } from './source.ts';
import type { Management, NodeSpec, Topology } from './spec.ts';
import { substituteVariables } from './variables.ts';

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
/** Endpoints that are no nodes. */
const SPECIAL_ENDPOINTS: readonly string[] = ['host', 'mgmt-net', 'macvlan', 'dummy'];
const TOP_KEYS = ['name', 'prefix', 'mgmt', 'settings', 'debug', 'topology'];
const TOPOLOGY_KEYS = ['defaults', 'kinds', 'groups', 'nodes', 'links'];

/**
 * Reads a topology file.
 * @returns all that is wrong with it, in the file's order, or the topology.
 */
export function parseTopology(text: string, context: ParseContext): ParsedTopology {
  const parsed = parseSource(substituteVariables(text, context.env));
  if (!parsed.ok) return parsed;
  const reader = new FieldReader(parsed.source);
  const topology = readTopology(parsed.source.value, reader, context);
  const problems = [...reader.problems].sort((a, b) => a.line - b.line || a.column - b.column);
  return problems.length > 0 ? { ok: false, problems } : { ok: true, topology };
}

function readTopology(value: unknown, reader: FieldReader, context: ParseContext): Topology {
  const root = reader.record(value, []);
  reader.known(root, TOP_KEYS, []);
  const fileName = reader.text(root.name, ['name']);
  const name = context.name ?? fileName ?? '';
  if (!LAB_NAME.test(name)) {
    const bad = fileName === undefined && context.name === undefined;
    reader.problem(['name'], bad ? 'is required' : `"${name}" is no lab name: letters, digits, - . _ only`);
  }
  const prefix = reader.text(root.prefix, ['prefix']) ?? 'clab';
  const at: Path = ['topology'];
  const body = reader.record(root.topology, at);
  if (root.topology === undefined) reader.problem(at, 'is required');
  reader.known(body, TOPOLOGY_KEYS, at);
  for (const key of ['settings', 'debug'])
    if (root[key] !== undefined) reader.warn([key], 'has no effect here');
  const layers = {
    defaults: reader.record(body.defaults, [...at, 'defaults']),
    kinds: reader.record(body.kinds, [...at, 'kinds']),
    groups: reader.record(body.groups, [...at, 'groups']),
  };
  const nodes = readNodes(body.nodes, reader, new NodeReader(reader, context, layers, { name, prefix }));
  const linkReader = new LinkReader(reader, nodes);
  const links = reader.list(body.links, [...at, 'links']).flatMap((link, index) => {
    const read = linkReader.read(link, [...at, 'links', index]);
    return read ? [read] : [];
  });
  linkReader.interfacesOnce(links);
  const management = readManagement(root.mgmt, reader);
  return { name, prefix, file: context.file, nodes, links, management, warnings: reader.warnings };
}

function readNodes(value: unknown, reader: FieldReader, nodeReader: NodeReader): readonly NodeSpec[] {
  const at: Path = ['topology', 'nodes'];
  const nodes = Object.entries(reader.record(value, at)).map(([node, own]) => {
    const path: Path = [...at, node];
    if (!NODE_NAME.test(node)) reader.problem(path, `"${node}" is no node name: letters, digits, - . _ only`);
    if (SPECIAL_ENDPOINTS.includes(node))
      reader.problem(path, `"${node}" has a meaning of its own in links: rename it`);
    return nodeReader.read(node, reader.record(own, path), path);
  });
  if (nodes.length === 0) reader.problem(at, 'there is none; a lab needs at least one');
  for (const { name, waitFor } of nodes)
    for (const wait of waitFor)
      if (!nodes.some((other) => other.name === wait.node))
        reader.problem([...at, name], `stage ${wait.at} waits for "${wait.node}", which is no node`);
      else if (name === wait.node)
        reader.problem([...at, name], `stage ${wait.at} waits for the node itself`);
  return nodes;
}

function readManagement(value: unknown, reader: FieldReader): Management {
  const path: Path = ['mgmt'];
  const fields = reader.record(value ?? {}, path);
  const subnet = (key: string, family: 4 | 6, otherwise: string) => {
    const text = reader.text(fields[key], [...path, key]);
    if (text === undefined || text === 'auto') return otherwise;
    const wrong = subnetError(text, family);
    if (wrong !== undefined) reader.problem([...path, key], wrong);
    return wrong === undefined ? text : otherwise;
  };
  return {
    ipv4Subnet: subnet('ipv4-subnet', 4, '172.20.20.0/24'),
    ipv6Subnet: subnet('ipv6-subnet', 6, '3fff:172:20:20::/64'),
    mtu: reader.number(fields.mtu, [...path, 'mtu']) ?? 1500,
  };
}
