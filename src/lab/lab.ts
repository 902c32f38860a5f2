// A lab for programs: deploy or open one, run things in its nodes, take links down, end it. The command line, the demo
// and the tests stand on this file.

import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { type LabProcess, type SpawnOptions, startProcess } from './background.ts';
import { deploy } from './deploy.ts';
import { privateFolder } from './mounts.ts';
import {
  enter,
  environment,
  execInside,
  ipIn,
  networkId,
  ownNetworkId,
  removeNamespace,
} from './namespaces.ts';
import { bridgesNamespaceOf, type Plan, PRIVATE_FOLDERS, planLab } from './plan.ts';
import { type ExecResult, endProcesses, isAlive, processesInNetworks, type RunOptions } from './process.ts';
import { formatProblem } from './source.ts';
import type { Endpoint, Topology } from './spec.ts';
import {
  LabDirectory,
  type LabState,
  labNames,
  type NodeState,
  type ProcessState,
  runDirectory,
} from './state.ts';
import { parseTopology } from './topology.ts';
import { splitWords } from './words.ts';

export interface LabOptions {
  /** Another name than the file's, so that a second copy can run at the same time. */
  readonly name?: string;
  /** For the file's variables; the process's own unless told. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly kindMap?: Readonly<Record<string, string>>;
}

export interface DeployOptions extends LabOptions {
  /** Only these nodes, and the links between them. */
  readonly nodeFilter?: readonly string[];
  /** Destroys what is left of an earlier deployment first. */
  readonly reconfigure?: boolean;
  /** Progress and warnings, a line each. */
  readonly report?: (line: string) => void;
  /** Ends the deployment between two operations; what stands by then is in the answer's `lab`. */
  readonly signal?: AbortSignal;
}

export type Loaded =
  | { readonly ok: true; readonly topology: Topology }
  | { readonly ok: false; readonly message: string };

export type Deployed =
  | { readonly ok: true; readonly lab: Lab }
  /** `lab` is what stands all the same: to look at, and to destroy. */
  | { readonly ok: false; readonly message: string; readonly lab?: Lab };

/** Reads and checks a topology file. The message has a line a problem, each with file, line and column. */
export function loadTopology(file: string, options: LabOptions = {}): Loaded {
  const path = resolve(file);
  const text = readText(path);
  if (text === undefined) return { ok: false, message: `cannot read ${path}` };
  const parsed = parseTopology(text, {
    file: path,
    env: options.env ?? process.env,
    readFile: readText,
    ...(options.name === undefined ? {} : { name: options.name }),
    ...(options.kindMap === undefined ? {} : { kindMap: options.kindMap }),
  });
  if (parsed.ok) return parsed;
  return { ok: false, message: parsed.problems.map((problem) => formatProblem(file, problem)).join('\n') };
}

export class Lab {
  private constructor(
    private readonly directory: LabDirectory,
    private state: LabState,
  ) {}

  static async deploy(file: string, options: DeployOptions = {}): Promise<Deployed> {
    const loaded = loadTopology(file, options);
    if (!loaded.ok) return loaded;
    const filtered = filterNodes(loaded.topology, options.nodeFilter);
    if (!filtered.ok) return filtered;
    const { topology } = filtered;
    const report = options.report ?? (() => {});
    for (const warning of topology.warnings) report(`warning: ${formatProblem(file, warning)}`);
    const directory = new LabDirectory(runDirectory(process.env), topology.name);
    const planned = planLab(topology, directory.path);
    if (!planned.ok)
      return {
        ok: false,
        message: planned.problems.map((problem) => formatProblem(file, problem)).join('\n'),
      };
    const before = directory.read();
    const state = initialState(topology, planned.plan);
    if (options.reconfigure) await new Lab(directory, before ?? state).destroy();
    else if (before)
      return {
        ok: false,
        message: `lab ${topology.name} is deployed already: destroy it, or use --reconfigure`,
      };
    const result = await deploy(planned.plan.operations, state, directory, report, options.signal);
    const lab = new Lab(directory, result.state);
    return result.failures.length === 0
      ? { ok: true, lab }
      : { ok: false, message: result.failures.join('\n'), lab };
  }

  /** A lab that some process deployed; undefined when there is none of that name. */
  static open(name: string): Lab | undefined {
    const directory = new LabDirectory(runDirectory(process.env), name);
    const state = directory.read();
    return state && new Lab(directory, state);
  }

  static names(): readonly string[] {
    return labNames(runDirectory(process.env));
  }

  get name(): string {
    return this.state.name;
  }
  get topologyFile(): string {
    return this.state.topologyFile;
  }
  /** Folder of the lab's files, a folder a node in it. */
  get path(): string {
    return this.directory.path;
  }
  get nodes(): readonly LabNode[] {
    return this.state.nodes.map((node) => new LabNode(this.directory, this.state, node));
  }

  /** @throws when the lab has no such node: then the caller is wrong about its own topology. */
  node(name: string): LabNode {
    const found = this.nodes.find((node) => node.name === name);
    if (!found) throw new Error(`lab ${this.name} has no node ${name}`);
    return found;
  }

  /** An interface of a node, bridges included. @throws when there is no such link end. */
  link(node: string, ifname: string): LabLink {
    for (const link of this.state.links)
      for (const [near, far] of [link.endpoints, [...link.endpoints].reverse()])
        if (near?.node === node && near.interface === ifname && far) return new LabLink(near, far);
    throw new Error(`lab ${this.name} has no link at ${node}:${ifname}`);
  }

  /**
   * Ends every process in the lab's namespaces, then the namespaces, then the files.
   * @param graceMs  how long processes that were started in nodes may take to end on SIGTERM; 0 kills them.
   * @returns what could not be removed, one line each.
   */
  async destroy(graceMs = 0): Promise<readonly string[]> {
    const processes = this.directory.processes();
    if (graceMs > 0) await endProcesses(processes, graceMs);
    const holders = this.state.nodes.flatMap((node) => node.holder ?? []);
    await endProcesses([...processes, ...holders, ...(this.state.ground ? [this.state.ground] : [])], 0);
    const namespaces = [
      ...this.state.nodes.flatMap((node) => node.namespace ?? []),
      this.state.bridgesNamespace,
    ];
    // What forked away from a recorded process, and holders that a crash kept from being recorded: the namespaces are
    // the lab's own, so whoever is in them belongs to it.
    const networks = new Set<string>();
    for (const namespace of new Set(namespaces)) {
      const id = await networkId(namespace);
      if (id !== undefined && id !== ownNetworkId()) networks.add(id);
    }
    if (networks.size > 0) await endProcesses(processesInNetworks(networks), 0);
    for (const ifname of this.state.hostInterfaces) await ipIn(undefined, ['link', 'delete', 'dev', ifname]);
    const failures: string[] = [];
    for (const namespace of new Set(namespaces)) {
      const failed = await removeNamespace(namespace);
      if (failed !== undefined) failures.push(failed);
    }
    if (failures.length === 0) this.directory.remove();
    return failures;
  }
}

export class LabNode {
  constructor(
    private readonly directory: LabDirectory,
    private readonly lab: LabState,
    readonly state: NodeState,
  ) {}

  get name(): string {
    return this.state.name;
  }
  /** Container name in containerlab, namespace name here. */
  get longName(): string {
    return this.state.longName;
  }
  get running(): boolean {
    return this.state.kind !== 'linux' || (this.state.holder !== undefined && isAlive(this.state.holder));
  }

  /** Runs a program to its end. @param command  words, or a line that is split as a shell would (but no shell runs it). */
  exec(command: string | readonly string[], options: RunOptions = {}): Promise<ExecResult> {
    if (this.state.kind === 'bridge')
      return Promise.resolve({
        code: 125,
        stdout: '',
        stderr: `${this.name} is a bridge: nothing runs in it`,
      });
    if (typeof command !== 'string') return execInside(this.state, command, options);
    const split = splitWords(command);
    if (!split.ok) return Promise.resolve({ code: 125, stdout: '', stderr: `the command ${split.message}` });
    return execInside(this.state, split.words, options);
  }

  /** Starts a program that runs on. */
  spawn(argv: readonly string[], options: SpawnOptions = {}): LabProcess {
    return startProcess(this.directory, this.lab, this.name, argv, options);
  }

  /** What was started in the node, by whomever, and still runs. */
  processes(): readonly ProcessState[] {
    return this.directory.processes().filter((process) => process.node === this.name && isAlive(process));
  }

  /**
   * Follows the output of a program line by line, as `ip monitor` gives it. Ends with the caller.
   * @returns a function that ends it.
   */
  follow(argv: readonly string[], onLine: (line: string) => void): () => void {
    const [program, ...args] = enter(this.state, argv);
    const child: ChildProcess = spawn(program!, args, {
      env: environment(this.state),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    createInterface({ input: child.stdout! }).on('line', onLine);
    return () => void child.kill('SIGKILL');
  }

  /** Where a file in one of the node's private folders is, seen from outside; undefined for any other path. */
  path(inside: string): string | undefined {
    const nodeDirectory = this.directory.nodeDirectory(this.name);
    const own = PRIVATE_FOLDERS.some((folder) => inside === folder || inside.startsWith(`${folder}/`));
    return own ? privateFolder(nodeDirectory, inside) : undefined;
  }

  /** A file or folder of the node's directory outside, where logs are too. */
  file(...parts: readonly string[]): string {
    return join(this.directory.nodeDirectory(this.name), ...parts);
  }
}

/** One end of a link; what happens to it happens to a plugged cable. */
export class LabLink {
  constructor(
    private readonly near: LabState['links'][number]['endpoints'][number],
    private readonly far: LabState['links'][number]['endpoints'][number],
  ) {}

  /** @throws when ip(8) fails: the interface is the lab's own. */
  down(): Promise<void> {
    return this.set('down');
  }
  up(): Promise<void> {
    return this.set('up');
  }
  /** The same link from its other end. */
  get other(): LabLink {
    return new LabLink(this.far, this.near);
  }

  private async set(state: string): Promise<void> {
    const failed = await ipIn(this.near.namespace, ['link', 'set', 'dev', this.near.interface, state]);
    if (failed !== undefined) throw new Error(failed);
  }
}

function initialState(topology: Topology, plan: Plan): LabState {
  const bridgesNamespace = bridgesNamespaceOf(topology);
  const namespaceOf = (name: string): string | undefined => {
    const node = topology.nodes.find((candidate) => candidate.name === name);
    if (!node || node.kind === 'host') return undefined;
    return node.kind === 'bridge' ? bridgesNamespace : node.longName;
  };
  const endpoint = (end: Endpoint): LabState['links'][number]['endpoints'][number] => {
    const node = typeof end.node === 'string' ? end.node : end.node.special;
    const namespace = typeof end.node === 'string' ? namespaceOf(end.node) : undefined;
    return { node, interface: end.interface, namespace: node === 'mgmt-net' ? bridgesNamespace : namespace };
  };
  return {
    version: 1,
    name: topology.name,
    prefix: topology.prefix,
    topologyFile: topology.file,
    createdAt: new Date().toISOString(),
    bridgesNamespace,
    ground: undefined,
    nodes: topology.nodes.map((node) => {
      const planned = plan.nodes.find((candidate) => candidate.name === node.name);
      return {
        name: node.name,
        longName: node.longName,
        kind: node.kind,
        group: node.group,
        image: node.image,
        namespace: namespaceOf(node.name),
        env: planned?.env ?? node.env,
        importEnv: node.importEnv,
        labels: node.labels,
        mgmtIpv4: planned?.mgmtIpv4,
        mgmtIpv6: planned?.mgmtIpv6,
        holder: undefined,
      };
    }),
    links: topology.links.map(({ endpoints: [one, two] }) => ({ endpoints: [endpoint(one), endpoint(two)] })),
    hostInterfaces: plan.hostInterfaces,
  };
}

/** Links to nodes that are left out go with them. */
function filterNodes(topology: Topology, names: readonly string[] | undefined): Loaded {
  if (names === undefined) return { ok: true, topology };
  const unknown = names.filter((name) => !topology.nodes.some((node) => node.name === name));
  if (unknown.length > 0)
    return {
      ok: false,
      message: `--node-filter: no node ${unknown.join(', ')}; there are: ${topology.nodes.map((node) => node.name).join(', ')}`,
    };
  const stays = (end: Endpoint): boolean => typeof end.node !== 'string' || names.includes(end.node);
  return {
    ok: true,
    topology: {
      ...topology,
      nodes: topology.nodes.filter((node) => names.includes(node.name)),
      links: topology.links.filter((link) => link.endpoints.every(stays)),
    },
  };
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
