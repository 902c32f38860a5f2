// May this program make namespaces? Root may; an ordinary user may inside a user namespace, where the kernel allows one.
// The user's labs then live in one such namespace, kept by a holder process until the last lab is destroyed.

import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isAlive, type ProcessRef, processRef, signalProcess } from './process.ts';

export type Privilege =
  | { readonly kind: 'enough' }
  /** Not here, but in a user namespace: see runInUserNamespace. */
  | { readonly kind: 'user-namespace' }
  | { readonly kind: 'none'; readonly message: string };

const CAP_NET_ADMIN = 12n;
const CAP_SYS_ADMIN = 21n;
/** Set for programs in the user's namespace: the holder's pid and start time. */
const HOLDER_VARIABLE = 'MESOS_BGP_LAB_HOLDER';

/** Finds out by trying, since the kernel's switches are many and differ between distributions. */
export function detectPrivilege(): Privilege {
  const capabilities = effectiveCapabilities();
  const has = (bit: bigint): boolean => ((capabilities >> bit) & 1n) === 1n;
  if (process.getuid?.() === 0 && has(CAP_NET_ADMIN) && has(CAP_SYS_ADMIN)) return { kind: 'enough' };
  const tried = spawnSync('unshare', ['--user', '--map-root-user', '--net', '--mount', 'true'], {
    encoding: 'utf8',
  });
  if (tried.status === 0) return { kind: 'user-namespace' };
  const cause = tried.error ? `unshare: ${tried.error.message}` : (tried.stderr ?? '').trim();
  return {
    kind: 'none',
    message: [
      `A lab needs network namespaces, and neither this user nor a user namespace may make them (${cause}).`,
      ...hints(),
      'Or run the same command as root, for example with sudo.',
    ].join('\n'),
  };
}

/** What each known switch says, with the command that turns it. */
function hints(): string[] {
  const switches = [
    {
      file: '/proc/sys/user/max_user_namespaces',
      closed: '0',
      open: 'sysctl -w user.max_user_namespaces=15000',
    },
    {
      file: '/proc/sys/kernel/unprivileged_userns_clone',
      closed: '0',
      open: 'sysctl -w kernel.unprivileged_userns_clone=1',
    },
    {
      file: '/proc/sys/kernel/apparmor_restrict_unprivileged_userns',
      closed: '1',
      open: 'sysctl -w kernel.apparmor_restrict_unprivileged_userns=0',
    },
  ];
  return switches
    .filter(({ file, closed }) => readText(file)?.trim() === closed)
    .map(({ file, open }) => `${file} forbids it; root can allow it: ${open}`);
}

function effectiveCapabilities(): bigint {
  const hex = /^CapEff:\s*([0-9a-f]+)/m.exec(readText('/proc/self/status') ?? '')?.[1];
  return hex === undefined ? 0n : BigInt(`0x${hex}`);
}

/**
 * Runs this very program again, with the same arguments, inside the user's namespace, and waits for it.
 * There it is root over its own network and has a /run of its own; the rest of the file system is as before.
 * @returns its exit code.
 */
export async function runInUserNamespace(): Promise<number> {
  const holder = findHolder() ?? (await startHolder());
  if (typeof holder === 'string') {
    process.stderr.write(`${holder}\n`);
    return 1;
  }
  const child = spawn(
    'nsenter',
    [
      ...['--target', String(holder.pid), '--user', '--net', '--mount', '--preserve-credentials', '--'],
      // Entering a mount namespace leads to its root folder.
      ...['sh', '-c', 'cd "$1" && shift && exec "$@"', 'sh', process.cwd()],
      ...[process.execPath, ...process.execArgv, ...process.argv.slice(1)],
    ],
    { stdio: 'inherit', env: { ...process.env, [HOLDER_VARIABLE]: `${holder.pid} ${holder.startTicks}` } },
  );
  // The terminal sends Ctrl-C to both; the one inside cleans up, and this one waits for it.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  return new Promise((resolve) => {
    child.on('error', (error) => {
      process.stderr.write(`cannot enter the user namespace: ${error.message}\n`);
      resolve(1);
    });
    child.on('exit', (code) => {
      if (!isAlive(holder)) rmSync(holderFile(), { force: true });
      resolve(code ?? 1);
    });
  });
}

/** Ends the user's namespace. To be called inside, when no lab is left; elsewhere it does nothing. */
export function endUserNamespace(): void {
  const [pid, startTicks] = (process.env[HOLDER_VARIABLE] ?? '').split(' ');
  if (pid && startTicks) signalProcess({ pid: Number(pid), startTicks }, 'SIGKILL');
}

/** Shell words that bring a person into the user's namespace; empty when there is none around this program. */
export function entranceForPeople(): string {
  const pid = (process.env[HOLDER_VARIABLE] ?? '').split(' ')[0];
  return pid ? `nsenter --target ${pid} --user --net --mount --preserve-credentials -- ` : '';
}

/** A folder only this user can write to; /tmp when there is no XDG_RUNTIME_DIR. */
function holderFile(): string {
  const uid = process.getuid?.() ?? 0;
  const folder = join(process.env.XDG_RUNTIME_DIR || '/tmp', `mesos-bgp-lab-${uid}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (statSync(folder).uid !== uid) throw new Error(`${folder} belongs to another user`);
  return join(folder, 'holder.json');
}

function findHolder(): ProcessRef | undefined {
  const text = readText(holderFile());
  if (text === undefined) return undefined;
  try {
    const ref = JSON.parse(text) as ProcessRef;
    if (isAlive(ref)) return ref;
  } catch {
    // Half written by a program that was killed: as good as none.
  }
  rmSync(holderFile(), { force: true });
  return undefined;
}

/** ip-netns(8) keeps its names in /run/netns, which belongs to root: hence a /run of our own. */
const HOLDER_SCRIPT = [
  'set -e',
  'mount -t tmpfs -o mode=755 lab-run /run',
  'mkdir -p /run/netns /run/lock',
  'ip link set dev lo up',
  'echo ready',
  'exec sleep infinity </dev/null >/dev/null 2>&1',
].join('\n');

function startHolder(): Promise<ProcessRef | string> {
  return new Promise((resolve) => {
    const child = spawn(
      'unshare',
      ['--user', '--map-root-user', '--net', '--mount', '--', 'sh', '-c', HOLDER_SCRIPT],
      { detached: true, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let complaint = '';
    child.stderr.on('data', (chunk: Buffer) => (complaint += chunk));
    child.stdout.once('data', () => {
      const ref = processRef(child.pid ?? -1);
      if (!ref) return; // then 'close' has the reason
      writeFileSync(holderFile(), JSON.stringify(ref), { mode: 0o600 });
      child.unref();
      child.stdout.destroy();
      child.stderr.destroy();
      resolve(ref);
    });
    child.on('error', (error) => resolve(`cannot start unshare: ${error.message}`));
    child.on('close', (code) =>
      resolve(`the user namespace cannot be set up (exit code ${code}): ${complaint.trim()}`),
    );
  });
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
