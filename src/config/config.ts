// The configuration of a run: each setting (settings.ts) from flag, variable or default, with where it came from, and what is
// wrong with all of them together. Pure: flags, environment and host name are arguments. Reading the command line itself is
// cli/flags.ts; files named here are opened by those who need them.

import { datastoreType, type Environment, type FileConfig, type SocketAddress } from './parsers.ts';
import { type LogLevel, SETTINGS, type Setting, type SettingName, type ValueOf } from './settings.ts';

export type { Environment, FileConfig, SocketAddress } from './parsers.ts';
export * from './settings.ts';

/** sysexits.h: the command line itself is wrong. */
export const EXIT_USAGE = 64;
/** sysexits.h: the daemon or the datastore cannot be reached. */
export const EXIT_UNAVAILABLE = 69;
/** sysexits.h: a setting has a value that cannot be used. */
export const EXIT_CONFIG = 78;

export interface EtcdConfig {
  readonly type: 'etcd';
  /** `http://host:port` or `https://host:port`, without a path; all of one scheme. */
  readonly endpoints: readonly string[];
  /** The domain whose SRV records name the members, in place of `endpoints`. */
  readonly discoverySrv: string | undefined;
  readonly username: string | undefined;
  /** Never shown: `RunConfig.origins` has it masked. */
  readonly password: string | undefined;
  readonly caCertFile: string | undefined;
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
}

/** Where one value came from; for the log at start, and for messages about it later. */
export interface SettingOrigin {
  readonly setting: SettingName;
  /** As it was given; `(set)` in place of a secret. */
  readonly value: string;
  /** `--node`, `NODENAME` or `default`. */
  readonly from: string;
}

export interface RunConfig {
  readonly node: string;
  readonly datastore: EtcdConfig | FileConfig;
  readonly kernel: 'netlink' | 'none';
  /** Dotted quad, or `hash` of the node name; undefined is the node's IPv4 address. */
  readonly routerId: string | undefined;
  readonly control: string;
  /** undefined: no HTTP. */
  readonly http: SocketAddress | undefined;
  readonly stateDir: string;
  readonly secretsDir: string;
  readonly endpointStatusDir: string;
  readonly logLevel: LogLevel;
  /** SIGTERM leaves (withdraws, removes the kernel's routes, says Cease) where it would restart gracefully. */
  readonly leave: boolean;
  /** A change that leaves this node without any peer is applied also while routes are in use. */
  readonly allowIsolated: boolean;
  readonly origins: readonly SettingOrigin[];
  /** What works, and is probably not what was meant. */
  readonly warnings: readonly string[];
}

export type ConfigResult =
  | { readonly ok: true; readonly config: RunConfig }
  /** Every problem found, each a whole sentence for a person; exit with EXIT_CONFIG. */
  | { readonly ok: false; readonly problems: readonly string[] };
export type Reading<T> =
  | { readonly ok: true; readonly value: T | undefined; readonly text: string; readonly from: string }
  | { readonly ok: false; readonly problem: string };

/**
 * One setting: the flag, else the first variable that is set and not empty, else the default.
 * @param flags  flag (`--node`) → value as given; a switch is `true`.
 * @param host   the machine's host name.
 * @returns value undefined when nothing was given and there is no default; or the problem, as a sentence.
 */
export function readSetting<N extends SettingName>(
  name: N,
  flags: ReadonlyMap<string, string>,
  env: Environment,
  host: string,
): Reading<ValueOf<N>> {
  // The one place where the table's rows, each of its own type, are read through a common one.
  const row = SETTINGS[name] as unknown as Setting<ValueOf<N>>;
  const given = find(row, flags, env);
  const shown = given ? given.value : row.fallback?.(host);
  if (shown === undefined) return { ok: true, value: undefined, text: '', from: 'default' };
  const value = row.parse(shown);
  const from = given?.from ?? 'default';
  if (value !== undefined) return { ok: true, value, text: row.secret ? '(set)' : shown, from };
  const where = given
    ? `${from}${from.startsWith('-') ? ' ' : '='}${row.secret ? '(not shown)' : JSON.stringify(given.raw)}`
    : `the default of ${row.flag}, ${JSON.stringify(shown)},`;
  const advice = given ? '' : `; set ${[row.flag, ...row.variables.map((v) => v.name)].join(' or ')}`;
  return { ok: false, problem: `${where} is not usable: accepted is ${row.accepts}${advice}` };
}

/** All settings of `run` (and of `resolve`). @param flags, env, host  as for readSetting. */
export function readConfig(flags: ReadonlyMap<string, string>, env: Environment, host: string): ConfigResult {
  const problems: string[] = [];
  const origins: SettingOrigin[] = [];
  const read = <N extends SettingName>(name: N): ValueOf<N> | undefined => {
    const reading = readSetting(name, flags, env, host);
    if (!reading.ok) {
      problems.push(reading.problem);
      return undefined;
    }
    if (reading.value !== undefined) {
      origins.push({ setting: name, value: reading.text, from: reading.from });
    }
    return reading.value;
  };
  /** A setting with a default: undefined only beside a problem, and then nothing of the result is used. */
  const need = <N extends SettingName>(name: N): ValueOf<N> => read(name) as ValueOf<N>;

  const node = need('node');
  const kind = need('datastore');
  const etcd: EtcdConfig = {
    type: 'etcd',
    endpoints: need('etcdEndpoints'),
    discoverySrv: read('etcdDiscoverySrv'),
    username: read('etcdUsername'),
    password: read('etcdPassword'),
    caCertFile: read('etcdCaCertFile'),
    certFile: read('etcdCertFile'),
    keyFile: read('etcdKeyFile'),
  };
  const kernel = need('kernel');
  const routerId = read('routerId');
  const control = need('control');
  const http = need('http');
  const stateDir = need('stateDir');
  const secretsDir = need('secretsDir');
  const endpointStatusDir = need('endpointStatusDir');
  const logLevel = need('logLevel');
  const leave = need('leave');
  const allowIsolated = need('allowIsolated');
  const warnings: string[] = [];
  if (problems.length === 0 && kind.type === 'etcd') {
    const named = origins.some(({ setting, from }) => setting === 'etcdEndpoints' && from !== 'default');
    if (etcd.discoverySrv !== undefined && named) {
      problems.push(
        'the members of etcd are named twice: set --etcd-endpoints (ETCD_ENDPOINTS) or --etcd-discovery-srv (ETCD_DISCOVERY_SRV), not both',
      );
    }
    checkEtcd(etcd, problems, warnings);
  }
  if (problems.length > 0) return { ok: false, problems };
  return {
    ok: true,
    config: {
      node,
      datastore: kind.type === 'etcd' ? etcd : kind,
      kernel,
      routerId,
      control,
      http: http === 'off' ? undefined : http,
      stateDir,
      secretsDir,
      endpointStatusDir,
      logLevel,
      leave,
      allowIsolated,
      // What a file datastore does not use is not worth a line in the log.
      origins: origins.filter(({ setting }) => kind.type === 'etcd' || !setting.startsWith('etcd')),
      warnings,
    },
  };
}

/** What each value is right in, and all of them together are not. */
function checkEtcd(etcd: EtcdConfig, problems: string[], warnings: string[]): void {
  const { username, password, caCertFile, certFile, keyFile } = etcd;
  if (certFile !== undefined && keyFile === undefined) {
    problems.push('--etcd-cert-file is set and its key is not: set --etcd-key-file (ETCD_KEY_FILE) as well');
  }
  if (keyFile !== undefined && certFile === undefined) {
    problems.push(
      '--etcd-key-file is set and its certificate is not: set --etcd-cert-file (ETCD_CERT_FILE) as well',
    );
  }
  if (username !== undefined && password === undefined) {
    problems.push('--etcd-username is set and its password is not: set ETCD_PASSWORD as well');
  }
  if (password !== undefined && username === undefined) {
    problems.push('ETCD_PASSWORD is set and the user is not: set --etcd-username (ETCD_USERNAME) as well');
  }
  const files = caCertFile ?? certFile ?? keyFile;
  if (
    files !== undefined &&
    etcd.discoverySrv === undefined &&
    etcd.endpoints.every((url) => url.startsWith('http:'))
  ) {
    warnings.push(
      `certificates for etcd are set (${files}) and not used, since the endpoints are http: ${etcd.endpoints.join(', ')}`,
    );
  }
}

function find(
  row: Setting<unknown>,
  flags: ReadonlyMap<string, string>,
  env: Environment,
): { readonly value: string; readonly raw: string; readonly from: string } | undefined {
  const flag = row.flag === undefined ? undefined : flags.get(row.flag);
  if (row.flag !== undefined && flag !== undefined) {
    // `file` alone takes its path from the variable, as DATASTORE_TYPE does.
    const value = row.flag === '--datastore' && flag === 'file' ? datastoreType(flag, env) : flag;
    return { value, raw: flag, from: row.flag };
  }
  for (const { name, toFlag } of row.variables) {
    const raw = env[name];
    // Environment files set what is not used to nothing: `ETCD_USERNAME=`.
    if (raw) return { value: toFlag ? toFlag(raw, env) : raw, raw, from: name };
  }
  return undefined;
}
