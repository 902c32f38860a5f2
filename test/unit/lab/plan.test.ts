import type { Operation } from '../../../src/lab/operation.ts';
import { type Plan, planLab } from '../../../src/lab/plan.ts';
import { parseTopology } from '../../../src/lab/topology.ts';

function planOf(text: string): Plan | string[] {
  const parsed = parseTopology(text, { file: '/labs/x.clab.yml', env: {} });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const planned = planLab(parsed.topology, '/run/labs/x');
  return planned.ok ? planned.plan : planned.problems.map((problem) => problem.message);
}

function operations(text: string): readonly Operation[] {
  const plan = planOf(text);
  if (!('operations' in plan)) throw new Error(plan.join('\n'));
  return plan.operations;
}

/** One line an operation, as a person would type it. */
function line(operation: Operation): string {
  const at = 'node' in operation && operation.node !== undefined ? `${operation.node}: ` : '';
  switch (operation.type) {
    case 'ip':
      return `${at}ip ${operation.namespace === undefined ? '' : `-n ${operation.namespace} `}${operation.args.join(' ')}`;
    case 'namespace':
      return `${at}namespace ${operation.namespace}`;
    case 'sysctl':
      return `${at}sysctl ${operation.key}=${operation.value}`;
    case 'exec':
    case 'host-exec':
    case 'start':
      return `${at}${operation.type} ${operation.words.join(' ')}`;
    default:
      return `${at}${operation.type}`;
  }
}

const QUIET = 'kinds: {linux: {network-mode: none}}';

it('namespaces first, then links with their final names where they belong, then commands', () => {
  const text = `
name: x
topology:
  ${QUIET}
  nodes:
    a: {kind: linux, sysctls: {net.ipv4.ip_forward: 1}, cmd: sleep 9, exec: [ip link]}
    b: {kind: linux}
    br: {kind: bridge}
  links:
    - endpoints: ["a:eth1", "br:p1"]
    - {endpoints: ["a:eth2", "b:eth1"], mtu: 1500}
`;
  const masked = operations(text).map((operation) =>
    line(operation).replace(/aa:c1:ab(:[0-9a-f]{2}){3}/g, 'MAC'),
  );
  expect(masked).toEqual([
    'namespace clab-x.bridges',
    'ground',
    'br: ip -n clab-x.bridges link add name br type bridge mcast_snooping 0',
    'br: ip -n clab-x.bridges link set dev br addrgenmode none',
    'br: ip -n clab-x.bridges link set dev br up',
    'a: namespace clab-x-a',
    'a: hold',
    'a: ip -n clab-x-a link set dev lo up',
    'a: sysctl net.ipv4.ip_forward=1',
    'b: namespace clab-x-b',
    'b: hold',
    'b: ip -n clab-x-b link set dev lo up',
    'a: ip -n clab-x-a link add name eth1 mtu 9500 address MAC type veth peer name p1 mtu 9500 address MAC netns clab-x.bridges',
    'a: ip -n clab-x-a link set dev eth1 up',
    'br: ip -n clab-x.bridges link set dev p1 addrgenmode none',
    'br: ip -n clab-x.bridges link set dev p1 master br',
    'br: ip -n clab-x.bridges link set dev p1 up',
    'a: ip -n clab-x-a link add name eth2 mtu 1500 address MAC type veth peer name eth1 mtu 1500 address MAC netns clab-x-b',
    'a: ip -n clab-x-a link set dev eth2 up',
    'b: ip -n clab-x-b link set dev eth1 up',
    'a: start sleep 9',
    'a: exec ip link',
  ]);
});

it('derived MAC addresses differ within a lab, and stay the same from run to run', () => {
  const text = `
name: x
topology:
  ${QUIET}
  nodes: {a: {kind: linux}, b: {kind: linux}}
  links: [{endpoints: ["a:eth1", "b:eth1"]}, {endpoints: ["a:eth2", "b:eth2"]}]
`;
  const macs = () =>
    operations(text).flatMap((operation) => line(operation).match(/aa:c1:ab[:0-9a-f]*/g) ?? []);
  expect(new Set(macs()).size).toBe(4);
  expect(macs()).toEqual(macs());
});

it('the end of a link on the host is made from the host, in no namespace', () => {
  const lines = operations(
    `name: x\ntopology: {${QUIET}, nodes: {a: {kind: linux}}, links: [{endpoints: ["a:eth1", "host:x1"]}]}`,
  ).map(line);
  expect(lines.filter((text) => /link (add|set dev (x1|eth1))/.test(text))).toEqual([
    expect.stringMatching(/^a: ip link add name x1 .* peer name eth1 .* netns clab-x-a$/),
    'ip link set dev x1 up',
    'a: ip -n clab-x-a link set dev eth1 up',
  ]);
});

it('a dummy interface is a veth whose other end lies unused among the bridges', () => {
  const lines = operations(
    `name: x\ntopology: {${QUIET}, nodes: {a: {kind: linux}}, links: [{type: dummy, endpoint: {node: a, interface: lo1}}]}`,
  ).map(line);
  expect(lines).toContainEqual(
    expect.stringMatching(/add name lo1 .* peer name nw[0-9a-f]{10} .* netns clab-x\.bridges$/),
  );
});

describe('the management network', () => {
  const plan = planOf(`
name: x
mgmt: {ipv4-subnet: 192.0.2.0/28, ipv6-subnet: "2001:db8::/64"}
topology:
  nodes:
    a: {kind: linux}
    fixed: {kind: linux, mgmt-ipv4: 192.0.2.3}
    b: {kind: linux}
    none: {kind: linux, network-mode: none}
`) as Plan;

  it('numbers nodes after its gateway, around fixed addresses', () => {
    expect(plan.nodes.map((node) => [node.name, node.mgmtIpv4, node.mgmtIpv6])).toEqual([
      ['a', '192.0.2.2/28', '2001:db8::2/64'],
      ['fixed', '192.0.2.3/28', '2001:db8::3/64'],
      ['b', '192.0.2.4/28', '2001:db8::4/64'],
      ['none', undefined, undefined],
    ]);
  });
  it('gives the nodes eth0 and a default route', () => {
    expect(plan.operations.map(line)).toEqual(
      expect.arrayContaining([
        'ip -n clab-x.bridges address add 192.0.2.1/28 dev mgmt-net',
        'a: ip -n clab-x-a address add 192.0.2.2/28 dev eth0',
        'a: ip -n clab-x-a route add default via 2001:db8::1 dev eth0',
      ]),
    );
    expect(plan.operations.map(line).filter((text) => text.startsWith('none: ip'))).toHaveLength(1); // lo
  });
});

describe('stages', () => {
  const nodes = (text: string) => `name: x\ntopology:\n  ${QUIET}\n  nodes:\n${text}`;

  it('wait for those of other nodes', () => {
    const lines = operations(
      nodes(`
    a: {kind: linux, exec: [echo a], stages: {configure: {wait-for: [{node: b, stage: healthy}]}}}
    b: {kind: linux, exec: [echo b], healthcheck: {test: [CMD, "true"]}}
`),
    ).map(line);
    expect(lines.slice(-3)).toEqual(['b: exec echo b', 'b: await-healthy', 'a: exec echo a']);
  });

  it('a node that is created late gets its links then', () => {
    const lines = operations(
      `${nodes(`
    a: {kind: linux, exec: [echo a], stages: {create: {wait-for: [{node: b, stage: exit}]}}}
    b: {kind: linux, cmd: sleep 1}
`)}  links: [{endpoints: ["a:eth1", "b:eth1"]}]`,
    ).map(line);
    const at = (text: RegExp) => lines.findIndex((candidate) => text.test(candidate));
    expect(at(/^b: await-exit/)).toBeLessThan(at(/^a: namespace/));
    expect(at(/^a: hold/)).toBeLessThan(at(/link add/));
  });

  it('run commands when they are entered and left, in the node or on the host', () => {
    const lines = operations(
      nodes(`
    a:
      kind: linux
      exec: [echo main]
      stages:
        configure:
          exec:
            - {command: echo out __clabNodeName__, phase: on-exit, target: host}
            - {command: echo in}
`),
    ).map(line);
    expect(lines.slice(-3)).toEqual(['a: exec echo in', 'a: exec echo main', 'a: host-exec echo out a']);
  });

  it('cannot wait in a circle', () => {
    expect(
      planOf(
        nodes(`
    a: {kind: linux, stages: {create: {wait-for: [{node: b, stage: create}]}}}
    b: {kind: linux, stages: {create: {wait-for: [{node: a, stage: configure}]}}}
`),
      ),
    ).toEqual([expect.stringMatching(/wait for each other in a circle: a \(create\), b \(create\)/)]);
  });

  it('cannot wait for the health of a node that has no healthcheck', () => {
    expect(
      planOf(
        nodes(
          '    a: {kind: linux, stages: {exit: {wait-for: [{node: b, stage: healthy}]}}}\n    b: {kind: linux}',
        ),
      ),
    ).toEqual(['"b" is waited for until healthy, and has no healthcheck']);
  });
});

it('processes of a node see its labels and how many links it has', () => {
  const plan = planOf(`
name: x
topology:
  ${QUIET}
  nodes: {a: {kind: linux, labels: {my-role: agent}, env: {A: "1"}}, b: {kind: bridge}}
  links: [{endpoints: ["a:eth1", "b:p1"]}, {endpoints: ["a:eth2", "b:p2"]}]
`) as Plan;
  expect(plan.nodes[0]!.env).toEqual({ CLAB_LABEL_MY_ROLE: 'agent', CLAB_INTFS: '2', A: '1' });
});

it('magic words are put into exec, cmd and the sources of binds', () => {
  const text = `name: x\ntopology: {${QUIET}, nodes: {a: {kind: linux, exec: [echo __clabNodeName__], cmd: run __clabLabName__, binds: ["__clabNodeDir__/f:/f"]}}}`;
  const plan = planOf(text) as Plan;
  expect(plan.operations.map(line)).toEqual(
    expect.arrayContaining(['a: exec echo a', 'a: start run clab-x']),
  );
  const hold = plan.operations.find((operation) => operation.type === 'hold')!;
  expect(hold.mounts.binds).toEqual([{ source: '/run/labs/x/a/f', target: '/f', readOnly: false }]);
});
