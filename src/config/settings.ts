// The settings of the daemon as one table: flag, variables, default, meaning, and how text becomes a value. Help, messages,
// the parser and the record of where each value came from are all made from it.

import {
  datastoreType,
  type Environment,
  nonEmpty,
  oneOf,
  parseDatastore,
  parseEndpoints,
  parseHttp,
  parseRouterId,
  parseSwitch,
  path,
  utf8Length,
} from './parsers.ts';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

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
    parse: nonEmpty,
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
    parse: nonEmpty,
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
    parse: parseSwitch,
  }),
  allowIsolated: setting({
    flag: '--allow-isolated',
    value: undefined,
    variables: [{ name: 'MESOS_BGP_ALLOW_ISOLATED' }],
    fallback: () => 'false',
    fallbackText: 'such a change is held back and reported',
    help: 'apply also a change of peerings that leaves this node with no peer at all while routes are in use',
    accepts: 'nothing: it is a switch (MESOS_BGP_ALLOW_ISOLATED: "true" or "false")',
    parse: parseSwitch,
  }),
} as const;

export type SettingName = keyof typeof SETTINGS;
export type ValueOf<N extends SettingName> = Exclude<ReturnType<(typeof SETTINGS)[N]['parse']>, undefined>;
