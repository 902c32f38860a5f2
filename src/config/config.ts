// The settings of the daemon as one table: flag, variables, default, meaning, and how text becomes a value. Help, messages,
// the parser and the record of where each value came from are all made from it. Pure: flags, environment and host name
// are arguments. Reading the command line itself is cli/flags.ts; files named here are opened by those who need them.

/** sysexits.h: the command line itself is wrong. */
export const EXIT_USAGE = 64;
/** sysexits.h: the daemon or the datastore cannot be reached. */
export const EXIT_UNAVAILABLE = 69;
/** sysexits.h: a setting has a value that cannot be used. */
export const EXIT_CONFIG = 78;

export type Environment = Readonly<Record<string, string | undefined>>;

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface SocketAddress {
  readonly address: string;
  /** 0 lets the system choose a free port. */
  readonly port: number;
}

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

export interface FileConfig {
  readonly type: 'file';
  /** A YAML or JSON file, or a folder of them. */
  readonly path: string;
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

/** An environment variable; where its language differs from the flag's, `toFlag` translates. */
export interface Variable {
  readonly name: string;
  readonly toFlag?: (value: string, env: Environment) => string;
}

export interface Setting<T> {
  /** undefined: by variable only, since anyone on the machine can read a command line. */
  readonly flag: string | undefined;
  /** Stands for the value in help; undefined is a switch. */
  readonly value: string | undefined;
  /** The first that is set and not empty counts. */
  readonly variables: readonly Variable[];
  /** As the flag would be given; undefined when there is none. */
  readonly fallback: ((host: string) => string) | undefined;
  /** The default in words, for help. */
  readonly fallbackText: string;
  readonly help: string;
  /** What a message about a wrong value says is right. */
  readonly accepts: string;
  readonly secret?: true;
  /** @returns undefined when the text cannot be used. */
  readonly parse: (text: string) => T | undefined;
}

const setting = <T>(row: Setting<T>): Setting<T> => row;
const text = (value: string): string | undefined => value || undefined;
const path = (value: string): string | undefined => (value.includes('\0') ? undefined : text(value));
const oneOf =
  <T extends string>(...values: readonly T[]) =>
  (value: string): T | undefined =>
    values.find((one) => one === value.toLowerCase());

const etcdFile = (flag: string, variable: string, what: string): Setting<string> => ({
  flag,
  value: 'PATH',
  variables: [{ name: variable }],
  fallback: undefined,
  fallbackText: 'none',
  help: `${what}, PEM`,
  accepts: 'the path of a PEM file',
  parse: path,
});

const folder = (flag: string, variables: readonly Variable[], standard: string, help: string) =>
  setting({
    flag,
    value: 'PATH',
    variables,
    fallback: () => standard,
    fallbackText: standard,
    help,
    accepts: 'the path of a folder',
    parse: path,
  });

/** A row a setting, in the order of help. Names of variables that calico/node has are kept. */
export const SETTINGS = {
  node: setting({
    flag: '--node',
    value: 'NAME',
    variables: [{ name: 'NODENAME' }],
    fallback: (host) => host.trim().toLowerCase(),
    fallbackText: 'the host name, lower case',
    help: 'name of the Node resource that is this machine',
    accepts: 'the name of a Node resource: up to 253 characters, no spaces, no "/"',
    parse: (value) => (/^[^\s/]{1,253}$/.test(value) ? value : undefined),
  }),
  datastore: setting({
    flag: '--datastore',
    value: 'etcd|file:PATH',
    variables: [
      { name: 'DATASTORE_TYPE', toFlag: datastoreType },
      { name: 'MESOS_BGP_FILE', toFlag: (value) => `file:${value}` },
    ],
    fallback: () => 'etcd',
    fallbackText: 'etcd',
    help: "where Calico's resources are: etcd, or a YAML or JSON file or a folder of them",
    accepts: '"etcd" or "file:PATH" (DATASTORE_TYPE: "etcdv3", or "file" with MESOS_BGP_FILE=PATH)',
    parse: parseDatastore,
  }),
  etcdEndpoints: setting({
    flag: '--etcd-endpoints',
    value: 'URL,URL',
    variables: [{ name: 'ETCD_ENDPOINTS' }],
    fallback: () => 'http://127.0.0.1:2379',
    fallbackText: 'http://127.0.0.1:2379',
    help: 'members of the etcd cluster',
    accepts:
      'URLs like http://10.0.0.5:2379 or https://etcd1.example.com:2379, comma-separated, all http or all https',
    parse: parseEndpoints,
  }),
  etcdDiscoverySrv: setting({
    flag: '--etcd-discovery-srv',
    value: 'DOMAIN',
    variables: [{ name: 'ETCD_DISCOVERY_SRV' }],
    fallback: undefined,
    fallbackText: 'none',
    help: 'in place of endpoints: the domain whose _etcd-client-ssl._tcp or _etcd-client._tcp SRV records name the members',
    accepts: 'a domain like example.com',
    parse: (value) =>
      /^(?=.{1,253}\.?$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?$/i.test(value) ? value : undefined,
  }),
  etcdUsername: setting({
    flag: '--etcd-username',
    value: 'NAME',
    variables: [{ name: 'ETCD_USERNAME' }],
    fallback: undefined,
    fallbackText: 'none',
    help: 'etcd user; its password comes from ETCD_PASSWORD alone',
    accepts: 'the name of an etcd user',
    parse: text,
  }),
  etcdPassword: setting({
    flag: undefined,
    value: 'PASSWORD',
    variables: [{ name: 'ETCD_PASSWORD' }],
    fallback: undefined,
    fallbackText: 'none',
    help: 'password of the etcd user',
    accepts: 'a password',
    secret: true,
    parse: text,
  }),
  etcdCaCertFile: etcdFile('--etcd-ca-cert-file', 'ETCD_CA_CERT_FILE', 'who signed the certificates of etcd'),
  etcdCertFile: etcdFile('--etcd-cert-file', 'ETCD_CERT_FILE', 'our certificate for etcd'),
  etcdKeyFile: etcdFile('--etcd-key-file', 'ETCD_KEY_FILE', 'the key of that certificate'),
  kernel: setting({
    flag: '--kernel',
    value: 'netlink|none',
    variables: [{ name: 'MESOS_BGP_KERNEL' }],
    fallback: () => 'netlink',
    fallbackText: 'netlink',
    help: 'where routes are installed; netlink needs CAP_NET_ADMIN, none installs nothing',
    accepts: '"netlink" or "none"',
    parse: oneOf('netlink', 'none'),
  }),
  routerId: setting({
    flag: '--router-id',
    value: 'ADDRESS|hash',
    variables: [{ name: 'CALICO_ROUTER_ID' }],
    fallback: undefined,
    fallbackText: "the node's IPv4 address",
    help: 'BGP Identifier: a dotted quad, or a hash of the node name',
    accepts: 'a dotted quad other than 0.0.0.0, like 10.0.0.1, or "hash"',
    parse: parseRouterId,
  }),
  control: setting({
    flag: '--control',
    value: 'PATH',
    variables: [{ name: 'MESOS_BGP_CONTROL' }],
    fallback: () => '/run/mesos-bgp/control.sock',
    fallbackText: '/run/mesos-bgp/control.sock',
    help: "the daemon's control socket",
    accepts: 'a path of at most 107 octets, the limit of a unix socket',
    parse: (value) => (path(value) !== undefined && utf8Length(value) <= 107 ? value : undefined),
  }),
  http: setting({
    flag: '--http',
    value: 'ADDRESS:PORT|off',
    variables: [{ name: 'MESOS_BGP_HTTP' }],
    fallback: () => '127.0.0.1:9791',
    fallbackText: '127.0.0.1:9791',
    help: 'read-only views, /healthz and /readyz over HTTP; port 0 takes a free one',
    accepts: 'ADDRESS:PORT like 127.0.0.1:9791 or [::1]:9791, or "off"',
    parse: parseHttp,
  }),
  stateDir: folder(
    '--state-dir',
    [{ name: 'MESOS_BGP_STATE_DIR' }],
    '/var/lib/mesos-bgp',
    'what outlives the process',
  ),
  secretsDir: folder(
    '--secrets-dir',
    [{ name: 'MESOS_BGP_SECRETS_DIR' }],
    '/etc/mesos-bgp/secrets',
    'passwords: the value of secretKeyRef {name, key} is the file name/key',
  ),
  endpointStatusDir: folder(
    '--endpoint-status-dir',
    [
      { name: 'MESOS_BGP_ENDPOINT_STATUS_DIR' },
      {
        name: 'CALICO_ENDPOINT_STATUS_PATH_PREFIX',
        toFlag: (value) => `${value.replace(/\/+$/, '')}/endpoint-status`,
      },
    ],
    '/var/run/calico/endpoint-status',
    "Felix's files about local workloads",
  ),
  logLevel: setting({
    flag: '--log-level',
    value: 'LEVEL',
    variables: [{ name: 'MESOS_BGP_LOG_LEVEL' }],
    fallback: () => 'info',
    fallbackText: 'info',
    help: `${LOG_LEVELS.join(', ')}; JSON lines on stderr; unless given, logSeverityScreen of BGPConfiguration counts`,
    accepts: LOG_LEVELS.join(', '),
    parse: oneOf(...LOG_LEVELS),
  }),
  leave: setting({
    flag: '--leave',
    value: undefined,
    variables: [],
    fallback: () => 'false',
    fallbackText: 'restart gracefully',
    help: 'on SIGTERM withdraw, remove our kernel routes and say Cease, as before taking the machine away',
    accepts: 'nothing: it is a switch',
    parse: oneOfTwo,
  }),
  allowIsolated: setting({
    flag: '--allow-isolated',
    value: undefined,
    variables: [{ name: 'MESOS_BGP_ALLOW_ISOLATED' }],
    fallback: () => 'false',
    fallbackText: 'such a change is held back and reported',
    help: 'apply also a change of peerings that leaves this node with no peer at all while routes are in use',
    accepts: 'nothing: it is a switch (MESOS_BGP_ALLOW_ISOLATED: "true" or "false")',
    parse: oneOfTwo,
  }),
} as const;

export type SettingName = keyof typeof SETTINGS;
type ValueOf<N extends SettingName> = Exclude<ReturnType<(typeof SETTINGS)[N]['parse']>, undefined>;

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

function datastoreType(value: string, env: Environment): string {
  const type = value.toLowerCase();
  if (type === 'etcdv3') return 'etcd';
  return type === 'file' && env.MESOS_BGP_FILE ? `file:${env.MESOS_BGP_FILE}` : type;
}

function parseDatastore(value: string): { readonly type: 'etcd' } | FileConfig | undefined {
  if (value === 'etcd' || value === 'etcdv3') return { type: 'etcd' };
  const file = value.startsWith('file:') ? path(value.slice('file:'.length)) : undefined;
  return file === undefined ? undefined : { type: 'file', path: file };
}

function parseEndpoints(value: string): readonly string[] | undefined {
  const endpoints: string[] = [];
  for (const part of value.split(',').map((one) => one.trim())) {
    if (part === '') continue; // a trailing comma
    // URL drops a scheme's default port, so the text is kept; userinfo, path and query mean nothing to etcd.
    const match = /^(https?):\/\/(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([0-9]{1,5}))?\/?$/i.exec(part);
    if (match === null || Number(match[3] ?? 1) > 65535 || Number(match[3] ?? 1) === 0) return undefined;
    endpoints.push(`${match[1]!.toLowerCase()}://${match[2]}:${match[3] ?? '2379'}`);
  }
  const schemes = new Set(endpoints.map((url) => url.slice(0, url.indexOf(':'))));
  return schemes.size === 1 ? [...new Set(endpoints)] : undefined;
}

function oneOfTwo(value: string): boolean | undefined {
  return value === 'true' ? true : value === 'false' ? false : undefined;
}

function parseRouterId(value: string): string | undefined {
  return value === 'hash' || (isDottedQuad(value) && value !== '0.0.0.0') ? value : undefined;
}

function parseHttp(value: string): SocketAddress | 'off' | undefined {
  if (value === 'off') return 'off';
  const match = /^(?:\[([0-9a-f:.]+)\]|([0-9.]+)):([0-9]{1,5})$/i.exec(value);
  const port = Number(match?.[3]);
  if (match === null || port > 65535) return undefined;
  const address = match[1] ?? match[2]!;
  return match[1] !== undefined || isDottedQuad(address) ? { address, port } : undefined;
}

const isDottedQuad = (value: string): boolean =>
  /^(0|[1-9][0-9]{0,2})(\.(0|[1-9][0-9]{0,2})){3}$/.test(value) &&
  value.split('.').every((octet) => Number(octet) <= 255);

/** Octets of the text in UTF-8, as the kernel counts a path. */
const utf8Length = (value: string): number => new TextEncoder().encode(value).length;
