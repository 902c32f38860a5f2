// What is known of a running lab, on disk, so that any process can look into it and end it, also after a crash.
//
//   <run directory>/<lab>/.lab.json          written before the first namespace is made, again when a node is held
//                        /.processes/<pid>   one file a background process: writers never meet
//                        /<node>/            its private folders and logs

import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProcessRef } from './process.ts';

export interface NodeState {
  readonly name: string;
  readonly longName: string;
  readonly kind: string;
  readonly group: string;
  readonly image: string;
  /** Of its network; bridges are in the lab's common one, `host` nodes in none. */
  readonly namespace: string | undefined;
  readonly env: Readonly<Record<string, string>>;
  /** Whether its processes get all of the caller's environment. */
  readonly importEnv: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly mgmtIpv4: string | undefined;
  readonly mgmtIpv6: string | undefined;
  /** Keeps the mount and host name namespaces; undefined until it runs, and for bridges and hosts. */
  readonly holder: ProcessRef | undefined;
}

export interface LinkState {
  readonly endpoints: readonly [EndpointState, EndpointState];
}

export interface EndpointState {
  /** A node's name, or host, mgmt-net, nowhere. */
  readonly node: string;
  readonly interface: string;
  readonly namespace: string | undefined;
}

export interface LabState {
  readonly version: 1;
  readonly name: string;
  readonly prefix: string;
  readonly topologyFile: string;
  readonly createdAt: string;
  readonly bridgesNamespace: string;
  readonly ground: ProcessRef | undefined;
  readonly nodes: readonly NodeState[];
  readonly links: readonly LinkState[];
  readonly hostInterfaces: readonly string[];
}

export interface ProcessState extends ProcessRef {
  readonly node: string;
  readonly name: string;
  readonly argv: readonly string[];
  readonly log: string;
}

/** Always under /run: in a user namespace the runner has a /run of its own, which ends with the labs in it. */
export const runDirectory = (env: Readonly<Record<string, string | undefined>>): string =>
  env.MESOS_BGP_LAB_DIR || '/run/mesos-bgp-lab';

/** One lab's folder. All writes are whole: a reader sees the old file or the new one. */
export class LabDirectory {
  readonly path: string;

  constructor(root: string, lab: string) {
    this.path = join(root, lab);
  }

  nodeDirectory(node: string): string {
    return join(this.path, node);
  }

  read(): LabState | undefined {
    return readJson<LabState>(join(this.path, '.lab.json'));
  }

  write(state: LabState): void {
    mkdirSync(this.path, { recursive: true });
    writeWhole(join(this.path, '.lab.json'), state);
  }

  addProcess(state: ProcessState): void {
    const folder = join(this.path, '.processes');
    mkdirSync(folder, { recursive: true });
    writeWhole(join(folder, String(state.pid)), state);
  }

  processes(): readonly ProcessState[] {
    const folder = join(this.path, '.processes');
    return listFolder(folder).flatMap((file) => readJson<ProcessState>(join(folder, file)) ?? []);
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Names of the labs that have a state. */
export function labNames(root: string): readonly string[] {
  return listFolder(root).filter((name) => new LabDirectory(root, name).read() !== undefined);
}

function listFolder(path: string): readonly string[] {
  try {
    return readdirSync(path).sort();
  } catch {
    return [];
  }
}

/** Our own files only: their shape is taken as written. */
function readJson<T>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as T;
  } catch {
    return undefined;
  }
}

function writeWhole(path: string, value: unknown): void {
  const draft = `${path}.${process.pid}.tmp`;
  writeFileSync(draft, `${JSON.stringify(value, null, 1)}\n`);
  renameSync(draft, path);
}
