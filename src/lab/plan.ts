// Topology → the ordered list of operations that realises it. Pure, so that order and content can be looked at and tested;
// namespaces.ts carries the operations out.
//
// A node becomes a network namespace and a process that holds its mount and host name namespaces. All bridges live in
// one more namespace of the lab: nothing of a lab touches the host's own network unless a link says `host`.

import {
  addBridge,
  addLink,
  addManagement,
  ends,
  isSpecial,
  MANAGEMENT_BRIDGE,
  type Place,
} from './links.ts';
import { managementAddresses } from './management.ts';
import { isUnder } from './mounts.ts';
import { ip, type Operation } from './operation.ts';
import type { Problem } from './source.ts';
import { type Bind, type LinkSpec, type NodeSpec, STAGES, type Stage, type Topology } from './spec.ts';
import { type MagicWords, replaceMagicWords } from './variables.ts';

export interface PlannedNode {
  readonly name: string;
  readonly namespace: string;
  /** As its processes see it. */
  readonly env: Readonly<Record<string, string>>;
  /** With prefix length. */
  readonly mgmtIpv4: string | undefined;
  readonly mgmtIpv6: string | undefined;
}

export interface Plan {
  readonly bridgesNamespace: string;
  /** The `linux` nodes. */
  readonly nodes: readonly PlannedNode[];
  /** Interfaces that links put into the namespace the runner is in. */
  readonly hostInterfaces: readonly string[];
  readonly operations: readonly Operation[];
}

export type Planned =
  | { readonly ok: true; readonly plan: Plan }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/**
 * Where programs keep what must not be shared between nodes. `/run` as a whole, as in a container; of /var/lib only
 * what daemons of our labs use, because a checkout may well lie under /var/lib.
 */
export const PRIVATE_FOLDERS: readonly string[] = ['/run', '/var/lib/mesos-bgp', '/var/lib/etcd'];

/** @param directory where the lab keeps its files; a node's are in `<directory>/<node>`. */
export function planLab(topology: Topology, directory: string): Planned {
  const order = orderTasks(topology.nodes);
  if (!order.ok) return order;
  const bridgesNamespace = bridgesNamespaceOf(topology);
  const linux = topology.nodes.filter((node) => node.kind === 'linux');
  const bridges = topology.nodes.filter((node) => node.kind === 'bridge');
  const addresses = managementAddresses(topology.management, linux);
  const managed = linux.some((node) => node.managed) || topology.links.some((link) => ends(link, 'mgmt-net'));
  const magic = (node: string): MagicWords => ({
    nodeName: node,
    labDirectory: directory,
    nodeDirectory: `${directory}/${node}`,
    labName: `clab-${topology.name}`,
  });
  const bindsOf = (node: NodeSpec): readonly Bind[] =>
    node.binds.map((bind) => ({ ...bind, source: replaceMagicWords(bind.source, magic(node.name)) }));
  const words = (node: NodeSpec, line: readonly string[]) =>
    line.map((word) => replaceMagicWords(word, magic(node.name)));
  const place: Place = {
    bridgesNamespace,
    bridges: new Set(bridges.map((node) => node.name)),
    namespaces: new Map(linux.map((node) => [node.name, node.longName])),
    lab: topology.name,
  };

  const operations: Operation[] = [];
  operations.push({ type: 'namespace', namespace: bridgesNamespace, node: undefined });
  operations.push({
    type: 'ground',
    namespace: bridgesNamespace,
    mountPoints: [
      ...PRIVATE_FOLDERS.map((path) => ({ path, like: undefined })),
      ...linux
        .flatMap(bindsOf)
        .filter((bind) => !PRIVATE_FOLDERS.some((folder) => isUnder(bind.target, folder)))
        .map((bind) => ({ path: bind.target, like: bind.source })),
    ],
  });
  if (managed) operations.push(...addBridge(MANAGEMENT_BRIDGE, undefined, bridgesNamespace));
  if (managed)
    for (const gateway of addresses.gateways)
      operations.push(ip(undefined, bridgesNamespace, `address add ${gateway} dev ${MANAGEMENT_BRIDGE}`));
  for (const bridge of bridges) operations.push(...addBridge(bridge.name, bridge.name, bridgesNamespace));

  // A link is made when the second of its nodes comes to `create-links`.
  const linksReady = new Set<string>(bridges.map((node) => node.name));
  const pending = new Set(topology.links);
  const makeLinks = (): void => {
    for (const link of pending) {
      const waits = link.endpoints.some((end) => typeof end.node === 'string' && !linksReady.has(end.node));
      if (waits) continue;
      pending.delete(link);
      operations.push(...addLink(link, place));
    }
  };
  const body: Record<Stage, (node: NodeSpec) => void> = {
    create: (node) => {
      if (node.startupDelaySeconds > 0)
        operations.push({ type: 'delay', node: node.name, seconds: node.startupDelaySeconds });
      const mounts = { hostname: node.hostname, binds: bindsOf(node), privateFolders: PRIVATE_FOLDERS };
      operations.push({ type: 'namespace', namespace: node.longName, node: node.name });
      operations.push({ type: 'hold', node: node.name, namespace: node.longName, mounts });
      operations.push(ip(node.name, node.longName, 'link set dev lo up'));
      for (const [key, value] of Object.entries(node.sysctls))
        operations.push({ type: 'sysctl', node: node.name, key, value });
    },
    'create-links': (node) => {
      const own = addresses.byNode.get(node.name);
      if (node.managed && own) operations.push(...addManagement(node, own, topology, place));
      linksReady.add(node.name);
      makeLinks();
    },
    configure: (node) => {
      if (node.cmd) operations.push({ type: 'start', node: node.name, words: words(node, node.cmd.words) });
      for (const line of node.exec)
        operations.push({ type: 'exec', node: node.name, words: words(node, line.words), path: line.path });
    },
    healthy: (node) => {
      if (node.healthcheck)
        operations.push({ type: 'await-healthy', node: node.name, check: node.healthcheck });
    },
    exit: (node) => {
      operations.push({ type: 'await-exit', node: node.name });
    },
  };
  makeLinks(); // those between bridges and the host
  for (const { node, stage } of order.tasks) {
    const run = (phase: 'on-enter' | 'on-exit') => {
      for (const entry of node.stageExec)
        if (entry.at === stage && entry.phase === phase)
          operations.push({
            type: entry.target === 'host' ? 'host-exec' : 'exec',
            node: node.name,
            words: words(node, entry.command.words),
            path: entry.command.path,
          });
    };
    run('on-enter');
    body[stage](node);
    run('on-exit');
  }

  const nodes = linux.map((node) => ({
    name: node.name,
    namespace: node.longName,
    env: environmentOf(node, topology.links),
    mgmtIpv4: node.managed ? addresses.byNode.get(node.name)?.ipv4 : undefined,
    mgmtIpv6: node.managed ? addresses.byNode.get(node.name)?.ipv6 : undefined,
  }));
  const hostInterfaces = topology.links.flatMap((link) =>
    link.endpoints.filter((end) => isSpecial(end, 'host')).map((end) => end.interface),
  );
  return { ok: true, plan: { bridgesNamespace, nodes, hostInterfaces, operations } };
}

/** Not of the form that a node's name can give: a node's namespace always has `-` after the lab's name. */
export function bridgesNamespaceOf(topology: Topology): string {
  return topology.prefix && topology.prefix !== '__lab-name'
    ? `${topology.prefix}-${topology.name}.bridges`
    : `${topology.name}.bridges`;
}

interface Task {
  readonly node: NodeSpec;
  readonly stage: Stage;
}

/** Every node's stages in their order, and no stage before those that it waits for; otherwise as the file has them. */
function orderTasks(
  nodes: readonly NodeSpec[],
): { ok: true; tasks: readonly Task[] } | { ok: false; problems: readonly Problem[] } {
  const runs = nodes.filter((node) => node.kind === 'linux');
  const awaited = new Set(runs.flatMap((node) => node.waitFor.map((wait) => `${wait.node} ${wait.stage}`)));
  const wanted = ({ node, stage }: Task): boolean =>
    (stage !== 'healthy' && stage !== 'exit') ||
    awaited.has(`${node.name} ${stage}`) ||
    node.stageExec.some((entry) => entry.at === stage);
  let left: Task[] = STAGES.flatMap((stage) => runs.map((node) => ({ node, stage }))).filter(wanted);
  const problem = (message: string): Problem => ({ line: 1, column: 1, path: 'topology.nodes', message });
  for (const { node, stage } of left)
    if (stage === 'healthy' && !node.healthcheck)
      return {
        ok: false,
        problems: [problem(`"${node.name}" is waited for until healthy, and has no healthcheck`)],
      };
  const tasks: Task[] = [];
  while (left.length > 0) {
    const blocked = ({ node, stage }: Task): boolean =>
      left.some(
        (other) =>
          (other.node === node && STAGES.indexOf(other.stage) < STAGES.indexOf(stage)) ||
          node.waitFor.some(
            (wait) => wait.at === stage && wait.node === other.node.name && wait.stage === other.stage,
          ),
      );
    const next = left.find((task) => !blocked(task));
    if (!next) {
      const names = left.map((task) => `${task.node.name} (${task.stage})`).join(', ');
      return { ok: false, problems: [problem(`these stages wait for each other in a circle: ${names}`)] };
    }
    tasks.push(next);
    left = left.filter((task) => task !== next);
  }
  return { ok: true, tasks };
}

function environmentOf(node: NodeSpec, links: readonly LinkSpec[]): Readonly<Record<string, string>> {
  const interfaces = links.flatMap((link) => link.endpoints.filter((end) => end.node === node.name));
  const labels = Object.entries(node.labels).map(([key, value]) => [
    `CLAB_LABEL_${key.toUpperCase().replace(/[^A-Z0-9]/g, '_')}`,
    value,
  ]);
  return { ...Object.fromEntries(labels), CLAB_INTFS: String(interfaces.length), ...node.env };
}
