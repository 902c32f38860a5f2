import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { planLab } from '../../../src/lab/plan.ts';
import type { Topology } from '../../../src/lab/spec.ts';
import { type ParseContext, parseTopology } from '../../../src/lab/topology.ts';

const context: ParseContext = { file: '/labs/x.clab.yml', env: {} };

function parsed(text: string, more: Partial<ParseContext> = {}): Topology {
  const result = parseTopology(text, { ...context, ...more });
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.topology;
}

function problems(text: string, more: Partial<ParseContext> = {}): string[] {
  const result = parseTopology(text, { ...context, ...more });
  return result.ok
    ? []
    : result.problems.map((problem) => `${problem.line}: ${problem.path}: ${problem.message}`);
}

const withNodes = (nodes: string, rest = ''): string => `name: x\ntopology:\n  nodes:\n${nodes}\n${rest}`;

describe('names', () => {
  it('of namespaces are those of containers in containerlab', () => {
    const named = (head: string) =>
      parsed(`${head}\ntopology: {nodes: {a: {kind: linux}}}`).nodes[0]!.longName;
    expect(named('name: x')).toBe('clab-x-a');
    expect(named('name: x\nprefix: p')).toBe('p-x-a');
    expect(named('name: x\nprefix: ""')).toBe('a');
    expect(named('name: x\nprefix: __lab-name')).toBe('x-a');
  });
  it('can be given for a second copy', () => {
    const text = withNodes('    a: {kind: linux}');
    expect(parsed(text, { name: 'y' }).nodes[0]!.longName).toBe('clab-y-a');
  });
});

describe('node over group over kind over defaults', () => {
  const text = `
name: x
topology:
  defaults:
    kind: linux
    image: from-defaults
    env: {A: defaults, B: defaults}
    exec: [echo defaults]
    binds: ["d:/one", "d:/two"]
    sysctls: {net.ipv4.ip_forward: 0}
  kinds:
    linux: {image: from-kind, env: {B: kind, C: 3}, exec: [echo kind]}
  groups:
    agent: {env: {C: group}, exec: [echo group], labels: {role: agent}, sysctls: {net.ipv4.ip_forward: 1}}
  nodes:
    plain: {}
    a1: {group: agent, image: own, env: {D: true}, exec: [echo node], binds: ["n:/two:ro"], cmd: sleep 1}
`;
  const [plain, a1] = parsed(text).nodes;

  it('replaces single values', () => {
    expect([plain!.image, a1!.image]).toEqual(['from-kind', 'own']);
  });
  it('joins maps by key, values as text', () => {
    expect(plain!.env).toEqual({ A: 'defaults', B: 'kind', C: '3' });
    expect(a1!.env).toEqual({ A: 'defaults', B: 'kind', C: 'group', D: 'true' });
    expect(a1!.sysctls).toEqual({ 'net.ipv4.ip_forward': '1' });
  });
  it('runs exec from the general to the special, each with its place', () => {
    expect(a1!.exec.map((line) => line.words[1])).toEqual(['defaults', 'kind', 'group', 'node']);
    expect(a1!.exec[2]!.path).toBe('topology.groups.agent.exec[0]');
  });
  it('lets the special bind win where the target is the same', () => {
    expect(a1!.binds).toEqual([
      { source: '/labs/d', target: '/one', readOnly: false },
      { source: '/labs/n', target: '/two', readOnly: true },
    ]);
  });
  it('takes the kind from the group too', () => {
    const nodes = parsed(`name: x\ntopology: {groups: {g: {kind: bridge}}, nodes: {b: {group: g}}}`).nodes;
    expect(nodes[0]!.kind).toBe('bridge');
  });
});

describe('environment', () => {
  const readFile = (path: string) =>
    path === '/labs/a.env' ? '# comment\nA=file\nexport B="quoted"\nnot a pair\n' : undefined;
  it('comes from env-files under env', () => {
    const node = parsed(withNodes('    a: {kind: linux, env-files: [a.env], env: {A: own}}'), { readFile })
      .nodes[0]!;
    expect(node.env).toEqual({ A: 'own', B: 'quoted' });
  });
  it('takes the caller in when told, without a variable of that name', () => {
    const node = parsed(withNodes('    a: {kind: linux, env: {__IMPORT_ENVS: true}}')).nodes[0]!;
    expect(node).toMatchObject({ importEnv: true, env: {} });
  });
  it('misses no unreadable file', () => {
    expect(problems(withNodes('    a: {kind: linux, env-files: [b.env]}'), { readFile })).toEqual([
      '4: topology.nodes.a.env-files[0]: cannot read /labs/b.env',
    ]);
  });
});

describe('links', () => {
  const two = '    a: {kind: linux}\n    b: {kind: linux}\n    br: {kind: bridge}';
  const links = (text: string) => parsed(withNodes(two, `  links:\n    - ${text}`)).links;

  it('are brief', () => {
    expect(links('endpoints: ["a:eth1", "br:p1"]\n      mtu: 1500')).toEqual([
      {
        endpoints: [
          { node: 'a', interface: 'eth1', mac: undefined },
          { node: 'br', interface: 'p1', mac: undefined },
        ],
        mtu: 1500,
      },
    ]);
  });
  it('or long, with MAC addresses', () => {
    const [link] = links(
      'type: veth\n      endpoints: [{node: a, interface: eth1, mac: "02:00:00:00:00:01"}, {node: b, interface: eth1}]',
    );
    expect(link!.endpoints[0].mac).toBe('02:00:00:00:00:01');
    expect(link!.mtu).toBe(9500);
  });
  it('lead to the host, to the management network, or nowhere', () => {
    expect(links('endpoints: ["a:eth1", "host:x1"]')[0]!.endpoints[1].node).toEqual({ special: 'host' });
    expect(
      links('type: host\n      endpoint: {node: a, interface: eth1}\n      host-interface: x1')[0]!
        .endpoints[1],
    ).toEqual({ node: { special: 'host' }, interface: 'x1', mac: undefined });
    expect(links('endpoints: ["a:eth1", "mgmt-net:m1"]')[0]!.endpoints[1].node).toEqual({
      special: 'mgmt-net',
    });
    expect(links('type: dummy\n      endpoint: {node: a, interface: lo1}')[0]!.endpoints[1].node).toEqual({
      special: 'nowhere',
    });
  });
});

describe('what is wrong is told with line and place', () => {
  it.each<[string, string, string[]]>([
    ['no name', 'topology: {nodes: {a: {kind: linux}}}', ['1: name: is required']],
    [
      'a bad name',
      'name: "-x"\ntopology: {nodes: {a: {kind: linux}}}',
      ['1: name: "-x" is no lab name: letters, digits, - . _ only'],
    ],
    [
      'no topology',
      'name: x',
      ['1: topology: is required', '1: topology.nodes: there is none; a lab needs at least one'],
    ],
    ['a doubled key', 'name: x\nname: y\n', ['2: : Map keys must be unique']],
    [
      'no kind',
      withNodes('    a: {}'),
      ['4: topology.nodes.a.kind: kind is required: linux, bridge or host'],
    ],
    [
      'a kind that needs an image',
      withNodes('    a: {kind: nokia_srlinux}'),
      [
        '4: topology.nodes.a.kind: kind "nokia_srlinux" needs an image, and namespaces have none; linux, bridge and host work, or map it with --kind-map nokia_srlinux=linux',
      ],
    ],
    [
      'an unknown group',
      withNodes('    a:\n      kind: linux\n      group: g'),
      ['6: topology.nodes.a.group: "g" is not in topology.groups'],
    ],
    [
      'a field with a typing error',
      withNodes('    a:\n      kind: linux\n      exce: [true]'),
      ['6: topology.nodes.a.exce: is no field of a node in containerlab; look for a typing error'],
    ],
    [
      'an open quote in exec',
      withNodes('    a:\n      kind: linux\n      exec:\n        - ip link\n        - sh -c "x'),
      ['8: topology.nodes.a.exec[1]: "sh -c "x" has an open "'],
    ],
    [
      'exec that is no list',
      withNodes('    a: {kind: linux, exec: ip link}'),
      ['4: topology.nodes.a.exec: should be a list'],
    ],
    [
      'a bind without target',
      withNodes('    a: {kind: linux, binds: ["x"]}'),
      ['4: topology.nodes.a.binds[0]: "x" is no bind: source:/absolute/target[:ro]'],
    ],
    [
      'a network mode of containers',
      withNodes('    a: {kind: linux, network-mode: "container:b"}'),
      [
        '4: topology.nodes.a.network-mode: "container:b" cannot be had here: leave it out, or say none (no management interface)',
      ],
    ],
    [
      'waiting for nobody',
      withNodes('    a: {kind: linux, stages: {configure: {wait-for: [{node: z, stage: create}]}}}'),
      ['4: topology.nodes.a: stage configure waits for "z", which is no node'],
    ],
    [
      'a stage that there is not',
      withNodes('    a: {kind: linux, stages: {start: {}}}'),
      [
        '4: topology.nodes.a.stages.start: "start" should be one of create, create-links, configure, healthy, exit',
      ],
    ],
    [
      'an endpoint without node',
      withNodes('    a: {kind: linux}', '  links:\n    - endpoints: ["a:eth1", "b:eth1"]'),
      ['6: topology.links[0].endpoints[1]: no node "b"; there are: a'],
    ],
    [
      'a name that no interface can have',
      withNodes('    a: {kind: linux}', '  links:\n    - endpoints: ["a:eth1", "a:sixteen-letters-"]'),
      [
        '6: topology.links[0].endpoints[1]: "sixteen-letters-" is no interface name: 1 to 15 characters, without blanks, "/" and ":"',
      ],
    ],
    [
      'the management interface in a link',
      withNodes(
        '    a: {kind: linux}\n    b: {kind: bridge}',
        '  links:\n    - endpoints: ["a:eth0", "b:p"]',
      ),
      [
        '7: topology.links[0].endpoints[0]: eth0 is the management interface; use another, or network-mode: none on the node',
      ],
    ],
    [
      'one interface twice',
      withNodes(
        '    a: {kind: linux}\n    b: {kind: bridge}\n    c: {kind: bridge}',
        '  links:\n    - endpoints: ["a:eth1", "b:p"]\n    - endpoints: ["a:eth2", "c:p"]',
      ),
      ['9: topology.links[1]: interface "p" is there twice among the bridges, which share one namespace'],
    ],
    [
      'a link with one end',
      withNodes('    a: {kind: linux}', '  links:\n    - endpoints: ["a:eth1"]'),
      ['6: topology.links[0].endpoints: a link has two endpoints, this one has 1'],
    ],
    [
      'a link type that needs more than namespaces',
      withNodes('    a: {kind: linux}', '  links:\n    - type: vxlan'),
      ['6: topology.links[0].type: "vxlan" is not done here: veth, host, mgmt-net and dummy are'],
    ],
    [
      'a management subnet that is none',
      'name: x\nmgmt: {ipv4-subnet: 172.20.20.0}\ntopology: {nodes: {a: {kind: linux}}}',
      ['2: mgmt.ipv4-subnet: "172.20.20.0" is no IPv4 subnet (address/length)'],
    ],
  ])('%s', (_name, text, expected) => {
    expect(problems(text)).toEqual(expected);
  });

  it('all at once, in the order of the file', () => {
    const text = withNodes('    a: {kind: linux, exce: 1}\n    b: {}', '  links: [{endpoints: [x]}]');
    expect(problems(text).map((problem) => problem.slice(0, 2))).toEqual(['4:', '5:', '6:']);
  });
});

it('what has no effect here is a warning, not a problem', () => {
  const { warnings } = parsed(withNodes('    a: {kind: linux, ports: ["80:80"], memory: 1G, image: x}'));
  expect(warnings.map((warning) => warning.path)).toEqual([
    'topology.nodes.a.ports',
    'topology.nodes.a.memory',
  ]);
});

it('a mapped kind is taken for ours', () => {
  expect(
    parsed(withNodes('    a: {kind: cisco_xrd}'), { kindMap: { cisco_xrd: 'linux' } }).nodes[0]!.kind,
  ).toBe('linux');
});

describe('the topologies of this repository', () => {
  const files = readdirSync('topologies', { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.clab.yml'),
  );
  it('are found', () => expect(files).toContain('three-hosts/three-hosts.clab.yml'));

  it.each(files)('%s is realised as a whole', (name) => {
    const file = resolve('topologies', name);
    const topology = parsed(readFileSync(file, 'utf8'), { file });
    expect(topology.warnings).toEqual([]);
    expect(planLab(topology, '/run/x').ok).toBe(true);
  });
});
