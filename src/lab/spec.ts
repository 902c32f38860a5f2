// A lab as plain data: what topology.ts reads out of a file and plan.ts turns into operations.

import type { Problem } from './source.ts';

/** What a node is here; every other kind of containerlab needs an image, which this runner has none of. */
export type Kind = 'linux' | 'bridge' | 'host';
export const STAGES = ['create', 'create-links', 'configure', 'healthy', 'exit'] as const;
export type Stage = (typeof STAGES)[number];

export interface Bind {
  /** Absolute, but for magic words. */
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

/** A command line of the file, in words; `path` says where it stands. */
export interface CommandLine {
  readonly words: readonly string[];
  readonly path: string;
}

export interface Healthcheck {
  readonly test: readonly string[];
  readonly intervalSeconds: number;
  readonly timeoutSeconds: number;
  readonly retries: number;
  readonly startPeriodSeconds: number;
}

export interface NodeSpec {
  readonly name: string;
  /** `clab-<lab>-<node>`, or as `prefix` wants it: container name there, namespace name here. */
  readonly longName: string;
  readonly kind: Kind;
  readonly group: string;
  readonly image: string;
  readonly hostname: string;
  readonly cmd: CommandLine | undefined;
  readonly exec: readonly CommandLine[];
  readonly env: Readonly<Record<string, string>>;
  readonly importEnv: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly sysctls: Readonly<Record<string, string>>;
  readonly binds: readonly Bind[];
  /** Whether it has `eth0` in the management network. */
  readonly managed: boolean;
  readonly mgmtIpv4: string | undefined;
  readonly mgmtIpv6: string | undefined;
  readonly startupDelaySeconds: number;
  readonly waitFor: readonly { readonly at: Stage; readonly node: string; readonly stage: Stage }[];
  readonly stageExec: readonly {
    readonly at: Stage;
    readonly phase: 'on-enter' | 'on-exit';
    readonly target: 'container' | 'host';
    readonly command: CommandLine;
  }[];
  readonly healthcheck: Healthcheck | undefined;
}

export interface Endpoint {
  /** A node's name, or one of the places that are no nodes. */
  readonly node: string | { readonly special: 'host' | 'mgmt-net' | 'nowhere' };
  readonly interface: string;
  /** Given, or undefined: then the runner derives one with containerlab's prefix aa:c1:ab. */
  readonly mac: string | undefined;
}

export interface LinkSpec {
  readonly endpoints: readonly [Endpoint, Endpoint];
  readonly mtu: number;
}

export interface Management {
  readonly ipv4Subnet: string;
  readonly ipv6Subnet: string;
  readonly mtu: number;
}

export interface Topology {
  readonly name: string;
  readonly prefix: string;
  /** Absolute path of the file, if it came from one. */
  readonly file: string;
  readonly nodes: readonly NodeSpec[];
  readonly links: readonly LinkSpec[];
  readonly management: Management;
  /** What is in the file and has no effect here. */
  readonly warnings: readonly Problem[];
}

/** containerlab's rule for container names: prefix `""` leaves the node's name alone, `__lab-name` leaves `clab` out. */
export function longName(prefix: string, lab: string, node: string): string {
  if (prefix === '') return node;
  return prefix === '__lab-name' ? `${lab}-${node}` : `${prefix}-${lab}-${node}`;
}
