// A lab for programs: deploy or open one, run things in its nodes, take links down, end it. The command line, the demo
// and the tests stand on this file.

import { deploy } from './deploy.ts';
import { initialState } from './initial-state.ts';
import { LabLink } from './link.ts';
import { ipIn, networkId, ownNetworkId, removeNamespace } from './namespaces.ts';
import { LabNode } from './node.ts';
import { planLab } from './plan.ts';
import { endProcesses, processesInNetworks } from './process.ts';
import { formatProblem } from './source.ts';
import { LabDirectory, type LabState, labNames, runDirectory } from './state.ts';
import { filterNodes, type LabOptions, loadTopology } from './topology-file.ts';

export { LabLink, LabNode };

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

export type Deployed =
  | { readonly ok: true; readonly lab: Lab }
  /** `lab` is what stands all the same: to look at, and to destroy. */
  | { readonly ok: false; readonly message: string; readonly lab?: Lab };

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
