import { type RunConfig, readConfig, SETTINGS } from '../../../src/config/config.ts';

const read = (
  flags: Record<string, string> = {},
  env: Record<string, string> = {},
  host = 'Host-1.Example\n',
) => readConfig(new Map(Object.entries(flags)), env, host);

function good(flags: Record<string, string> = {}, env: Record<string, string> = {}): RunConfig {
  const result = read(flags, env);
  if (!result.ok) throw new Error(result.problems.join('\n'));
  return result.config;
}

function problems(flags: Record<string, string> = {}, env: Record<string, string> = {}): readonly string[] {
  const result = read(flags, env);
  return result.ok ? [] : result.problems;
}

describe('defaults', () => {
  it('are those of the interface', () => {
    const { origins, ...config } = good();
    expect(config).toEqual({
      node: 'host-1.example',
      datastore: {
        type: 'etcd',
        endpoints: ['http://127.0.0.1:2379'],
        discoverySrv: undefined,
        username: undefined,
        password: undefined,
        caCertFile: undefined,
        certFile: undefined,
        keyFile: undefined,
      },
      kernel: 'netlink',
      routerId: undefined,
      control: '/run/mesos-bgp/control.sock',
      http: { address: '127.0.0.1', port: 9791 },
      stateDir: '/var/lib/mesos-bgp',
      secretsDir: '/etc/mesos-bgp/secrets',
      endpointStatusDir: '/var/run/calico/endpoint-status',
      logLevel: 'info',
      leave: false,
      allowIsolated: false,
      warnings: [],
    });
    expect(new Set(origins.map((origin) => origin.from))).toEqual(new Set(['default']));
  });

  it('of every row are values that the row accepts', () => {
    for (const row of Object.values(SETTINGS)) {
      const text = row.fallback?.('host-1');
      if (text !== undefined) expect([row.flag, row.parse(text)]).not.toContain(undefined);
    }
  });
});

describe('where a value comes from', () => {
  it('is the flag before the variable before the default, and is recorded', () => {
    const origin = (config: RunConfig) => config.origins.find(({ setting }) => setting === 'node');
    expect(origin(good())).toEqual({ setting: 'node', value: 'host-1.example', from: 'default' });
    expect(origin(good({}, { NODENAME: 'b' }))).toEqual({ setting: 'node', value: 'b', from: 'NODENAME' });
    expect(origin(good({ '--node': 'a' }, { NODENAME: 'b' }))).toEqual({
      setting: 'node',
      value: 'a',
      from: '--node',
    });
  });

  it('is the default when a variable is set to nothing, as environment files do', () => {
    expect(good({}, { NODENAME: '', ETCD_USERNAME: '', ETCD_ENDPOINTS: '' })).toEqual(good());
  });

  it('of a given node name keeps its case: only the host name is lowered', () => {
    expect(good({}, { NODENAME: 'Agent1' }).node).toBe('Agent1');
  });

  it.each([
    ['the flag', { '--endpoint-status-dir': '/a' }, { MESOS_BGP_ENDPOINT_STATUS_DIR: '/b' }, '/a'],
    [
      'our variable',
      {},
      { MESOS_BGP_ENDPOINT_STATUS_DIR: '/b', CALICO_ENDPOINT_STATUS_PATH_PREFIX: '/c' },
      '/b',
    ],
    [
      'the folder below Calico’s prefix',
      {},
      { CALICO_ENDPOINT_STATUS_PATH_PREFIX: '/c/' },
      '/c/endpoint-status',
    ],
  ] as [string, Record<string, string>, Record<string, string>, string][])(
    'of the endpoint status folder is %s',
    (_, flags, env, folder) => {
      expect(good(flags, env).endpointStatusDir).toBe(folder);
    },
  );

  it('is not recorded for settings of etcd when a file is the datastore', () => {
    const { origins } = good({ '--datastore': 'file:/a' }, { ETCD_USERNAME: 'left-over' });
    expect(origins.filter(({ setting }) => setting.startsWith('etcd'))).toEqual([]);
    expect(good().origins.map(({ setting }) => setting)).toContain('etcdEndpoints');
  });

  it('never shows a password', () => {
    const config = good({ '--etcd-username': 'calico' }, { ETCD_PASSWORD: 'hunter2' });
    expect(config.datastore).toMatchObject({ username: 'calico', password: 'hunter2' });
    expect(JSON.stringify(config.origins)).not.toContain('hunter2');
    expect(config.origins).toContainEqual({ setting: 'etcdPassword', value: '(set)', from: 'ETCD_PASSWORD' });
  });
});

describe('the datastore', () => {
  it.each([
    ['--datastore etcd', { '--datastore': 'etcd' }, {}, 'etcd'],
    ['DATASTORE_TYPE=etcdv3', {}, { DATASTORE_TYPE: 'etcdv3' }, 'etcd'],
    ['--datastore file:/a', { '--datastore': 'file:/a' }, {}, '/a'],
    ['--datastore file with MESOS_BGP_FILE', { '--datastore': 'file' }, { MESOS_BGP_FILE: '/b' }, '/b'],
    ['DATASTORE_TYPE=file with MESOS_BGP_FILE', {}, { DATASTORE_TYPE: 'file', MESOS_BGP_FILE: '/b' }, '/b'],
    ['MESOS_BGP_FILE alone', {}, { MESOS_BGP_FILE: '/b' }, '/b'],
    [
      'DATASTORE_TYPE=etcdv3 over MESOS_BGP_FILE',
      {},
      { DATASTORE_TYPE: 'etcdv3', MESOS_BGP_FILE: '/b' },
      'etcd',
    ],
    ['--datastore etcd over MESOS_BGP_FILE', { '--datastore': 'etcd' }, { MESOS_BGP_FILE: '/b' }, 'etcd'],
    ['a path with a colon', { '--datastore': 'file:/a:b' }, {}, '/a:b'],
  ] as [string, Record<string, string>, Record<string, string>, string][])(
    '%s',
    (_, flags, env, expected) => {
      const { datastore } = good(flags, env);
      expect(datastore.type === 'etcd' ? 'etcd' : datastore.path).toBe(expected);
    },
  );

  it.each([
    [{}, { DATASTORE_TYPE: 'kubernetes' }, 'DATASTORE_TYPE="kubernetes"'],
    [{}, { DATASTORE_TYPE: 'file' }, 'DATASTORE_TYPE="file"'],
    [{ '--datastore': 'file' }, {}, '--datastore "file"'],
    [{ '--datastore': 'file:' }, {}, '--datastore "file:"'],
    [{ '--datastore': 'consul' }, { DATASTORE_TYPE: 'etcdv3' }, '--datastore "consul"'],
  ] as [Record<string, string>, Record<string, string>, string][])('refused: %j %j', (flags, env, where) => {
    expect(problems(flags, env)).toEqual([
      `${where} is not usable: accepted is ${SETTINGS.datastore.accepts}`,
    ]);
  });
});

describe('etcd endpoints', () => {
  it.each([
    ['http://10.0.0.5:2379', ['http://10.0.0.5:2379']],
    ['https://etcd1.example.com:2379/', ['https://etcd1.example.com:2379']],
    [' http://a:1 , http://b:2 ,', ['http://a:1', 'http://b:2']],
    ['http://[fd00::5]:2379', ['http://[fd00::5]:2379']],
    ['HTTP://a:1,http://a:1', ['http://a:1']],
    ['http://a', ['http://a:2379']],
    ['http://a:80', ['http://a:80']],
  ])('%s', (text, endpoints) => {
    expect(good({}, { ETCD_ENDPOINTS: text }).datastore).toMatchObject({ endpoints });
  });

  it.each([
    '10.0.0.5:2379',
    'ftp://a:1',
    'http://a:1,https://b:1',
    'http://a:70000',
    'http://a:0',
    'http://u:p@a:1',
    'http://a:1/v3',
    ',',
  ])('refuses %s, naming the variable, the value and what is right', (text) => {
    expect(problems({}, { ETCD_ENDPOINTS: text })).toEqual([
      `ETCD_ENDPOINTS=${JSON.stringify(text)} is not usable: accepted is ${SETTINGS.etcdEndpoints.accepts}`,
    ]);
  });

  it('need both halves of a certificate, and both of a login', () => {
    expect(problems({ '--etcd-cert-file': '/c' })).toEqual([expect.stringContaining('--etcd-key-file')]);
    expect(problems({ '--etcd-key-file': '/k' })).toEqual([expect.stringContaining('--etcd-cert-file')]);
    expect(problems({ '--etcd-username': 'u' })).toEqual([expect.stringContaining('ETCD_PASSWORD')]);
    expect(problems({}, { ETCD_PASSWORD: 'p' })).toEqual([expect.stringContaining('--etcd-username')]);
  });

  it('of a file datastore are not judged', () => {
    expect(problems({ '--datastore': 'file:/a' }, { ETCD_USERNAME: 'left-over' })).toEqual([]);
  });

  it('by http with certificates work, and warn that those are not used', () => {
    expect(good({ '--etcd-ca-cert-file': '/ca' }).warnings).toEqual([expect.stringContaining('/ca')]);
    expect(good({ '--etcd-ca-cert-file': '/ca', '--etcd-endpoints': 'https://a:1' }).warnings).toEqual([]);
  });

  it('by SRV records of a domain are in place of endpoints, and not beside them', () => {
    const srv = { ETCD_DISCOVERY_SRV: 'example.com' };
    expect(good({}, srv).datastore).toMatchObject({ discoverySrv: 'example.com' });
    expect(good({ '--etcd-discovery-srv': 'a.example.com.' }).datastore).toMatchObject({
      discoverySrv: 'a.example.com.',
    });
    expect(good({ '--etcd-ca-cert-file': '/ca' }, srv).warnings).toEqual([]);
    expect(problems({}, { ...srv, ETCD_ENDPOINTS: 'http://a:1' })).toEqual([
      expect.stringMatching(/named twice.*ETCD_ENDPOINTS.*ETCD_DISCOVERY_SRV/),
    ]);
    expect(problems({}, { ETCD_DISCOVERY_SRV: 'http://example.com' })).toHaveLength(1);
  });
});

describe('values', () => {
  it.each([
    ['http', '127.0.0.1:9791', { address: '127.0.0.1', port: 9791 }],
    ['http', '[::1]:0', { address: '::1', port: 0 }],
    ['http', 'off', undefined],
    ['routerId', 'hash', 'hash'],
    ['routerId', '10.0.0.1', '10.0.0.1'],
    ['kernel', 'NONE', 'none'],
    ['logLevel', 'Debug', 'debug'],
    ['control', '/tmp/a.sock', '/tmp/a.sock'],
  ] as const)('%s %s', (name, text, value) => {
    expect(good({ [String(SETTINGS[name].flag)]: text })[name]).toEqual(value);
  });

  it.each([
    ['http', '9791'],
    ['http', 'localhost:9791'],
    ['http', '127.0.0.1:65536'],
    ['http', '127.0.0.256:80'],
    ['http', '127.0.0.1:'],
    ['http', ''],
    ['routerId', '0.0.0.0'],
    ['routerId', '10.0.0.01'],
    ['routerId', 'fd00::1'],
    ['routerId', 'Hash1'],
    ['kernel', 'ebpf'],
    ['logLevel', 'verbose'],
    ['node', 'a b'],
    ['node', 'a/b'],
    ['node', ''],
    ['control', `/${'x'.repeat(107)}`],
    ['control', `/${'é'.repeat(54)}`],
    ['stateDir', ''],
  ] as const)('%s %j is refused with flag, value and what is accepted', (name, text) => {
    const { flag, accepts } = SETTINGS[name];
    expect(problems({ [String(flag)]: text })).toEqual([
      `${flag} ${JSON.stringify(text)} is not usable: accepted is ${accepts}`,
    ]);
  });

  it('that are wrong are all told at once', () => {
    expect(problems({ '--kernel': 'x' }, { MESOS_BGP_HTTP: 'y', NODENAME: 'a b' })).toHaveLength(3);
  });

  it('that cannot be guessed say how to give them: a machine without a usable host name', () => {
    const result = read({}, {}, '');
    expect(result).toEqual({
      ok: false,
      problems: [expect.stringMatching(/--node.*set --node or NODENAME$/)],
    });
  });
});
