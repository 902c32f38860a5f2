// Namespaces as the operating system has them: made, entered, filled with processes and ended, by way of ip(8),
// unshare(1), nsenter(1) and mount(8). What belongs into which namespace, and in what order, is decided in plan.ts.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { groundScript, nodeScript, privateFolder, READY } from './mounts.ts';
import type { MountPoint, NodeMounts } from './operation.ts';
import { type ExecResult, type ProcessRef, processRef, type RunOptions, run } from './process.ts';
import { joinWords } from './words.ts';

const NETNS = '/run/netns';

/** What is needed to run something in a node. */
export interface Inside {
  readonly namespace: string | undefined;
  readonly holder: ProcessRef | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly importEnv: boolean;
}

/** undefined when it went well, else the reason as one text for people. */
export type Failure = string | undefined;

export const namespaceExists = (name: string): boolean => existsSync(join(NETNS, name));

export async function addNamespace(name: string): Promise<Failure> {
  if (namespaceExists(name))
    return `network namespace ${name} exists already: destroy the lab it belongs to, or deploy with --reconfigure`;
  return failure(['ip', 'netns', 'add', name]);
}

export async function removeNamespace(name: string): Promise<Failure> {
  return namespaceExists(name) ? failure(['ip', 'netns', 'delete', name]) : undefined;
}

/** `net:[4026532…]` of a namespace, as /proc/<pid>/ns/net of the processes in it reads; undefined if it is gone. */
export async function networkId(name: string): Promise<string | undefined> {
  if (!namespaceExists(name)) return undefined;
  const result = await run(['nsenter', `--net=${NETNS}/${name}`, '--', 'readlink', '/proc/self/ns/net']);
  return result.code === 0 ? result.stdout.trim() : undefined;
}

/** Runs ip(8) in a namespace, or in the runner's own for `undefined`. */
export function ipIn(namespace: string | undefined, args: readonly string[]): Promise<Failure> {
  return failure(['ip', ...(namespace === undefined ? [] : ['-n', namespace]), ...args]);
}

/** Writes /proc/sys of the namespace; keys as sysctl(8) takes them, with dots, or slashes where a name has dots. */
export async function setSysctl(namespace: string, key: string, value: string): Promise<Failure> {
  const path = `/proc/sys/${key.includes('/') ? key : key.replaceAll('.', '/')}`;
  const result = await run(
    ['nsenter', `--net=${NETNS}/${namespace}`, '--', 'sh', '-c', 'printf "%s" "$1" >"$2"', 'sh', value, path],
    { timeoutMs: 5_000 },
  );
  return result.code === 0 ? undefined : `sysctl ${key}=${value}: ${lastLine(result.stderr)}`;
}

/** Starts the process that holds the lab's ground: see mounts.ts. */
export function holdGround(
  namespace: string,
  mountPoints: readonly MountPoint[],
): Promise<ProcessRef | string> {
  return hold([
    ...['nsenter', `--net=${NETNS}/${namespace}`, '--', 'unshare', '--mount', '--uts', '--'],
    ...['sh', '-c', groundScript(mountPoints)],
  ]);
}

/** Starts the process that holds a node's mounts and host name. */
export function holdNode(
  namespace: string,
  ground: ProcessRef,
  mounts: NodeMounts,
  nodeDirectory: string,
): Promise<ProcessRef | string> {
  for (const folder of mounts.privateFolders)
    mkdirSync(privateFolder(nodeDirectory, folder), { recursive: true });
  return hold([
    ...['nsenter', `--net=${NETNS}/${namespace}`, `--mount=/proc/${ground.pid}/ns/mnt`, '--'],
    ...['unshare', '--mount', '--uts', '--', 'sh', '-c', nodeScript(mounts, nodeDirectory)],
  ]);
}

/** @returns the process once it has said READY, or why it did not. Every program on the way is replaced by the next, so the pid stays. */
function hold(argv: readonly string[]): Promise<ProcessRef | string> {
  return new Promise((resolve) => {
    const child = spawn(argv[0]!, argv.slice(1), { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    let complaint = '';
    child.stderr.on('data', (chunk: Buffer) => (complaint += chunk));
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk;
      const ref = said.includes(READY) && child.pid !== undefined ? processRef(child.pid) : undefined;
      if (!ref) return;
      child.unref();
      child.stdout.destroy();
      child.stderr.destroy();
      resolve(ref);
    });
    child.on('error', (error) => resolve(`cannot start ${argv[0]}: ${error.message}`));
    child.on('close', (code) =>
      resolve(`namespaces cannot be set up (exit code ${code}): ${complaint.trim()}`),
    );
  });
}

/** Command line that runs `argv` inside a node; for one without namespaces of its own (kind host) `argv` itself. */
export function enter(inside: Inside, argv: readonly string[]): readonly string[] {
  if (inside.namespace === undefined) return argv;
  const held = inside.holder
    ? [`--mount=/proc/${inside.holder.pid}/ns/mnt`, `--uts=/proc/${inside.holder.pid}/ns/uts`]
    : [];
  return ['nsenter', `--net=${NETNS}/${inside.namespace}`, ...held, '--', ...argv];
}

/** What a node's processes inherit from the caller: nothing that would make two machines differ. */
const INHERITED: readonly string[] = ['HOME', 'LANG', 'LC_ALL', 'TERM', 'TZ', 'USER'];

/** The environment inside: the node's own over a few of the caller's, and a PATH with the folders of ip and bird. */
export function environment(
  inside: Inside,
  more: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const inherited = Object.entries(process.env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && (inside.importEnv || INHERITED.includes(entry[0])),
  );
  const path = new Set([...(process.env.PATH ?? '').split(':').filter(Boolean), dirname(process.execPath)]);
  for (const folder of ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'])
    path.add(folder);
  return { ...Object.fromEntries(inherited), PATH: [...path].join(':'), ...inside.env, ...more };
}

/** Runs a program in a node to its end; its working folder is `/`. */
export function execInside(
  inside: Inside,
  argv: readonly string[],
  options: RunOptions = {},
): Promise<ExecResult> {
  return run(enter(inside, argv), { ...options, env: environment(inside, options.env) });
}

/** Starts a program in a node. It outlives the caller, in a session of its own; its output is appended to the files. */
export function spawnInside(
  inside: Inside,
  argv: readonly string[],
  options: {
    readonly env?: Readonly<Record<string, string>>;
    readonly stdout: string;
    readonly stderr: string;
  },
): ChildProcess {
  for (const file of [options.stdout, options.stderr]) mkdirSync(dirname(file), { recursive: true });
  const stdout = openSync(options.stdout, 'a');
  const stderr = options.stderr === options.stdout ? stdout : openSync(options.stderr, 'a');
  const [program, ...args] = enter(inside, argv);
  const child = spawn(program!, args, {
    env: environment(inside, options.env),
    cwd: '/',
    detached: true,
    stdio: ['ignore', stdout, stderr],
  });
  child.unref();
  closeSync(stdout);
  if (stderr !== stdout) closeSync(stderr);
  return child;
}

/** Names of network namespaces, as `ip netns` lists them. */
export function namespaceNames(): readonly string[] {
  try {
    return readdirSync(NETNS).sort();
  } catch {
    return [];
  }
}

/** The runner's own network, `net:[…]`. */
export const ownNetworkId = (): string => readlinkSync('/proc/self/ns/net');

async function failure(argv: readonly string[]): Promise<Failure> {
  const result = await run(argv, { timeoutMs: 10_000 });
  return result.code === 0
    ? undefined
    : `\`${joinWords(argv)}\` failed with exit code ${result.code}: ${result.stderr.trim()}`;
}

const lastLine = (text: string): string => text.trim().split('\n').at(-1) ?? '';
