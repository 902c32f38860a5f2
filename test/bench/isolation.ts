// Where the bench runs: in a network namespace of its own, which goes with it, on one core, the daemons on the other.

import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';

const MARK = 'MESOS_BGP_BENCH_INSIDE';

export interface Cores {
  readonly generator: number | undefined;
  readonly daemon: number | undefined;
}

/** With one core alone both share it, and the figures say so. */
export const cores = (): Cores =>
  cpus().length < 2 ? { generator: undefined, daemon: undefined } : { generator: 0, daemon: 1 };

export const inside = (): boolean => process.env[MARK] !== undefined;

/** Runs this program once more where it is alone. @returns its exit code. */
export function reenter(): Promise<number> {
  const { generator } = cores();
  const [program, ...args] = [
    ...['unshare', '--net', '--kill-child=SIGTERM'],
    ...(generator === undefined ? [] : ['taskset', '-c', `${generator}`]),
    ...[process.execPath, ...process.execArgv, ...process.argv.slice(1)],
  ];
  const child = spawn(program!, args, { stdio: 'inherit', env: { ...process.env, [MARK]: '1' } });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => void (signal !== 'SIGINT' && child.kill(signal)));
  return new Promise((resolve) => {
    child.on('error', (error) => {
      console.error(`unshare: ${error.message}`);
      resolve(1);
    });
    child.on('exit', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 1)));
  });
}

const CABLE_NEAR_END = '172.30.0.1';
/** A next hop that resolves; nobody answers there. */
export const CABLE_FAR_END = '172.30.0.2';

/** IPv4 routes in the kernel, from its own statistics: counting them costs less than reading them. */
export function countKernelRoutes(): number {
  const text = readFileSync('/proc/net/fib_triestat', 'latin1');
  // Both tables are one trie until there is a rule, and are shown twice then: the first is Main.
  return Number(/Prefixes:\s+(\d+)/.exec(text)?.[1] ?? 0);
}

/** Addresses of all far ends are local here; a cable that ends nowhere takes kernel routes. */
export function prepareNetwork(): void {
  for (const line of [
    'link set lo up',
    'address add 10.0.0.1/8 dev lo',
    '-6 address add fd00::1/128 dev lo nodad',
    '-6 route add local fd00::/16 dev lo',
    'link add cable0 type veth peer name cable1',
    `address add ${CABLE_NEAR_END}/24 dev cable0`,
    'link set cable0 up',
    'link set cable1 up',
  ]) {
    const { status, stderr } = spawnSync('ip', line.split(' '), { encoding: 'utf8' });
    if (status !== 0) throw new Error(`ip ${line}: ${stderr.trim()}`);
  }
  // Far ends bind to addresses that are local by the route alone, which IPv6 takes for foreign ones.
  writeFileSync('/proc/sys/net/ipv6/ip_nonlocal_bind', '1');
}
