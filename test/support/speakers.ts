// Other BGP speakers in a lab, all behind one interface: what each is told in its own configuration language, and what each
// says of the routes that it heard. A file a speaker; here is what they have in common.

import { readFileSync, writeFileSync } from 'node:fs';
import type { LabProcess } from '../../src/lab/background.ts';
import type { Lab, LabNode } from '../../src/lab/lab.ts';
import { until } from './etcd.ts';

/** What a speaker shall be. Each neighbor has the family of its address, and no other. */
export interface Settings {
  readonly asNumber: number;
  /** The BGP Identifier. */
  readonly routerId: string;
  readonly clusterId?: string;
  readonly neighbors: readonly Neighbor[];
  /** Made here. */
  readonly routes: readonly Announcement[];
}

export interface Neighbor {
  /** The speaker's own, with the interface behind a link-local one: `fe80::2%eth1`. */
  readonly local: string;
  readonly address: string;
  readonly asNumber: number;
  readonly client?: boolean;
  /** TCP MD5 (RFC 2385). */
  readonly password?: string;
  /** GTSM (RFC 5082), over one hop or so many. */
  readonly ttlSecurity?: boolean;
  readonly ttlHops?: number;
  /** The neighbor is behind a router. */
  readonly multihop?: boolean;
  /** The neighbor's, and its own for this one, where they are not 179. */
  readonly port?: number;
  readonly localPort?: number;
  /** Waits for the other side to connect. */
  readonly passive?: boolean;
  /** As if the speaker were from before RFC 6793. */
  readonly withoutAs4?: boolean;
  readonly addPaths?: boolean;
  readonly extendedMessages?: boolean;
}

export interface Announcement {
  readonly prefix: string;
  readonly communities?: readonly string[];
  readonly largeCommunities?: readonly string[];
  readonly multiExitDisc?: number;
  /** In front of what the speaker itself puts there. */
  readonly asPath?: readonly number[];
}

/** A route as the speaker shows it. What it does not show, or does not have, is undefined or empty. */
export interface Heard {
  readonly prefix: string;
  /** Address of the neighbor. */
  readonly from: string;
  readonly nextHop: string;
  readonly asPath: readonly number[];
  readonly localPref?: number | undefined;
  readonly multiExitDisc?: number | undefined;
  readonly communities: readonly string[];
  readonly largeCommunities: readonly string[];
  readonly originatorId?: string | undefined;
  readonly clusterList: readonly string[];
}

export interface OtherSpeaker {
  readonly node: LabNode;
  /** The one that has the sessions. */
  readonly process: LabProcess;
  /** Routes of a family from all neighbors, not those made here. */
  heard(family: 4 | 6): Promise<readonly Heard[]>;
  /** Asks that neighbor to send all again (RFC 2918). */
  askAgain(neighbor: string): Promise<void>;
  announce(route: Announcement): Promise<void>;
  withdraw(prefix: string): Promise<void>;
}

/**
 * Starts it in a node of the lab, and gives it back when it answers.
 * @param restarted  it was here a moment ago, and tells its neighbors so (RFC 4724).
 */
export type StartSpeaker = (
  lab: Lab,
  node: string,
  settings: Settings,
  restarted?: boolean,
) => Promise<OtherSpeaker>;

export const familyOf = (addressOrPrefix: string): 4 | 6 => (addressOrPrefix.includes(':') ? 6 : 4);

/** Writes a file into a folder that the node has for itself. @returns its path inside. */
export function privateFile(node: LabNode, file: string, content: string, mode = 0o644): string {
  writeFileSync(outside(node, file), content, { mode });
  return file;
}

/** Where a file of the node is, seen from here. */
export function outside(node: LabNode, file: string): string {
  const path = node.path(file);
  if (path === undefined) throw new Error(`${file} is not private to ${node.name}`);
  return path;
}

/** @throws with the log of a process that ended instead. */
export async function untilAnswers(
  process: LabProcess,
  what: string,
  answers: () => boolean | Promise<boolean>,
): Promise<void> {
  await until(async () => !process.running || (await answers()), what);
  if (process.running) return;
  throw new Error(`${what} in ${process.node} ended: ${readFileSync(process.log, 'utf8')}`);
}

/** Runs a program of the speaker. @throws when it fails. */
export async function ask(node: LabNode, ...command: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await node.exec(command);
  if (code !== 0) throw new Error(`${node.name}: ${command.join(' ')}: ${stdout}${stderr}`);
  return stdout;
}

/** A route of that prefix, once it has come. @throws with what there is instead. */
export async function heardRoute(
  speaker: OtherSpeaker,
  prefix: string,
  fits: (route: Heard) => boolean = () => true,
): Promise<Heard> {
  let routes: readonly Heard[] = [];
  let found: Heard | undefined;
  try {
    await until(async () => {
      routes = await speaker.heard(familyOf(prefix));
      found = routes.find((route) => route.prefix === prefix && fits(route));
      return found !== undefined;
    }, `${speaker.node.name} has heard of ${prefix}`);
  } catch (error) {
    throw new Error(`${(error as Error).message}; it has ${JSON.stringify(routes)}`);
  }
  return found!;
}

export const untilGone = (speaker: OtherSpeaker, prefix: string): Promise<void> =>
  until(
    async () => !(await speaker.heard(familyOf(prefix))).some((route) => route.prefix === prefix),
    `${prefix} is gone at ${speaker.node.name}`,
  );
